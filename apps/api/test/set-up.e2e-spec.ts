import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { hasEnded } from '@ingot/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

type Step = (root: string, say: (line: string) => void) => Promise<void>;
interface SetUpModule {
  setUp: (root: string, steps: { install: Step; build: Step }) => Promise<void>;
}
interface BuildModule {
  hashOfInputs: (root: string) => string;
}
const script = <Module>(name: string) => import(pathToFileURL(path.resolve('scripts', name)).href) as Promise<Module>;

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'ingot set-up '));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(name: string, content: unknown = ''): void {
  mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
  writeFileSync(path.join(root, name), typeof content === 'string' ? content : JSON.stringify(content));
}

const HERE = {
  'node_modules/pg': { version: '8.0.0', integrity: 'sha512-pg' },
  'node_modules/@x/linux': { version: '1.0.0', integrity: 'sha512-l', optional: true },
};
const PACKAGES = { ...HERE, 'node_modules/@x/darwin': { version: '1.0.0', integrity: 'sha512-d', optional: true } };

describe('what the set-up does', () => {
  let done: string[];
  const steps = {
    async install() {
      done.push('install begins');
      await new Promise((resolve) => setTimeout(resolve, 50));
      write('node_modules/.package-lock.json', { packages: HERE });
      done.push('install ends');
    },
    async build(at: string) {
      done.push('build');
      const { hashOfInputs } = await script<BuildModule>('set-up/build.mjs');
      write('dist/apps/api/src/main.js');
      write('dist/.inputs', hashOfInputs(at));
    },
  };
  const setUp = async (): Promise<string[]> => {
    done = [];
    await (await script<SetUpModule>('set-up/set-up.mjs')).setUp(root, steps);
    return done;
  };
  const INSTALL = ['install begins', 'install ends'];

  beforeEach(async () => {
    write('package-lock.json', { packages: { '': { name: 'ingot' }, ...PACKAGES } });
    write('tsconfig.json', '{}');
    write('apps/api/src/main.ts', 'export {};');
    write('libs/a/src/index.ts', 'export const a = 1;');
    write('libs/a/src/index.spec.ts', 'test');
    expect(await setUp()).toEqual([...INSTALL, 'build']);
  });

  it('nothing when nothing changed, a package of another platform not being there notwithstanding', async () => {
    expect(await setUp()).toEqual([]);
    write('libs/a/src/index.spec.ts', 'another test');
    write('README.md', 'words');
    expect(await setUp()).toEqual([]);
  });

  it.each([
    ['node_modules is gone', () => rmSync(path.join(root, 'node_modules'), { recursive: true })],
    ['a package has another version', () => write('node_modules/.package-lock.json', { packages: { ...HERE, 'node_modules/pg': { version: '7.0.0', integrity: 'sha512-pg' } } })],
    ['a package has another content', () => write('node_modules/.package-lock.json', { packages: { ...HERE, 'node_modules/pg': { version: '8.0.0', integrity: 'sha512-other' } } })],
    ['a package is missing', () => write('node_modules/.package-lock.json', { packages: { 'node_modules/@x/linux': HERE['node_modules/@x/linux'] } })],
    ['a package is there that is not wanted', () => write('node_modules/.package-lock.json', { packages: { ...HERE, 'node_modules/more': { version: '1.0.0' } } })],
    ['the record of what is installed is damaged', () => write('node_modules/.package-lock.json', '{"packages":')],
  ])('npm ci when %s', async (_, change) => {
    change();
    expect(await setUp()).toEqual(INSTALL);
    expect(await setUp()).toEqual([]);
  });

  it('npm ci and a build when the lock file changed; a build alone when the packages are there already', async () => {
    write('package-lock.json', { packages: { '': {}, ...PACKAGES, 'node_modules/pg': { version: '8.0.1', integrity: 'sha512-new' } } });
    write('node_modules/.package-lock.json', { packages: { ...HERE, 'node_modules/pg': { version: '8.0.1', integrity: 'sha512-new' } } });
    expect(await setUp()).toEqual(['build']); // somebody ran `npm install`
    write('package-lock.json', { packages: { '': {}, ...PACKAGES } });
    write('node_modules/.package-lock.json', { packages: {} });
    expect(await setUp()).toEqual([...INSTALL, 'build']);
  });

  it.each([
    ['a source changed', () => write('libs/a/src/index.ts', 'export const a = 2;')],
    ['a source was added', () => write('db/index.ts')],
    ['a source was renamed', () => renameSync(path.join(root, 'libs/a/src/index.ts'), path.join(root, 'libs/a/src/other.ts'))],
    ['the compiler is told otherwise', () => write('tsconfig.json', '{"x":1}')],
    ['dist is gone', () => rmSync(path.join(root, 'dist'), { recursive: true })],
    ['dist was built by hand', () => rmSync(path.join(root, 'dist/.inputs'))],
  ])('a build when %s', async (_, change) => {
    change();
    expect(await setUp()).toEqual(['build']);
    expect(await setUp()).toEqual([]);
  });

  it('the work of several at once only once, one after the other', async () => {
    rmSync(path.join(root, 'node_modules'), { recursive: true });
    rmSync(path.join(root, 'dist'), { recursive: true });
    const lock = path.join(root, '.ingot/set-up');
    for (const name of readdirSync(lock)) rmSync(path.join(lock, name));
    write('.ingot/set-up/lock.1', { pid: spawnSync(process.execPath, ['-e', '']).pid, started: '1' }); // a killed one
    done = [];
    const { setUp: several } = await script<SetUpModule>('set-up/set-up.mjs');
    await Promise.all([several(root, steps), several(root, steps), several(root, steps)]);
    expect(done).toEqual([...INSTALL, 'build']);
  });
});

describe('the scripts', () => {
  const fakeNpm = (source: string) => {
    write('npm-cli.js', source);
    return { npm_execpath: path.join(root, 'npm-cli.js') };
  };
  const ingot = (env: Record<string, string>) => spawnSync(process.execPath, ['scripts/ingot.mjs', 'config'], { cwd: root, encoding: 'utf8', env: { PATH: process.env.PATH, ...env } });
  beforeEach(() => {
    cpSync('scripts', path.join(root, 'scripts'), { recursive: true });
    write('package.json', { type: 'module' });
    write('package-lock.json', { packages: { '': {} } });
    write('tsconfig.build.json', '{}');
  });

  it('show what npm said when it fails, and end with 1', () => {
    const { status, stderr, stdout } = ingot(fakeNpm('console.error("npm error code E404"); process.exit(7)'));
    expect(stderr).toBe('Installing packages (about a minute, once)...\nnpm error code E404\ningot: npm ci failed (exit code 7); its output is above\n');
    expect([status, stdout]).toEqual([1, '']);
  });

  it('install development packages too, also with NODE_ENV=production', () => {
    const npm = fakeNpm('(await import("node:fs")).writeFileSync("said", process.argv.slice(2).join(" "))');
    ingot({ ...npm, NODE_ENV: 'production' });
    expect(readFileSync(path.join(root, 'said'), 'utf8')).toBe('ci --include=dev --include=optional --no-audit --no-fund');
  });

  it('show what the compiler said when it fails, end with 1, and leave the old build in place', () => {
    write('dist/apps/api/src/main.js', 'old');
    write('node_modules/.package-lock.json', { packages: {} });
    write('node_modules/@nestjs/cli/bin/nest.js', 'console.log("TS2322: not assignable"); process.exit(1)');
    const { status, stderr } = ingot({});
    expect(stderr).toBe('Building...\nTS2322: not assignable\ningot: The build failed (exit code 1); its output is above\n');
    expect(status).toBe(1);
    expect(readFileSync(path.join(root, 'dist/apps/api/src/main.js'), 'utf8')).toBe('old');
    expect(existsSync(path.join(root, 'dist.fresh'))).toBe(false);
  });

  it('end the tool they run when they are ended', async () => {
    const npm = fakeNpm('(await import("node:fs")).writeFileSync("pid", String(process.pid)); setInterval(() => {}, 1000)');
    const child = spawn(process.execPath, ['scripts/ingot.mjs'], { cwd: root, stdio: 'ignore', env: { PATH: process.env.PATH, ...npm } });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    const pidFile = path.join(root, 'pid');
    while (!existsSync(pidFile) || readFileSync(pidFile, 'utf8') === '') await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill('SIGTERM');
    expect(await exit).toBe(143);
    expect(await hasEnded(Number(readFileSync(pidFile, 'utf8')))).toBe(true);
  });

  it('turn an old Node away in one line', () => {
    for (const [version, status] of [['18.20.8', 1], ['20.18.3', 1], ['20.19.0', 0], ['24.1.0', 0]] as const) {
      const source = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } }); await import('./scripts/set-up/require-node.mjs');`;
      const result = spawnSync(process.execPath, ['--input-type=module', '-e', source], { cwd: root, encoding: 'utf8' });
      expect(result.status).toBe(status);
      expect(result.stderr).toBe(status === 0 ? '' : `ingot: Node ${version} is too old: install Node 20.19 or newer (https://nodejs.org)\n`);
    }
  });

  it('end a test run with its count; a file that does not load is a failure', () => {
    symlinkSync(path.resolve('node_modules'), path.join(root, 'node_modules'));
    write('jest.config.mjs', 'export default { testMatch: ["**/*.t.js"] };');
    write('good.t.js', 'test("a", () => {}); test("b", () => {});');
    const run = (...args: string[]) =>
      spawnSync(process.execPath, ['--input-type=module', '-e', `import { runJest } from './scripts/set-up/jest.mjs'; runJest(${JSON.stringify(args)})`], { cwd: root, encoding: 'utf8' });
    const last = (text: string) => text.trimEnd().split('\n').at(-1);
    const good = run();
    expect([good.status, last(good.stdout)]).toEqual([0, '2 passed, 0 failed']);
    write('bad.t.js', 'test("c", () => { throw new Error("no"); });');
    write('broken.t.js', 'import nothing from "./nowhere.js"; test("d", () => {});');
    const bad = run();
    expect([bad.status, last(bad.stdout)]).toEqual([1, '2 passed, 2 failed']);
    const never = run('--config=nowhere.json');
    expect([never.status, last(never.stdout)]).toEqual([1, '0 passed, 1 failed']);
  });
});

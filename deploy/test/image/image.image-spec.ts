import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execForm, pairsOf, readStages } from '../dockerfile.js';
import { buildImage, filesBelow } from './image-build.js';

const service = readStages().at(-1)!;
const USER = { uid: 1000, gid: 1000 };

describe('the image', () => {
  let root: string;
  let image: string;
  let files: Map<string, number>;
  let database: TestDatabase;
  beforeAll(async () => {
    root = mkdtempSync(path.join(tmpdir(), 'ingot-image-'));
    image = buildImage(root);
    files = filesBelow(path.join(image, 'app'));
    database = await createTestDatabase();
  }, 1_800_000); // about 80 s of the processor, most of it npm and the compiler
  afterAll(async () => {
    await database.drop();
    rmSync(root, { recursive: true, force: true });
  });

  it('holds the package and the packages it runs on, at most 65 MB', () => {
    expect(readdirSync(path.join(image, 'app')).sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'node_modules', 'package.json', 'scripts', 'sql']);
    const size = [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
    process.stdout.write(`image: ${files.size} files, ${(size / 1e6).toFixed(1)} MB on top of ${service.image.split('@')[0]}\n`);
    expect(size).toBeLessThan(65e6);
  });

  it('holds no development package, embedded server, test, source or secret of ours', () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Record<'devDependencies' | 'optionalDependencies' | 'dependencies', Record<string, string>>;
    const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, { dev?: boolean; optional?: boolean }> };
    const installed = new Set([...files.keys()].map((name) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(name)?.[0]).filter((name) => name !== undefined));
    for (const name of Object.keys(manifest.dependencies)) expect(installed).toContain(`node_modules/${name}`);
    expect([...installed].filter((name) => lock.packages[name]?.dev === true || lock.packages[name]?.optional === true)).toEqual([]);
    const ours = [...files.keys()].filter((name) => !name.startsWith('node_modules/'));
    expect(ours.filter((name) => /\.ts$|spec|(^|\/)test\/|(^|\/)bench\/|libs\/testing|(^|\/)\.|\.(pem|key|env)$/.test(name))).toEqual([]);
  });

  /** As a container with a read-only root: nothing may be written but the spool, and there is no home and no /tmp. */
  function start(args: readonly string[], env: Record<string, string> = {}): { process: ChildProcess; output: () => string } {
    const given = { ...Object.fromEntries(pairsOf(service, 'ENV')), PATH: process.env.PATH ?? '', HOME: '/nonexistent', TMPDIR: '/nonexistent', DATABASE_URL: database.url, INGOT_AUTH: 'off', INGOT_ALLOW_UNSAFE_DURABILITY: 'unsafe', HOST: '127.0.0.1', INGOT_SPOOL_DIR: path.join(root, 'spool'), ...env };
    const [, ...entry] = execForm(service, 'ENTRYPOINT');
    const child = spawn(process.execPath, [...entry, ...args], { cwd: path.join(image, 'app'), env: given, stdio: ['ignore', 'pipe', 'pipe'], ...(process.getuid?.() === 0 ? USER : {}) });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    return { process: child, output: () => output };
  }

  it('applies, serves, answers its health check and stops on SIGTERM, as a user who can write to its spool only', async () => {
    chmodSync(root, 0o755);
    mkdirSync(path.join(root, 'spool'));
    if (process.getuid?.() === 0) chownSync(path.join(root, 'spool'), USER.uid, USER.gid);
    else spawnSync('chmod', ['-R', 'a-w', image]);

    const applied = start(['apply']);
    const [code] = (await once(applied.process, 'exit')) as [number];
    expect([code, applied.output()]).toEqual([0, expect.stringContaining('sensor')]);

    const port = await freePort();
    const one = start(execForm(service, 'CMD'), { PORT: String(port) });
    const check = (): number | null => spawnSync(process.execPath, execForm(service, 'HEALTHCHECK').slice(1), { cwd: path.join(image, 'app'), env: { PATH: process.env.PATH, PORT: String(port), HOST: '0.0.0.0' } }).status;
    for (let ready = false; !ready; ready = check() === 0) if (one.process.exitCode !== null) throw new Error(one.output());

    const url = `http://127.0.0.1:${port}`;
    const posted = await fetch(`${url}/data`, { method: 'POST', body: '1649941817 Voltage 1.34\n1649941817 Current 12.0\n' });
    expect([posted.status, await posted.text()]).toEqual([200, '{"success":true}']);
    const read = (await (await fetch(`${url}/data?from=2022-04-14&to=2022-04-14&name=Power`)).json()) as unknown;
    expect(read).toEqual([{ time: '2022-04-14T00:00:00.000Z', name: 'Power', value: 16.08 }]);
    for (const page of ['/docs', '/docs/errors', '/openapi.json', '/metrics']) expect([page, (await fetch(`${url}${page}`)).status]).toEqual([page, 200]);

    one.process.kill('SIGTERM');
    expect(await once(one.process, 'exit')).toEqual([0, null]);
    expect(check()).toBe(1);
  });

  it('says what is missing when it is given no database', async () => {
    const one = start(['start'], { DATABASE_URL: undefined as unknown as string });
    expect([((await once(one.process, 'exit')) as [number])[0], one.output()]).toEqual([1, expect.stringMatching(/set DATABASE_URL|data folder/)]);
  });
});

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  return port;
}

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { packedFiles } from './packed-files.js';

interface Manifest {
  readonly private: boolean;
  readonly bin: Record<string, string>;
  readonly scripts: Record<string, string>;
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;

describe('the npm package', () => {
  const files = packedFiles();

  it('holds the compiled service and command line, the default dataset, and a few documents', () => {
    const places = new Set(files.map((name) => (name.includes('/') ? name.slice(0, name.indexOf('/') + 1) : name)));
    expect([...places].sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist/', 'docs/', 'package.json', 'scripts/', 'sql/']);
    for (const name of ['dist/apps/api/src/main.js', 'dist/apps/cli/src/main.js', 'sql/sensor/dataset.yml', ...Object.values(manifest.bin)]) expect(files).toContain(name);
  });

  it('holds no source, test, benchmark, secret or data', () => {
    const unwanted = /\.tsx?$|spec\.|(^|\/)test\/|(^|\/)bench\/|libs\/testing\/|(^|\/)\.|\.(pem|key|log|env|tgz)$|node_modules/;
    expect(files.filter((name) => unwanted.test(name))).toEqual([]);
  });

  it('holds every file of its own that the service reads', () => {
    const named = sources('apps').concat(sources('libs')).flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/shippedFile\((?:'([^']+)'|([A-Z]+))\)/g)].map(([, name, constant]) => name ?? new RegExp(`const ${constant} = '([^']+)'`).exec(readFileSync(file, 'utf8'))?.[1]));
    expect(named.length).toBeGreaterThanOrEqual(3);
    for (const name of named) expect(files).toContain(name);
  });

  it('holds every script that its entries import, and the compiled form of every source but tests and benchmarks', () => {
    for (const name of files.filter((each) => each.startsWith('scripts/'))) {
      for (const [, imported = ''] of readFileSync(name, 'utf8').matchAll(/^import (?:\{[^}]*\} from )?'(\.[^']+)'/gm)) expect(files).toContain(path.posix.join(path.posix.dirname(name), imported));
    }
    const compiled = [...sources('apps'), ...sources('libs')].filter((name) => /^(apps\/\w+|libs\/\w+)\/src\//.test(name) && !/spec\.ts$|\/test\/|^libs\/testing\//.test(name) && existsSync(`dist/${name.replace(/\.ts$/, '.js')}`));
    expect(compiled.length).toBeGreaterThan(200);
    for (const name of compiled) expect(files).toContain(`dist/${name.replace(/\.ts$/, '.js')}`);
  });

  it('is never published by accident, and built before it is packed', () => {
    expect(manifest.private).toBe(true);
    expect(manifest.scripts.prepack).toBe('npm run build');
  });
});

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name.replaceAll('\\', '/')}`).filter((name) => name.endsWith('.ts'));
}

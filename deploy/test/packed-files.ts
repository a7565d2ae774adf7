import { spawnSync } from 'node:child_process';

let files: string[] | undefined;

/** What `npm pack` would pack of this checkout as it is built now: names relative to it. */
export function packedFiles(): readonly string[] {
  files ??= list();
  return files;
}

function list(): string[] {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status, stdout, stderr } = spawnSync(npm, ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, shell: process.platform === 'win32' });
  if (status !== 0) throw new Error(`npm pack: ${stderr}`);
  // npm 11 gives a list, npm 12 an object by package name.
  const [packed] = Object.values(JSON.parse(stdout) as Record<string, { files: { path: string }[] }>);
  return packed!.files.map(({ path }) => path);
}

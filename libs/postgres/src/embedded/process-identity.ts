import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const UNKNOWN = 'unknown';

/**
 * A text that tells a running process from a later one with the same pid: when it started, and in which boot.
 * `undefined` when no such process runs (one that has ended but is not reaped yet counts as ended), `unknown` when it
 * runs and nothing more can be learnt.
 */
export function processIdentity(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0 || !exists(pid)) return undefined;
  if (process.platform === 'linux') return linuxIdentity(pid);
  if (process.platform === 'win32') return UNKNOWN;
  const started = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim();
  return started === '' ? undefined : (started ?? UNKNOWN);
}

/** True when the process that `identity` was taken of still runs. In doubt it does: doubt must not start a second owner. */
export function isSameProcess(pid: number, identity: string): boolean {
  const now = processIdentity(pid);
  return now !== undefined && (now === UNKNOWN || identity === UNKNOWN || now === identity);
}

/** The command line of a process, or undefined when it cannot be read. */
export function commandLine(pid: number): string | undefined {
  if (process.platform === 'linux') return readOr(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ');
  if (process.platform === 'win32') return undefined;
  return spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // it runs as somebody else
  }
}

// proc(5): after the name in parentheses, which may hold anything, come the state and, 19 fields on, the start in
// clock ticks since boot.
function linuxIdentity(pid: number): string | undefined {
  const stat = readOr(`/proc/${pid}/stat`);
  if (stat === undefined) return exists(pid) ? UNKNOWN : undefined; // /proc mounted with hidepid
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return `${readOr('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}/${fields[19]}`;
}

function readOr(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Resolves with true as soon as a process has ended, with false when it still runs after limitMs. One that has ended
 * but that nobody has waited for counts as ended: the first process of a container often reaps no orphans, and a
 * signal 0 reaches such a process for ever.
 */
export async function hasEnded(pid: number, limitMs = 5_000): Promise<boolean> {
  for (const deadline = Date.now() + limitMs; isRunning(pid); await sleep(20)) if (Date.now() > deadline) return false;
  return true;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return process.platform !== 'linux';
  }
}

import type { LockHolder } from '@ingot/models';
import { formatDuration, formatInstant } from './quantities.js';

/** `ingot run on web-1 (process 4711), since 2026-11-21 12:37:05 (0.4 s)`. */
export function formatHolder({ name, host, pid, since }: LockHolder, now = new Date()): string {
  const where = host === undefined ? '' : ` on ${host || 'an unnamed host'} (process ${pid})`;
  return `${name || 'a session without a name'}${where}, since ${formatInstant(since)} UTC (${formatDuration(Math.max(0, now.getTime() - since.getTime()))})`;
}

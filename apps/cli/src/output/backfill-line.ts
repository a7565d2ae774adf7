import type { BackfillProgress } from '@ingot/models';
import { formatCount, formatCounted, formatDuration } from './quantities.js';

const BAR = 20;

/** `silver.stg_readings [########------------] 2,000,000 of about 5,000,000 rows, 310,000 rows/s, 10 s left`. */
export function formatBackfill({ relation, rowsRead, rowsTotal, rowsPerSecond, secondsLeft }: BackfillProgress): string {
  const filled = rowsTotal === 0 ? BAR : Math.min(BAR, Math.floor((rowsRead / rowsTotal) * BAR));
  const rate = rowsPerSecond === undefined ? '' : `, ${formatCount(rowsPerSecond)} rows/s`;
  const left = secondsLeft === undefined ? '' : `, ${formatDuration(secondsLeft * 1_000)} left`;
  return `${relation} [${'#'.repeat(filled)}${'-'.repeat(BAR - filled)}] ${formatCount(rowsRead)} of about ${formatCounted(rowsTotal, 'row')}${rate}${left}`;
}

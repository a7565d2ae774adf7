/** `12400` as `12,400`. */
export function formatCount(count: number | bigint): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** `formatCounted(2, 'row')` is `2 rows`; a plural that takes more than an s is given. */
export function formatCounted(count: number | bigint, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${Number(count) === 1 ? noun : plural}`;
}

/** Milliseconds as a person reads them: `0.08 s`, `4.2 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 9.95) return `${seconds.toFixed(seconds < 0.995 ? 2 : 1)} s`;
  const [s, min, h] = [Math.round(seconds), Math.round(seconds / 60), Math.round(seconds / 3_600)];
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.trunc(s / 60)} min ${pad(s % 60)} s`;
  if (min < 24 * 60) return `${Math.trunc(min / 60)} h ${pad(min % 60)} min`;
  return `${Math.trunc(h / 24)} d ${h % 24} h`;
}

/** An instant in UTC to the second: `2026-11-21 12:37:05`. */
export function formatInstant(instant: Date): string {
  return instant.toISOString().slice(0, 19).replace('T', ' ');
}

/** A share as a signed percentage: `0.5` is `+50 %`. */
export function formatChange(share: number): string {
  const percent = Math.round(share * 100);
  return `${percent > 0 ? '+' : ''}${formatCount(percent)} %`;
}

function pad(part: number): string {
  return String(part).padStart(2, '0');
}

import type { Problems } from './problem.js';
import type { Located, Section } from './section.js';

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** As dbt writes the freshness of a source. */
const PERIOD_MS: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** What a duration may be, and how messages say it. */
export interface DurationRange {
  readonly shortestMs: number;
  readonly longestMs: number;
  readonly text: string;
}

const ANY: DurationRange = { shortestMs: 1_000, longestMs: 3_650 * 86_400_000, text: 'from 1s to 3650d' };

/**
 * A time such as `500ms`, `2s`, `1m`, `1h` or `1d`, or dbt's `{ count: 12, period: hour }`.
 * @returns milliseconds; undefined when the key is absent or its value, which was then reported, is none
 */
export function readDuration(section: Section, key: string, problems: Problems, range = ANY): number | undefined {
  const written = section.isMapping(key) ? ofPeriod(section.section(key)!) : section.text(key);
  if (written === undefined) return undefined;
  const ms = durationOf(written.value);
  if (ms >= range.shortestMs && ms <= range.longestMs) return ms;
  problems.add(written.place, `${key} must be a time such as 500ms, 2s or 1m, ${range.text}, is ${written.value}`);
  return undefined;
}

/** Milliseconds of `2s`; NaN when the text is no duration. */
export function durationOf(text: string): number {
  const [, amount, unit] = /^(\d{1,10})\s?(ms|s|m|h|d)$/.exec(text) ?? [];
  return Number(amount) * (UNIT_MS[unit ?? ''] ?? NaN);
}

function ofPeriod(section: Section): Located | undefined {
  const count = section.number('count');
  const period = section.choice('period', Object.keys(PERIOD_MS));
  section.finish();
  if (count === undefined || period === undefined) return undefined;
  return { value: `${(count.value * PERIOD_MS[period.value]!) / 1_000}s`, place: count.place };
}

import type { Io } from '../io.js';
import { paint, type Tone } from './colours.js';
import { formatCount, formatCounted, formatDuration } from './quantities.js';

export type Verdict = 'OK' | 'WARN' | 'FAIL' | 'SKIP';

const TONES: Readonly<Record<Verdict, Tone>> = { OK: 'good', WARN: 'warning', FAIL: 'bad', SKIP: 'quiet' };

export interface StepLine {
  readonly verdict: Verdict;
  /** What was done to what, e.g. `incremental silver.stg_readings`. */
  readonly subject: string;
  /** e.g. `12,400 rows in 0.08 s`. */
  readonly detail?: string;
}

/** One line for each thing as it finishes: `2 of 4 OK incremental silver.stg_readings [12,400 rows in 0.08 s]`. */
export function formatStep(io: Pick<Io, 'colours'>, position: number, total: number, { verdict, subject, detail }: StepLine): string {
  const place = String(position).padStart(String(total).length);
  return `${place} of ${total} ${paint(io, TONES[verdict], verdict.padEnd(4))} ${subject}${detail === undefined ? '' : paint(io, 'quiet', ` [${detail}]`)}\n`;
}

/** `12,400 rows in 0.08 s`. */
export function formatRows(rows: number | bigint, durationMs: number): string {
  return `${formatCounted(rows, 'row')} in ${formatDuration(durationMs)}`;
}

/** The last line of a command that did several things: `4 steps in 0.31 s: 3 OK, 1 WARN`. */
export function formatSummary(io: Pick<Io, 'colours'>, noun: string, verdicts: readonly Verdict[], durationMs: number): string {
  const parts = (['OK', 'WARN', 'FAIL', 'SKIP'] as const).flatMap((verdict) => {
    const count = verdicts.filter((one) => one === verdict).length;
    return count === 0 ? [] : [paint(io, TONES[verdict], `${formatCount(count)} ${verdict}`)];
  });
  return `${formatCounted(verdicts.length, noun)} in ${formatDuration(durationMs)}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}\n`;
}

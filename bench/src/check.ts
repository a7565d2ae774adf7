import type { WorkloadResult } from './measure.js';
import type { FigureKind } from './workload.js';

/** How far a ratio may fall behind the committed one before the check fails. */
export const TOLERANCE = 0.25;

export interface Loss {
  readonly workload: string;
  readonly contender: string;
  /** For people. */
  readonly words: string;
}

export interface Comparison {
  /** Ratios that are worse than the committed median by more than the tolerance, and than the worst committed round. */
  readonly losses: readonly Loss[];
  /** How many ratios were compared. */
  readonly compared: number;
  /** What only one side has measured, or each with another amount, one line each: another machine has other contenders. */
  readonly notCompared: readonly string[];
}

/**
 * Compares Ingot's ratios to others with the committed ones; those to itself in another way say nothing.
 * @param better of the first figure, by workload id
 */
export function compare(committed: readonly WorkloadResult[], now: readonly WorkloadResult[], better: ReadonlyMap<string, FigureKind['better']>): Comparison {
  const losses: Loss[] = [];
  const notCompared: string[] = [];
  let compared = 0;
  for (const result of now.filter(hasRatios)) {
    const before = committed.find(({ id }) => id === result.id);
    if (before === undefined) notCompared.push(`${result.id}: not in the committed report`);
    else if (baseOf(before) !== baseOf(result)) notCompared.push(`${result.id}: ${baseOf(result)} here, ${baseOf(before)} in the committed report`);
    else {
      for (const { name, ratio, own } of result.contenders) {
        if (ratio === undefined || own === true) continue;
        const then = before.contenders.find((contender) => contender.name === name)?.ratio;
        if (then === undefined || !isNumber(ratio.median) || !isNumber(then.median)) {
          notCompared.push(`${result.id}: ${name}: in this run only`);
          continue;
        }
        compared++;
        const lower = better.get(result.id) === 'lower';
        const gain = lower ? then.median / ratio.median : ratio.median / then.median;
        const beyondAll = lower ? ratio.median > then.max : ratio.median < then.min;
        if (gain < 1 - TOLERANCE && beyondAll) losses.push({ workload: result.id, contender: name, words: `${result.id}: Ingot / ${name} is ${ratio.median.toFixed(2)}, was ${then.median.toFixed(2)}` });
      }
      for (const { name, ratio, own } of before.contenders) {
        if (ratio !== undefined && own !== true && !result.contenders.some((contender) => contender.name === name)) notCompared.push(`${result.id}: ${name}: in the committed report only`);
      }
    }
  }
  for (const { id } of committed.filter(hasRatios)) if (!now.some((result) => result.id === id)) notCompared.push(`${id}: not in this run`);
  return { losses, compared, notCompared };
}

/** Of those that seemed lost before, the ones that are lost in a second measurement too. */
export function stillLost(before: readonly Loss[], again: readonly Loss[]): Loss[] {
  return again.filter(({ workload, contender }) => before.some((loss) => loss.workload === workload && loss.contender === contender));
}

function hasRatios({ contenders }: WorkloadResult): boolean {
  return contenders.some(({ ratio, own }) => ratio !== undefined && own !== true);
}

/** What all ratios of a workload are made of. */
function baseOf({ amount, contenders }: WorkloadResult): string {
  return [contenders[0]?.name, ...(amount === undefined ? [] : [amount])].join(', ');
}

// A figure nobody measured is NaN, and null in JSON.
function isNumber(value: number | null | undefined): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

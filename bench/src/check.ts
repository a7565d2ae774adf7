import type { WorkloadResult } from './measure.js';
import type { FigureKind } from './workload.js';

/** How far a ratio may fall behind the committed one before the check fails. */
export const TOLERANCE = 0.25;

/**
 * Ratios that are worse than the committed ones by more than the tolerance, one line each. What only one side has
 * measured is not compared: another machine has other contenders.
 * @param better of the first figure, by workload id
 */
export function losses(committed: readonly WorkloadResult[], now: readonly WorkloadResult[], better: ReadonlyMap<string, FigureKind['better']>): string[] {
  return now.flatMap((result) => {
    const before = committed.find(({ id }) => id === result.id);
    return result.contenders.flatMap(({ name, ratio }) => {
      const then = before?.contenders.find((contender) => contender.name === name)?.ratio;
      if (ratio === undefined || then === undefined) return [];
      const gain = better.get(result.id) === 'lower' ? then.median / ratio.median : ratio.median / then.median;
      if (gain >= 1 - TOLERANCE) return [];
      return [`${result.id}: Ingot / ${name} is ${ratio.median.toFixed(2)}, was ${then.median.toFixed(2)}`];
    });
  });
}

import { pairedRatios, spreadOf, type Spread } from './statistics.js';
import type { Prepared, Round, Workload } from './workload.js';

/** A contender's figures over all rounds, and Ingot's ratio to it in the first figure. */
export interface Measured {
  readonly name: string;
  readonly note?: string;
  readonly figures: Readonly<Record<string, Spread>>;
  /** Ingot / this one, round by round. Absent for Ingot itself. */
  readonly ratio?: Spread;
}

export interface WorkloadResult {
  readonly id: string;
  readonly title: string;
  readonly contenders: readonly Measured[];
  readonly notCompared: readonly string[];
  readonly rounds: number;
}

/**
 * Plays the rounds interleaved (A B C A B C), after one round each that is thrown away: caches warm, code compiled.
 * @param say told of each round as it ends
 */
export async function measure(workload: Workload, { contenders, notCompared }: Prepared, rounds: number, seconds: number, say: (words: string) => void): Promise<WorkloadResult> {
  const taken = contenders.map((): Round[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      const result = await contender.measure(round === 0 ? Math.min(seconds, 2) : seconds);
      say(`${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}: ${contender.name}: ${workload.figures.map(({ name }) => `${shown(result[name])} ${name}`).join(', ')}`);
      if (round > 0) taken[i]!.push(result);
    }
  }
  const [first] = workload.figures;
  const column = (i: number, name: string): number[] => taken[i]!.map((round) => round[name] ?? Number.NaN);
  return {
    id: workload.id,
    title: workload.title,
    rounds,
    notCompared,
    contenders: contenders.map(({ name, note }, i) => ({
      name,
      ...(note === undefined ? {} : { note }),
      figures: Object.fromEntries(workload.figures.map((figure) => [figure.name, spreadOf(column(i, figure.name))])),
      ...(i === 0 ? {} : { ratio: spreadOf(pairedRatios(column(0, first.name), column(i, first.name))) }),
    })),
  };
}

/** Three significant digits, thousands apart: nobody reads a benchmark to the seventh digit. */
export function shown(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '-';
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

import { pairedRatios, spreadOf, type Spread } from './statistics.js';
import type { Prepared, Round, Workload } from './workload.js';

/** A contender's figures over all rounds, and Ingot's ratio to it in the first figure. */
export interface Measured {
  readonly name: string;
  readonly note?: string;
  /** Ingot in another way. */
  readonly own?: true;
  readonly figures: Readonly<Record<string, Spread>>;
  /** Ingot / this one, round by round. Absent for Ingot itself. */
  readonly ratio?: Spread;
}

export interface WorkloadResult {
  readonly id: string;
  readonly title: string;
  readonly amount?: string;
  readonly contenders: readonly Measured[];
  readonly notCompared: readonly string[];
  readonly rounds: number;
}

/** How much is to be measured. */
export interface Effort {
  readonly rounds: number;
  /** Of one round of one contender. */
  readonly seconds: number;
  /** performance.now() at which it is to be over: a round that would end later is not begun, but for the first. */
  readonly until: number;
}

const WARM_UP_SECONDS = 1;

/**
 * Plays the rounds interleaved (A B C A B C), after one round each that is thrown away: caches warm, code compiled.
 * @param say told of each round as it ends
 */
export async function measure(workload: Workload, { contenders, notCompared, amount }: Prepared, { rounds, seconds, until }: Effort, say: (words: string) => void): Promise<WorkloadResult> {
  const taken = contenders.map((): Round[] => []);
  let played = 0;
  let longest = 0;
  for (let round = workload.warmUp === false ? 1 : 0; round <= rounds; round++) {
    const since = performance.now();
    if (round > 1 && since + longest > until) {
      say(`its time is used up: ${played} of ${rounds} rounds`);
      break;
    }
    for (const [i, contender] of contenders.entries()) {
      const result = await contender.measure(round === 0 ? Math.min(seconds, WARM_UP_SECONDS) : seconds);
      say(`${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}: ${contender.name}: ${workload.figures.map(({ name }) => `${shown(result[name])} ${name}`).join(', ')}`);
      if (round > 0) taken[i]!.push(result);
    }
    played = round;
    longest = Math.max(longest, performance.now() - since);
  }
  const [first] = workload.figures;
  const column = (i: number, name: string): number[] => taken[i]!.map((round) => round[name] ?? Number.NaN);
  return {
    id: workload.id,
    title: workload.title,
    ...(amount === undefined ? {} : { amount }),
    rounds: played,
    notCompared,
    contenders: contenders.map(({ name, note, own }, i) => ({
      name,
      ...(note === undefined ? {} : { note }),
      ...(own === undefined ? {} : { own }),
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

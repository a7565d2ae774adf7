import { describe, expect, it } from '@jest/globals';
import { compare, stillLost } from './check.js';
import type { WorkloadResult } from './measure.js';

const result = (id: string, ratios: Record<string, number>, amount?: string): WorkloadResult => ({
  id,
  title: id,
  ...(amount === undefined ? {} : { amount }),
  rounds: 1,
  notCompared: [],
  contenders: [
    { name: 'Ingot', figures: {} },
    ...Object.entries(ratios).map(([name, ratio]) => ({ name, figures: {}, ratio: { median: ratio, min: ratio, max: ratio }, ...(name.startsWith('Ingot') ? { own: true as const } : {}) })),
  ],
});
const BETTER = new Map([['post', 'higher'], ['run', 'lower']] as const);
const lost = (committed: WorkloadResult[], now: WorkloadResult[]): string[] => compare(committed, now, BETTER).losses.map(({ words }) => words);

describe('compare', () => {
  it('names a rate that fell and a time that rose by more than a quarter', () => {
    const committed = [result('post', { floor: 0.8 }), result('run', { floor: 1.2 })];
    expect(lost(committed, [result('post', { floor: 0.59 }), result('run', { floor: 1.61 })])).toEqual([
      'post: Ingot / floor is 0.59, was 0.80',
      'run: Ingot / floor is 1.61, was 1.20',
    ]);
    expect(lost(committed, [result('post', { floor: 0.61 }), result('run', { floor: 1.59 })])).toEqual([]);
  });

  it('does not call a loss what one of the committed rounds was as well', () => {
    const committed = result('run', { floor: 1 });
    const ratio = { median: 1, min: 0.9, max: 1.5 };
    const scattered = { ...committed, contenders: committed.contenders.map((contender) => (contender.name === 'floor' ? { ...contender, ratio } : contender)) };
    expect(lost([scattered], [result('run', { floor: 1.45 })])).toEqual([]);
    expect(lost([scattered], [result('run', { floor: 1.55 })])).toEqual(['run: Ingot / floor is 1.55, was 1.00']);
  });

  it('does not take a gain for a loss', () => {
    expect(lost([result('post', { floor: 0.5 }), result('run', { floor: 2 })], [result('post', { floor: 5 }), result('run', { floor: 0.1 })])).toEqual([]);
  });

  it('compares only what both have measured, and says what that leaves out', () => {
    const { losses, compared, notCompared } = compare([result('post', { InfluxDB: 2, floor: 1 }), result('old', { floor: 1 })], [result('post', { floor: 1, Flask: 0.1 }), result('new', { floor: 0.1 })], BETTER);
    expect(losses).toEqual([]);
    expect(compared).toBe(1);
    expect(notCompared).toEqual(['post: Flask: in this run only', 'post: InfluxDB: in the committed report only', 'new: not in the committed report', 'old: not in this run']);
  });

  it('does not compare ratios of other amounts', () => {
    const { losses, notCompared } = compare([result('run', { floor: 1 }, '20 M rows')], [result('run', { floor: 9 }, '1 M rows')], BETTER);
    expect(losses).toEqual([]);
    expect(notCompared).toEqual(['run: Ingot, 1 M rows here, Ingot, 20 M rows in the committed report']);
  });

  it('does not compare Ingot with itself, nor what was not measured', () => {
    const committed = JSON.parse(JSON.stringify([result('post', { 'Ingot, gzip': 2, floor: Number.NaN })])) as WorkloadResult[];
    expect(compare(committed, [result('post', { 'Ingot, gzip': 0.1, floor: 0.1 })], BETTER)).toEqual({ losses: [], compared: 0, notCompared: ['post: floor: in this run only'] });
  });
});

describe('stillLost', () => {
  it('keeps what was lost both times', () => {
    const loss = (contender: string) => ({ workload: 'post', contender, words: contender });
    expect(stillLost([loss('a'), loss('b')], [loss('b'), loss('c')])).toEqual([loss('b')]);
  });
});

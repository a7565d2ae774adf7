import { describe, expect, it } from '@jest/globals';
import { losses } from './check.js';
import type { WorkloadResult } from './measure.js';

const result = (id: string, ratios: Record<string, number>): WorkloadResult => ({
  id,
  title: id,
  rounds: 1,
  notCompared: [],
  contenders: [
    { name: 'Ingot', figures: {} },
    ...Object.entries(ratios).map(([name, ratio]) => ({ name, figures: {}, ratio: { median: ratio, min: ratio, max: ratio } })),
  ],
});
const BETTER = new Map([['post', 'higher'], ['run', 'lower']] as const);

describe('losses', () => {
  it('names a rate that fell and a time that rose by more than a quarter', () => {
    const committed = [result('post', { floor: 0.8 }), result('run', { floor: 1.2 })];
    expect(losses(committed, [result('post', { floor: 0.59 }), result('run', { floor: 1.61 })], BETTER)).toEqual([
      'post: Ingot / floor is 0.59, was 0.80',
      'run: Ingot / floor is 1.61, was 1.20',
    ]);
    expect(losses(committed, [result('post', { floor: 0.61 }), result('run', { floor: 1.59 })], BETTER)).toEqual([]);
  });

  it('does not take a gain for a loss', () => {
    expect(losses([result('post', { floor: 0.5 }), result('run', { floor: 2 })], [result('post', { floor: 5 }), result('run', { floor: 0.1 })], BETTER)).toEqual([]);
  });

  it('compares only what both have measured', () => {
    expect(losses([result('post', { InfluxDB: 2 })], [result('post', { floor: 0.1 }), result('new', { floor: 0.1 })], BETTER)).toEqual([]);
  });
});

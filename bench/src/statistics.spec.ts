import { describe, expect, it } from '@jest/globals';
import { pairedRatios, quantile, spreadOf } from './statistics.js';

describe('statistics', () => {
  it('takes the middle of an odd number of rounds, and the mean of the two middle ones of an even number', () => {
    expect(spreadOf([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
  });

  it('makes no number of nothing', () => {
    expect(() => spreadOf([])).toThrow(RangeError);
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });

  it('divides round by round, so that a slow minute slows both of a pair', () => {
    expect(pairedRatios([10, 5], [20, 10])).toEqual([0.5, 0.5]);
    expect(() => pairedRatios([1], [1, 2])).toThrow('1 rounds against 2');
  });

  it('ranks', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1), quantile(values, 0)]).toEqual([50, 99, 100, 1]);
  });
});

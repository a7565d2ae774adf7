import { describe, expect, it } from '@jest/globals';
import { DrainRate } from './drain-rate.js';

describe('DrainRate', () => {
  it('expects no wait as long as it has seen no full flush, or none of late', () => {
    const rate = new DrainRate(2);
    expect(rate.waitFor(1e9, 0)).toBe(0);
    rate.add(4_000_000, 400, 1_000);
    expect(rate.waitFor(8_000_000, 1_000)).toBeCloseTo(400);
    expect(rate.bytesWithin(100, 1_000)).toBeCloseTo(1_000_000);
    expect(rate.waitFor(8_000_000, 100_000)).toBe(0);
    expect(rate.bytesWithin(100, 100_000)).toBe(Infinity);
  });

  it('follows a database that becomes slower', () => {
    const rate = new DrainRate(1);
    rate.add(1_000, 100, 0);
    for (let i = 1; i < 20; i++) rate.add(1_000, 1_000, i);
    expect(rate.waitFor(1_000, 20)).toBeGreaterThan(990);
  });
});

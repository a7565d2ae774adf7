import { describe, expect, it } from '@jest/globals';
import { LIMITS, PLAN } from './plan.js';

describe('PLAN', () => {
  it('keeps to fifteen minutes, and to two when it is quick', () => {
    const sum = (seconds: (planned: (typeof PLAN)[number][number]) => number): number => PLAN.flat().reduce((all, planned) => all + seconds(planned), 0);
    expect(sum(({ full }) => full)).toBeLessThanOrEqual(LIMITS.full);
    expect(sum(({ quick }) => quick ?? 0)).toBeLessThanOrEqual(LIMITS.quick);
  });

  it('has each workload once', () => {
    const ids = PLAN.flat().map(({ workload }) => workload.id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { makeAhead, partitionName, type Partition } from './bronze-partitions.js';

describe('makeAhead', () => {
  it('begins without a lower end, then makes two ahead', () => {
    expect(makeAhead('bronze.raw', { ranges: [] }, 500n, 100n)).toEqual([
      { name: 'raw_first', lower: null, upper: 600n },
      { name: 'raw_p600', lower: 600n, upper: 700n },
      { name: 'raw_p700', lower: 700n, upper: 800n },
    ]);
  });

  it('leaves no gap and always has two whole partitions above the counter, however it jumps', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ jump: fc.bigInt(0n, 5_000n), width: fc.bigInt(1n, 1_000n) }), { minLength: 1, maxLength: 30 }), (ticks) => {
        const ranges: Partition[] = [];
        let now = -2_000n; // a base may be negative
        for (const { jump, width } of ticks) {
          now += jump;
          ranges.push(...makeAhead('bronze.raw', { ranges }, now, width));
          expect(makeAhead('bronze.raw', { ranges }, now, width)).toEqual([]);
          expect(ranges.filter(({ lower }) => lower !== null && lower > now).length).toBeGreaterThanOrEqual(2);
          expect(ranges[0]?.lower).toBeNull();
          for (const [i, range] of ranges.slice(1).entries()) expect(range.lower).toBe(ranges[i]?.upper);
          for (const { lower, upper } of ranges) expect(lower === null || lower < upper).toBe(true);
          expect(new Set(ranges.map(({ name }) => name)).size).toBe(ranges.length);
        }
      }),
    );
  });

  it('names a partition for its lower bound', () => {
    expect(partitionName('bronze.raw', -5n)).toBe('raw_pm5');
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TokenBucket } from './token-bucket.js';

describe('TokenBucket', () => {
  it('holds a burst, fills by the second, and never beyond', () => {
    const bucket = new TokenBucket(5, 20, 100);
    expect(bucket.left(100)).toBe(20);
    bucket.take(12);
    expect(bucket.left(101)).toBe(13);
    expect(bucket.left(1_000)).toBe(20);
  });

  it('goes into debt for one that is larger than the burst, and says when it is paid', () => {
    const bucket = new TokenBucket(5, 20, 0);
    bucket.take(120);
    expect(bucket.left(0)).toBe(-100);
    expect(bucket.secondsUntil(1, 0)).toBeCloseTo(20.2);
    expect(bucket.left(20)).toBe(0);
  });

  it('takes back what was not used', () => {
    const bucket = new TokenBucket(5, 20, 0);
    bucket.take(7);
    bucket.giveBack(7);
    expect(bucket.left(0)).toBe(20);
    bucket.giveBack(100);
    expect(bucket.left(0)).toBe(20);
  });

  it('does not run backwards with its clock', () => {
    const bucket = new TokenBucket(5, 20, 50);
    bucket.take(10);
    expect(bucket.left(40)).toBe(10);
  });

  it('lets through the average, a burst and one body at most, whatever is asked and when', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 60 }), fc.array(fc.record({ after: fc.double({ min: 0, max: 30, noNaN: true }), lines: fc.integer({ min: 1, max: 5_000 }) }), { maxLength: 60 }), (rate, seconds, requests) => {
        const bucket = new TokenBucket(rate, rate * seconds, 0);
        let now = 0;
        let passed = 0;
        for (const { after, lines } of requests) {
          now += after;
          if (bucket.left(now) <= 0) continue;
          bucket.take(lines);
          passed += lines;
          expect(passed - lines).toBeLessThanOrEqual(rate * seconds + rate * now + 1e-6);
        }
      }),
    );
  });
});

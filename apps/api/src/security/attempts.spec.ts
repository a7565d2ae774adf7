import { describe, expect, it } from '@jest/globals';
import { Attempts } from './attempts.js';

describe('Attempts', () => {
  let now = 0;
  const make = (perMinute: number): Attempts => {
    now = 0;
    return new Attempts(perMinute, () => now);
  };

  /** An attempt as one follows the other. */
  const attempt = (attempts: Attempts, address: string): number => attempts.wait(address) || attempts.take(address);

  it('lets an address try so often in a minute, and says how long to wait then', () => {
    const attempts = make(3);
    expect([1, 2, 3, 4].map(() => attempt(attempts, '10.0.0.1'))).toEqual([0, 0, 0, 20]);
    now = 10_000;
    expect(attempt(attempts, '10.0.0.1')).toBe(10);
    expect(attempt(attempts, '10.0.0.2')).toBe(0);
    now = 20_000;
    expect([attempt(attempts, '10.0.0.1'), attempt(attempts, '10.0.0.1')]).toEqual([0, 20]);
    now = 3_600_000;
    expect([1, 2, 3, 4].map(() => attempt(attempts, '10.0.0.1'))).toEqual([0, 0, 0, 20]);
  });

  it('has those that came at the same time paid for, at most a minute longer', () => {
    const attempts = make(2);
    expect([attempts.wait('10.0.0.1'), attempts.wait('10.0.0.1')]).toEqual([0, 0]);
    expect([1, 2, 3].map(() => attempts.take('10.0.0.1'))).toEqual([0, 0, 30]);
    expect(attempts.wait('10.0.0.1')).toBe(60);
    for (let i = 0; i < 1_000; i++) attempts.take('10.0.0.1');
    expect(attempts.wait('10.0.0.1')).toBe(90);
  });

  it('forgets the address that was quiet longest, so that it never holds more than ten thousand', () => {
    const attempts = make(1);
    const other = (i: number): string => `10.9.${i >> 8}.${i & 255}`;
    attempts.take('10.0.0.1');
    attempts.take('10.0.0.2');
    attempts.take('10.0.0.1');
    for (let i = 0; i < 9_999; i++) attempts.take(other(i));
    expect(attempts.take('10.0.0.2')).toBe(0);
    expect(attempts.take(other(9_998))).toBe(60);
    expect((attempts as unknown as { buckets: Map<string, unknown> }).buckets.size).toBe(10_000);
  });
});

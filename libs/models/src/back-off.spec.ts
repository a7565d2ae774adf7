import { expect, it } from '@jest/globals';
import { BackOff } from './back-off.js';

it('waits 1, 2, 4 ... 60 s after failures in a row, and not at all after a success', () => {
  let now = 0;
  const backOff = new BackOff(() => now);
  expect(backOff.waitMs).toBe(0);
  const waits = Array.from({ length: 8 }, () => {
    backOff.failed();
    const wait = backOff.waitMs;
    now += wait;
    return wait;
  });
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  expect(backOff.waitMs).toBe(0);
  backOff.failed();
  backOff.succeeded();
  expect(backOff.waitMs).toBe(0);
  backOff.failed();
  expect(backOff.waitMs).toBe(1_000);
});

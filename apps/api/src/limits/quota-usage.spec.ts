import { describe, expect, it } from '@jest/globals';
import { QuotaUsage } from './quota-usage.js';

const NOON = 20_000 * 86_400 + 43_200;

function usage(quota: { linesPerSecond: number; bytesPerDay: number }) {
  const at = { steady: 0, utc: NOON };
  const made = new QuotaUsage('key k1', 10, { steady: () => at.steady, utc: () => at.utc }).under(quota);
  return { at, made };
}

describe('QuotaUsage', () => {
  it('refuses when the lines of the burst are gone, and says when to come again', () => {
    const { at, made } = usage({ linesPerSecond: 2, bytesPerDay: 0 });
    expect(made.headers()).toEqual({ 'ratelimit-policy': '"lines";q=20;w=10;qu="lines"', ratelimit: '"lines";r=20;t=0' });
    expect(made.refuse(10)).toBeUndefined();
    made.take(30, 10);
    expect(made.headers().ratelimit).toBe('"lines";r=0;t=15');
    const refused = made.refuse(10);
    expect(refused).toMatchObject({ code: 'quota-exceeded', status: 429, members: { 'violated-policies': ['lines'] }, headers: { 'retry-after': expect.stringMatching(/^[67]$/), ratelimit: '"lines";r=0;t=15' } });
    expect(refused?.message).toContain('key k1 may send 2 lines a second on average, 20 at once');
    at.steady = 5;
    expect(made.refuse(10)).toBeDefined();
    at.steady = 5.5;
    expect(made.refuse(10)).toBeUndefined();
  });

  it('refuses a body that the day has no room for, known length or not, and begins anew at midnight UTC', () => {
    const { at, made } = usage({ linesPerSecond: 0, bytesPerDay: 1_000 });
    made.take(1, 900);
    expect(made.refuse(0)).toBeUndefined();
    expect(made.refuse(100)).toBeUndefined();
    const refused = made.refuse(101);
    expect(refused).toMatchObject({ code: 'quota-exceeded', members: { 'violated-policies': ['bytes'] }, headers: { ratelimit: '"bytes";r=100;t=43200', 'ratelimit-policy': '"bytes";q=1000;w=86400;qu="content-bytes"' } });
    const seconds = Number(refused?.headers['retry-after']);
    expect(seconds).toBeGreaterThanOrEqual(43_200);
    expect(seconds).toBeLessThanOrEqual(47_520);
    made.take(1, 100);
    expect(made.refuse(0)).toBeDefined();
    at.utc = NOON + 43_200;
    expect(made.refuse(1_000)).toBeUndefined();
    expect(made.unsaved).toBe(0);
  });

  it('counts what other processes have sent once the ledger says so, and its own that is not in there yet', () => {
    const { made } = usage({ linesPerSecond: 0, bytesPerDay: 1_000 });
    made.take(1, 300);
    expect(made.takeUnsaved()).toEqual({ day: 20_000, bytes: 300 });
    made.take(1, 50);
    made.settle(20_000, 800); // 500 of others
    expect(made.refuse(150)).toBeUndefined();
    expect(made.refuse(151)).toBeDefined();
    made.settle(19_999, 0);
    expect(made.refuse(151)).toBeDefined();
  });

  it('takes a changed quota at once, and keeps what was used', () => {
    const { made } = usage({ linesPerSecond: 1, bytesPerDay: 1_000 });
    made.take(50, 900);
    expect(made.refuse(1)).toBeDefined();
    expect(made.under({ linesPerSecond: 0, bytesPerDay: 1_000 }).refuse(1)).toBeUndefined();
    expect(made.refuse(101)).toBeDefined();
    expect(made.under({ linesPerSecond: 0, bytesPerDay: 2_000 }).refuse(101)).toBeUndefined();
  });
});

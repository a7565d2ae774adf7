import { describe, expect, it } from '@jest/globals';
import type { Freshness } from '@ingot/models';
import fc from 'fast-check';
import { createLogger } from '../logger.js';
import { askFreshness, preferredWaitSeconds, type FreshnessOptions } from './freshness.js';

describe('Prefer: wait', () => {
  it.each<[string | string[] | undefined, number | undefined]>([
    [undefined, undefined],
    ['', undefined],
    ['wait=5', 5],
    ['Wait = 5', 5],
    ['wait="5"', 5],
    ['wait=0', 0],
    ['respond-async, wait=10', 10],
    ['respond-async;foo="a,b, wait=3", wait=10; unit=s', 10],
    ['note="say \\"wait=3\\", please", wait=7', 7],
    [['return=minimal', 'wait=2'], 2],
    ['wait=2, wait=9', 2],
    ['wait=-1', undefined],
    ['wait=1.5', undefined],
    ['wait', undefined],
    ['wait=', undefined],
    ['wait=9999999999999999', undefined],
    ['await=5', undefined],
    ['note="never closed, wait=5', undefined],
  ])('%j is %p', (prefer, seconds) => {
    expect(preferredWaitSeconds(prefer)).toBe(seconds);
  });

  it('finds the wait among any other preferences, and is never at a loss', () => {
    const token = fc.stringMatching(/^[a-z]{1,8}$/).filter((name) => name !== 'wait');
    const other = fc.tuple(token, fc.option(fc.oneof(token, fc.string({ maxLength: 9 }).map((text) => JSON.stringify(text))))).map(([name, value]) => (value === null ? name : `${name}=${value}`));
    fc.assert(fc.property(fc.array(other, { maxLength: 4 }), fc.nat({ max: 999 }), fc.array(other, { maxLength: 4 }), (before, seconds, after) => {
      expect(preferredWaitSeconds([...before, `wait=${seconds}`, ...after].join(', '))).toBe(seconds);
    }));
    fc.assert(fc.property(fc.string(), (text) => {
      preferredWaitSeconds(text);
    }));
  });

  it('takes no longer for a long header', () => {
    const started = process.cpuUsage(); // not the clock: others may use the processor too
    preferredWaitSeconds(`a=${';"'.repeat(8_000)}`);
    preferredWaitSeconds(`${'a;b="'.repeat(3_000)}wait=1`);
    preferredWaitSeconds(`${' '.repeat(16_000)}wait`);
    preferredWaitSeconds(`a=${' '.repeat(16_000)}"`);
    preferredWaitSeconds(`a${' '.repeat(16_000)}"`);
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(200);
  });
});

describe('askFreshness', () => {
  const asked: number[] = [];
  const options = (answer: () => Promise<Freshness>): FreshnessOptions => ({
    freshness: (_, waitMs) => {
      asked.push(waitMs);
      return answer();
    },
    freshnessWaitMs: 1_000,
    freshnessMaxWaitMs: 3_500,
    logger: createLogger('silent'),
  });
  const fresh = () => Promise.resolve<Freshness>({ fresh: true, watermarkAt: new Date(0), runId: 7n });

  it('waits as long as the request wants, up to the maximum, and says what it did', async () => {
    const told = await Promise.all([undefined, 'wait=2', 'wait=0', 'wait=60'].map((prefer) => askFreshness(prefer, 'sensor', options(fresh))));
    expect(asked).toEqual([1_000, 2_000, 0, 3_500]);
    expect(told.map(({ headers }) => headers['preference-applied'])).toEqual([undefined, 'wait=2', 'wait=0', 'wait=3']);
    expect(told[0]).toEqual({ freshness: await fresh(), headers: { 'ingot-watermark': '1970-01-01T00:00:00.000Z' }, waitLeftMs: expect.any(Number) });
    expect(told[0]!.waitLeftMs).toBeGreaterThan(0);
    expect(told[0]!.waitLeftMs).toBeLessThanOrEqual(1_000);
  });

  it.each<[string, () => Promise<Freshness>, string]>([
    ['it failed', () => Promise.resolve({ fresh: false, reason: 'failing' }), 'failing'],
    ['it cannot be asked', () => Promise.reject(new Error('no connection')), 'unavailable'],
    ['it does not answer in time', () => new Promise<Freshness>(() => undefined), 'timeout'],
  ])('says that the answer is stale: %s', async (_, answer, reason) => {
    expect((await askFreshness('wait=0', 'sensor', options(answer))).headers).toEqual({ 'ingot-stale': reason, 'preference-applied': 'wait=0' });
  });
});

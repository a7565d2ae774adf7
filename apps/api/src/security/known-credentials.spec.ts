import { beforeEach, describe, expect, it } from '@jest/globals';
import { grantedScopes } from '@ingot/keys';
import type { Principal } from '../principal.js';
import { Problem } from '../problem.js';
import { KnownCredentials, type Verdict } from './known-credentials.js';

const good = (keyId: string): Verdict => ({ principal: { keyId, scopes: grantedScopes(['ingest'], undefined) }, expiresInMs: null });
const codeOf = (error: unknown): string => (error instanceof Problem ? `${error.status} ${error.message}` : String(error));

let now = 0;
let asked: string[] = [];
let answer: (text: string) => Promise<Verdict>;
let known: KnownCredentials;
beforeEach(() => {
  now = 0;
  asked = [];
  answer = (text) => Promise.resolve(text.startsWith('good') ? good(text) : { refused: 'unknown' });
  known = new KnownCredentials({ verify: (text) => (asked.push(text), answer(text)), ttlMs: 10_000, graceMs: 60_000, now: () => now });
});

const hit = (text: string): string => {
  try {
    return known.hit(text)?.keyId ?? 'not known';
  } catch (error) {
    return codeOf(error);
  }
};
const verify = (text: string): Promise<string> => known.verify(text).then(({ keyId }: Principal) => keyId ?? '', codeOf);
const down = (): void => void (answer = () => Promise.reject(new Error('connection refused')));

describe('KnownCredentials', () => {
  it('answers a hit at once, for as long as the time to live', async () => {
    expect(hit('good')).toBe('not known');
    expect(await verify('good')).toBe('good');
    now = 4_999;
    expect(hit('good')).toBe('good');
    now = 10_000;
    expect(hit('good')).toBe('not known');
    expect(asked).toEqual(['good']);
  });

  it('looks a credential that is in use up again in time, so that nobody waits and a revoked one ends', async () => {
    const first = await known.verify('good');
    now = 5_000;
    expect(known.hit('good')).toBe(first);
    expect(known.hit('good')).toBe(first);
    await new Promise(setImmediate);
    expect(asked).toEqual(['good', 'good']);
    now = 10_000;
    expect(known.hit('good')).toBe(first); // the same object: nothing has changed
    answer = () => Promise.resolve({ refused: 'revoked' });
    await new Promise(setImmediate);
    now = 15_000;
    expect(hit('good')).toBe('good'); // and asks
    await new Promise(setImmediate);
    expect(hit('good')).toBe('401 revoked');
  });

  it('never outlives its own expiry', async () => {
    answer = () => Promise.resolve({ ...good('good'), expiresInMs: 3_000 } as Verdict);
    await verify('good');
    now = 2_999;
    expect(hit('good')).toBe('good');
    now = 3_000;
    expect(hit('good')).toBe('not known');
    down();
    expect(await verify('good')).toMatch(/^503 /);
  });

  it('asks once for all who bring the same one at a time', async () => {
    expect(await Promise.all([verify('good'), verify('good'), verify('good'), verify('bad'), verify('bad')])).toEqual(['good', 'good', 'good', '401 unknown', '401 unknown']);
    expect(asked).toEqual(['good', 'bad']);
  });

  it('remembers for two seconds that one is bad', async () => {
    await verify('bad');
    now = 1_999;
    expect(hit('bad')).toBe('401 unknown');
    now = 2_000;
    expect(hit('bad')).toBe('not known');
  });

  it('keeps who was good a while, and says 503 of everybody else, while nobody can be looked up', async () => {
    await verify('good');
    await verify('bad');
    down();
    now = 30_000;
    expect([await verify('good'), hit('good')]).toEqual(['good', 'good']);
    expect([await verify('bad'), await verify('good2')].every((said) => said.startsWith('503 '))).toBe(true);
    const before = asked.length;
    now = 30_999;
    hit('good');
    now = 59_999;
    expect(await verify('good')).toBe('good');
    now = 60_000;
    expect(hit('good')).toBe('not known');
    expect(await verify('good')).toMatch(/^503 /);
    expect(asked.length).toBeGreaterThan(before);
  });

  it('holds no more bad ones than ten thousand, and lets no more than a thousand wait', async () => {
    for (let i = 0; i < 10_001; i++) await verify(`bad${i}`);
    expect([hit('bad0'), hit('bad10000')]).toEqual(['not known', '401 unknown']);
    answer = () => new Promise(() => undefined);
    for (let i = 0; i < 1_000; i++) void verify(`wait${i}`);
    expect(await verify('one more')).toMatch(/^503 More keys/);
  });

  it('tells which keys were used since it was asked last', async () => {
    await verify('good1');
    await verify('good2');
    expect(known.takeUsed()).toEqual(['good1', 'good2']);
    hit('good2');
    expect([known.takeUsed(), known.takeUsed()]).toEqual([['good2'], []]);
    now = 60_001;
    known.takeUsed();
    expect(known.wasGood('good1')).toBe(false);
  });
});

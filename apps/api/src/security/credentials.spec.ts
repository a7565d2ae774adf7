import { describe, expect, it } from '@jest/globals';
import { newKey } from '@ingot/keys';
import type { Problem } from '../problem.js';
import { credentialOf, hasCredential } from './credentials.js';

const codeOf = (headers: string[]): string => {
  try {
    return `found ${credentialOf(headers) ?? 'nothing'}`;
  } catch (error) {
    return (error as Problem).code;
  }
};
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('the credential of a request', () => {
  it.each([
    ['Bearer k', 'k'],
    ['bearer   k', 'k'],
    ['Token k', 'k'],
    [basic('anybody:k'), 'k'],
    [basic(':k'), 'k'],
    [basic('a:k:l'), 'k:l'],
  ])('of Authorization: %s is %s', (value, key) => {
    expect(codeOf(['Host', 'x', 'aUTHORIZATION', value])).toBe(`found ${key}`);
    expect(codeOf(['Authorization', value, 'X-API-Key', key])).toBe(`found ${key}`);
  });

  it('may be in X-API-Key, or nowhere', () => {
    expect(codeOf(['x-api-key', 'k'])).toBe('found k');
    expect(codeOf(['Host', 'x', 'X-Api-Kez', 'k'])).toBe('found nothing');
  });

  it.each([
    [['Authorization', 'Bearer k', 'Authorization', 'Bearer k']],
    [['Authorization', 'Bearer k', 'authorization', 'Bearer l']],
    [['X-API-Key', 'k', 'x-api-key', 'k']],
    [['Authorization', 'Bearer k', 'X-API-Key', 'l']],
    [['X-API-Key', 'l', 'Authorization', basic('u:k')]],
  ])('is unclear in %j', (headers) => {
    expect(codeOf(headers)).toBe('credentials-unclear');
  });

  it.each([[basic('no colon')], ['Basic'], ['Basic !!!'], ['Basic dTpr dTpr'], ['Digest k'], ['k'], ['']])('is none in Authorization: %s', (value) => {
    expect(codeOf(['Authorization', value])).toBe('unauthenticated');
  });
});

describe('a URL', () => {
  const key = newKey();
  const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln';
  it.each([[`/data?key=${key}`], [`/data?x=a%20${key}`], [`/${key}`], [`/data?x=${key.replace('_', '%5f')}`], ['/data?api_key=x'], ['/data?a=b&access_token='], ['/data?API-KEY=1'], [`/data?t=${jwt}`]])('that holds a credential is known: %s', (url) => {
    expect(hasCredential(url)).toBe(true);
  });

  it.each([['/data'], ['/data?from=2022-04-14&to=2022-04-15'], ['/data?name=ingot_'], ['/data?name=%E0%A4%A'], ['/data?keyword=api_key']])('that holds none is let through: %s', (url) => {
    expect(hasCredential(url)).toBe(false);
  });

  it('costs what its length costs, whatever it repeats: nobody has shown a key yet', () => {
    const began = process.cpuUsage(); // not the clock: others may use the processor too
    for (const piece of ['eyJ', '-eyJ', 'eyJaaaaaaaa.', 'ingot_']) hasCredential(`/data?x=${piece.repeat(100_000 / piece.length)}`);
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(2_000); // 2 ms; 25 s where each beginning is read to the end
  });
});

import { describe, expect, it } from '@jest/globals';
import type { Problem } from '../problem.js';
import { OpenAuthenticator } from './foreign-pages.js';

const local = new OpenAuthenticator({ origins: ['https://dashboard.example.com', 'http://ingot.example.com:3000'], isLocal: true });

/** What a request without a key hears: 200, or the problem's code. */
function ask(headers: Record<string, string>, method = 'POST', authenticator = local): unknown {
  try {
    authenticator.authenticate({ method, headers: { host: '127.0.0.1:3000', ...headers } });
    return 200;
  } catch (error) {
    return (error as Problem).code;
  }
}

describe('a service without keys', () => {
  it.each([
    ['curl', {}],
    ['its own page', { origin: 'http://127.0.0.1:3000', 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }],
    ['its own page in an older browser', { origin: 'http://127.0.0.1:3000' }],
    ['an address typed in', { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }],
    ['a page that may', { origin: 'https://dashboard.example.com', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' }],
    ['a page that may in an older browser', { origin: 'https://dashboard.example.com' }],
  ])('lets %s post', (_who, headers) => {
    expect(ask(headers)).toBe(200);
  });

  it.each([
    ['fetch without reading the answer', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['a form', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
    ['a page of unknown origin', { origin: 'null', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['another service of this machine', { origin: 'http://127.0.0.1:8080', 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }],
    ['an older browser', { origin: 'https://evil.example' }],
    ['an older browser with a page of unknown origin', { origin: 'null' }],
  ])('refuses a POST by %s', (_how, headers) => {
    expect(ask(headers)).toBe('foreign-page');
  });

  it('refuses what a foreign page would embed, and lets somebody follow a link', () => {
    expect([
      ask({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' }, 'GET'),
      ask({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', origin: 'https://evil.example' }, 'GET'),
      ask({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }, 'GET'),
    ]).toEqual(['foreign-page', 'foreign-page', 200]);
  });

  it('is called by an address, by localhost or by a name without a dot; by another name only when that is listed', () => {
    const called = (host: string, authenticator = local) => ask({ host }, 'GET', authenticator);
    expect(['127.0.0.1:3000', '[::1]:3000', '[::1]', '192.168.1.7', 'localhost:3000', 'LOCALHOST', 'ingot.localhost:3000', 'pi:3000', 'ingot.example.com:3000', 'Ingot.Example.com:3000', ''].map((host) => called(host))).toEqual(Array.from({ length: 11 }, () => 200));
    expect(['evil.example:3000', 'evil.example', '127.0.0.1.evil.example:3000', 'localhost.evil.example', 'ingot.example.com', 'a.b:c'].map((host) => called(host))).toEqual(Array.from({ length: 6 }, () => 'foreign-page'));
    expect(called('127.0.0.1:3000')).toBe(200); // after a refused one, too
  });

  it('takes any name where the network reaches it on purpose', () => {
    const open = new OpenAuthenticator({ origins: [], isLocal: false });
    expect([ask({ host: 'ingot.example.com' }, 'POST', open), ask({ host: 'ingot.example.com', origin: 'https://evil.example' }, 'POST', open), ask({ host: 'ingot.example.com', origin: 'http://ingot.example.com' }, 'POST', open)]).toEqual([200, 'foreign-page', 200]);
  });
});

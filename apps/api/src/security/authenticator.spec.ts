import { describe, expect, it } from '@jest/globals';
import { grantedScopes } from '@ingot/keys';
import type { Principal } from '../principal.js';
import type { Problem } from '../problem.js';
import { Attempts } from './attempts.js';
import { KeyAuthenticator } from './authenticator.js';
import { KnownCredentials, type Verdict } from './known-credentials.js';

const ADDRESS = '192.0.2.1';

describe('KeyAuthenticator', () => {
  it('throttles wrong keys of an address, and neither those that were good nor what could not be looked up', async () => {
    let now = 0;
    let isDown = false;
    const verdict = (text: string): Verdict => (text.startsWith('good') ? { principal: { keyId: text, scopes: grantedScopes(['admin'], undefined) }, expiresInMs: null } : { refused: 'unknown' });
    const verify = (text: string): Promise<Verdict> => (isDown ? Promise.reject(new Error('down')) : Promise.resolve(verdict(text)));
    const known = new KnownCredentials({ verify, ttlMs: 1_000, graceMs: 60_000, now: () => now });
    const authenticator = new KeyAuthenticator(known, new Attempts(2, () => 0));
    const ask = async (key: string, address = ADDRESS): Promise<unknown> => {
      try {
        return (await authenticator.authenticate({ url: '/', rawHeaders: ['X-API-Key', key] }, () => address)).keyId;
      } catch (error) {
        return (error as Problem).status;
      }
    };
    for (let i = 0; i < 5; i++) expect(await ask(`good${i}`)).toBe(`good${i}`);
    isDown = true;
    for (let i = 0; i < 5; i++) expect(await ask(`bad${i}`)).toBe(503);
    isDown = false;
    expect([await ask('bad'), await ask('bad'), await ask('bad'), await ask('worse')]).toEqual([401, 401, 429, 429]);
    now = 1_000; // what is known of good0 is too old, and it is looked up all the same
    expect([await ask('good0'), await ask('good9'), await ask('good9', '192.0.2.2')]).toEqual(['good0', 429, 'good9']);
  });

  it('counts wrong keys, not those that are being looked up: a fleet behind one address comes back at once', async () => {
    const isGood = (text: string): boolean => text.startsWith('good');
    const verify = (text: string): Promise<Verdict> => Promise.resolve(isGood(text) ? { principal: { keyId: text, scopes: grantedScopes(['admin'], undefined) }, expiresInMs: null } : { refused: 'unknown' });
    let now = 0;
    const authenticator = new KeyAuthenticator(new KnownCredentials({ verify, ttlMs: 1_000, graceMs: 1_000, now: () => 0 }), new Attempts(2, () => now));
    const ask = async (key: string): Promise<string> => {
      try {
        return (await authenticator.authenticate({ url: '/', rawHeaders: ['X-API-Key', key] }, () => ADDRESS)).keyId ?? '';
      } catch (error) {
        return (error as Problem).code;
      }
    };
    const fleet = Array.from({ length: 100 }, (_, i) => `good${i}`);
    expect(await Promise.all(fleet.map(ask))).toEqual(fleet);
    // Guesses at the same time hear no more than guesses in turn would, and are paid for later.
    const heard = await Promise.all(Array.from({ length: 10 }, (_, i) => ask(`bad${i}`)));
    expect([heard.filter((code) => code === 'unauthenticated').length, heard.filter((code) => code === 'too-many-attempts').length]).toEqual([2, 8]);
    now = 60_000;
    expect(await ask('another')).toBe('too-many-attempts');
    now = 91_000;
    expect(await ask('another')).toBe('unauthenticated');
  });

  it('answers what it knows without a promise', async () => {
    const principal: Principal = { keyId: '1', scopes: grantedScopes(['ingest'], undefined) };
    const known = new KnownCredentials({ verify: () => Promise.resolve({ principal, expiresInMs: null }), ttlMs: 1_000, graceMs: 1_000 });
    const authenticator = new KeyAuthenticator(known, new Attempts(2));
    const ask = () => authenticator.authenticate({ url: '/data', rawHeaders: ['Authorization', 'Bearer k'] }, () => ADDRESS);
    expect(ask()).toBeInstanceOf(Promise);
    await ask();
    expect(ask()).toBe(principal);
  });
});

import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import type { Problem } from '../problem.js';
import { JwtVerifier, looksLikeJwt } from './jwt-verifier.js';

const ISSUER = 'https://id.example.com/';
const AUDIENCE = 'ingot';

let privateKey: CryptoKey;
let publicKey: CryptoKey;
let otherKey: CryptoKey;
let folder = '';
let jwks: { keys: JWK[] };
let issuer: Server;
let url = '';
let fetched = 0;
let verifier: JwtVerifier;
const open = (source: string) => JwtVerifier.open({ issuer: ISSUER, audience: AUDIENCE, jwks: source, scopeClaim: 'scope', deviceClaim: 'device' });

beforeAll(async () => {
  ({ privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true }));
  ({ privateKey: otherKey } = await generateKeyPair('ES256'));
  folder = mkdtempSync(path.join(tmpdir(), 'ingot-jwks-'));
  jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] };
  writeFileSync(path.join(folder, 'jwks.json'), JSON.stringify(jwks));
  issuer = createServer((_request, response) => {
    fetched++;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(jwks));
  });
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`;
  verifier = await open(path.join(folder, 'jwks.json'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  issuer.closeAllConnections();
  await new Promise((resolve) => issuer.close(resolve));
});

const soon = () => Math.floor(Date.now() / 1_000) + 300;
const token = (claims: JWTPayload = {}, { kid = 'k1', key = privateKey }: { kid?: string; key?: CryptoKey } = {}): Promise<string> =>
  new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: 'anna', scope: 'read:own', device: 'd1', exp: soon(), ...claims }).setProtectedHeader({ alg: 'ES256', kid }).sign(key);
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = () => ({ iss: ISSUER, aud: AUDIENCE, scope: 'admin', exp: soon() });

describe('JwtVerifier', () => {
  it('takes scopes, device and time from the claims', async () => {
    const verdict = await verifier.verify(await token());
    expect(verdict).toMatchObject({ principal: { subject: 'anna', device: 'd1', scopes: new Set(['read:own']) } });
    expect('expiresInMs' in verdict && verdict.expiresInMs! > 200_000 && verdict.expiresInMs! <= 300_000).toBe(true);
    const list = await verifier.verify(await token({ scope: ['read:all', 'openid', 7], device: undefined }));
    expect(list).toMatchObject({ principal: { scopes: new Set(['read:all', 'read:own']) } });
    expect(await verifier.verify(await token({ scope: undefined }))).toMatchObject({ principal: { scopes: new Set() } });
    expect(await verifier.verify(await token({ device: undefined }))).toMatchObject({ principal: { scopes: new Set() } });
  });

  it.each<[string, () => Promise<string> | string, RegExp]>([
    ['alg none', () => `${part({ alg: 'none' })}.${part(claims())}.`, /not taken|not well-formed/],
    ['alg None with a signature', () => `${part({ alg: 'None' })}.${part(claims())}.c2ln`, /not taken|not well-formed/],
    ['HS256 with the public key as the secret', async () => {
      const body = `${part({ alg: 'HS256', kid: 'k1' })}.${part(claims())}`;
      return `${body}.${createHmac('sha256', await exportSPKI(publicKey)).update(body).digest('base64url')}`;
    }, /algorithm/],
    ['the key of somebody else', () => token({}, { key: otherKey }), /signature is wrong/],
    ['a key id that the issuer has not', () => token({}, { kid: 'k2' }), /key that is not of the issuer/],
    ['claims changed after it was signed', async () => (await token()).replace(/\.[^.]+\./, `.${part(claims())}.`), /signature is wrong/],
    ['another issuer', () => token({ iss: 'https://evil.example.com/' }), /claim iss/],
    ['another audience', () => token({ aud: ['other'] }), /claim aud/],
    ['no audience', () => token({ aud: undefined }), /claim aud/],
    ['an end that has passed', () => token({ exp: Math.floor(Date.now() / 1_000) - 10 }), /expired/],
    ['no end', () => token({ exp: undefined }), /claim exp/],
    ['a beginning to come', () => token({ nbf: soon() }), /claim nbf/],
    ['a device that is none', () => token({ device: 'd1\r\nx: y' }), /names no device/],
    ['a NUL in its subject', () => token({ sub: 'anna\0' }), /claim sub/],
    ['a subject too long for a key', () => token({ sub: 'a'.repeat(256) }), /claim sub/],
    ['a subject that is no text', () => token({ sub: 7 as unknown as string }), /claim sub|not well-formed/],
    ['a list of devices', () => token({ device: ['d1', 'd2'] as unknown as string }), /names no device/],
    ['a key of its own in the header', async () => new SignJWT(claims()).setProtectedHeader({ alg: 'ES256', jwk: await exportJWK(publicKey), kid: 'k1' }).sign(otherKey), /signature is wrong/],
    ['parts that are no JSON', () => 'eyJhbGciOi.eyJhbGciOi.c2ln', /not well-formed/],
  ])('refuses a token with %s', async (_what, make, why) => {
    const verdict = await verifier.verify(await make());
    expect(verdict).toEqual({ refused: expect.stringMatching(why) as unknown });
  });

  it('reads the keys of a URL once for many tokens, and not again for each unknown key id', async () => {
    const remote = await open(url);
    fetched = 0;
    expect(await Promise.all([remote.verify(await token()), remote.verify(await token({ sub: 'b' }))])).toMatchObject([{ principal: { subject: 'anna' } }, { principal: { subject: 'b' } }]);
    for (let i = 0; i < 5; i++) expect(await remote.verify(await token({}, { kid: `x${i}` }))).toMatchObject({ refused: expect.stringContaining('not of the issuer') as unknown });
    expect(fetched).toBe(1);
  });

  it('says 503 of a token, and asks once in a while, when the keys cannot be read', async () => {
    let asked = 0;
    const broken = createServer((_request, response) => {
      asked++;
      response.writeHead(500).end();
    });
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve));
    const remote = await open(`http://127.0.0.1:${(broken.address() as AddressInfo).port}/`);
    const made = await token();
    for (let i = 0; i < 3; i++) await expect(remote.verify(made)).rejects.toMatchObject({ code: 'identity-unavailable', status: 503 } satisfies Partial<Problem>);
    broken.closeAllConnections();
    await new Promise((resolve) => broken.close(resolve));
    expect(asked).toBe(1);
  });

  it('opens no file with secrets in it', async () => {
    writeFileSync(path.join(folder, 'private.json'), JSON.stringify({ keys: [{ ...(await exportJWK(privateKey)), kid: 'k1' }] }));
    writeFileSync(path.join(folder, 'shared.json'), JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'k1' }] }));
    for (const file of ['private.json', 'shared.json', 'none.json']) await expect(open(path.join(folder, file))).rejects.toThrow(/private or shared keys|ENOENT/);
  });

  it('knows a token from a key', async () => {
    expect([looksLikeJwt(await token()), looksLikeJwt('ingot_abc'), looksLikeJwt('eyJ.a')]).toEqual([true, false, false]);
  });
});

import { createServer, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, openProxy, type Proxy, type TestDatabase } from '@ingot/testing';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { addKey, keyText, runKeys } from './keys.js';
import type { Document } from './openapi.js';
import { startService, type RunningService } from './service.js';

type Scope = 'public' | 'ingest' | 'read:own' | 'read:all' | 'admin';

/** What each route takes, said once more by hand. */
const ROUTES: Readonly<Record<string, Scope>> = {
  'GET /health': 'public', 'GET /health/live': 'public', 'GET /health/ready': 'public',
  'GET /docs': 'public', 'GET /docs/errors': 'public', 'GET /docs/assets/{file}': 'public', 'GET /openapi.json': 'public',
  'POST /data': 'ingest',
  'GET /data': 'read:own', 'GET /latest': 'read:own', 'GET /names': 'read:own', 'GET /power': 'read:own', 'GET /series': 'read:own',
  'GET /stats': 'read:all', 'GET /runs': 'read:all', 'GET /runs/{id}': 'read:all', 'GET /runs/compare': 'read:all', 'GET /models': 'read:all', 'GET /models/{name}': 'read:all',
  'GET /lineage': 'read:all', 'GET /quarantine': 'read:all', 'GET /quarantine/entries': 'read:all', 'GET /quarantine/entries/{id}': 'read:all', 'GET /metrics': 'read:all',
  'POST /quarantine/replay': 'admin',
};
/** Whom each scope lets in, by the name of a key below. */
const ALLOWED: Readonly<Record<Scope, readonly string[]>> = {
  public: ['none', 'posts', 'd1', 'd2', 'all', 'admin', 'token'],
  ingest: ['posts', 'd1', 'd2', 'admin'],
  'read:own': ['d1', 'd2', 'all', 'admin', 'token'],
  'read:all': ['all', 'admin'],
  admin: ['admin'],
};
/** An ISO range that holds all that is posted here; every format of the endpoints that is text. */
const QUESTIONS = [
  ...['json', 'csv', 'ndjson'].map((format) => `/data?from=2022-01-01&to=2022-12-31&format=${format}`),
  '/data?from=2022-01-01&to=2022-12-31&limit=2', '/data?from=2022-01-01&to=2022-12-31&name=Power', '/latest', '/latest?name=Voltage', '/names', '/power?from=2022-01-01&to=2022-12-31',
  '/series?from=2022-01-01&to=2022-12-31&bucket=1d', '/series?from=2022-04-14&to=2022-04-14&bucket=1m',
];

let database: TestDatabase;
let proxy: Proxy;
let service: RunningService;
let issuer: Server;
let signer: CryptoKey;
let keys: Record<string, string>;
let client = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await openProxy(database.url);
  const pair = await generateKeyPair('ES256');
  signer = pair.privateKey;
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1' }] });
  issuer = createServer((_request, response) => void response.setHeader('content-type', 'application/json').end(jwks));
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  keys = {
    posts: await addKey(database, { scopes: ['ingest'] }),
    d1: await addKey(database, { scopes: ['ingest', 'read:own'], device: 'd1' }),
    d2: await addKey(database, { scopes: ['ingest', 'read:own'], device: 'd2' }),
    all: await addKey(database, { scopes: ['read:all'] }),
    admin: await addKey(database, { scopes: ['admin'] }),
    token: await new SignJWT({ scope: 'read:own', device: 'd1' }).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).setIssuer('us').setAudience('ingot').setExpirationTime('1h').sign(signer),
  };
  service = await startService(proxy.url, {
    INGOT_AUTH: 'required', INGOT_KEY_CACHE_SECONDS: '1', INGOT_TRUST_PROXY: '127.0.0.1', INGOT_LOG_LEVEL: 'debug', INGOT_FRESHNESS_MAX_WAIT_MS: '60000',
    INGOT_JWT_ISSUER: 'us', INGOT_JWT_AUDIENCE: 'ingot', INGOT_JWT_JWKS: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/`,
  });
});
afterAll(async () => {
  await service.stop();
  await proxy.close();
  issuer.closeAllConnections();
  await new Promise((resolve) => issuer.close(resolve));
  await database.drop();
});

/** From a client of an address of its own, unless told otherwise: wrong keys of one test do not slow another down. */
const ask = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}): Promise<Response> =>
  fetch(service.url + path, { ...init, headers: { 'x-forwarded-for': `10.1.${client >> 8}.${client++ & 255}`, ...headers } });
const bearer = (who: string): Record<string, string> => (who === 'none' ? {} : { authorization: `Bearer ${keys[who] ?? who}` });
const post = (who: string, body: string, headers: Record<string, string> = {}): Promise<Response> => ask('/data', { ...bearer(who), ...headers }, { method: 'POST', body });
/** The rows as of now, and what says of which moment they are. */
async function read(who: string, path: string): Promise<string> {
  const answer = await ask(path, { ...bearer(who), prefer: 'wait=60' });
  expect([path, answer.status, answer.headers.get('ingot-stale')]).toEqual([path, 200, null]);
  return (await answer.text()) + (answer.headers.get('link') === null ? '' : '\nand more');
}
const within = (path: string, parameter: string): string => `${path}${path.includes('?') ? '&' : '?'}${parameter}`;

describe('each scope against each route', () => {
  it('every route of the service is in the table, and documented with what it takes', async () => {
    const { paths } = (await (await ask('/openapi.json')).json()) as Document;
    const documented = Object.entries(paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => {
      const security = (operation as { security?: Record<string, string[]>[] }).security;
      return [`${method.toUpperCase()} ${path}`, security?.length === 0 ? 'public' : security?.[0]?.bearer?.[0]];
    }));
    expect(Object.fromEntries(documented)).toEqual(ROUTES);
    // What follows is asked of every one that shows a device its own rows.
    const own = Object.keys(ROUTES).filter((route) => ROUTES[route] === 'read:own');
    expect(new Set(QUESTIONS.map((path) => `GET ${path.replace(/\?.*/, '')}`))).toEqual(new Set(own));
  });

  it.each(Object.entries(ROUTES))('%s takes %s', async (route, scope) => {
    const [method = '', path = ''] = route.split(' ');
    const url = path.replace('{id}', '1').replace('{name}', 'x').replace('{file}', 'swagger-ui.css');
    const methods = method === 'GET' ? ['GET', 'HEAD'] : [method];
    const all = methods.flatMap((each) => ['none', ...Object.keys(keys)].map(async (who) => {
      const answer = await ask(url, bearer(who), { method: each });
      const letIn = answer.status === 401 || answer.status === 403 ? answer.status : 'in';
      await answer.arrayBuffer();
      return [each, who, letIn];
    }));
    const expected = methods.flatMap((each) => ['none', ...Object.keys(keys)].map((who) => [each, who, ALLOWED[scope].includes(who) ? 'in' : who === 'none' ? 401 : 403]));
    expect(await Promise.all(all)).toEqual(expected);
  });

  it('a path without a route says so to everybody, and OPTIONS which methods there are', async () => {
    expect((await ask('/nothing')).status).toBe(404);
    expect((await ask('/runs', {}, { method: 'OPTIONS' })).headers.get('allow')).toContain('GET');
    expect((await ask('/runs', {}, { method: 'DELETE' })).status).toBe(405);
  });
});

describe('a device with a key', () => {
  it('posts as itself, whatever it says; a key without a device posts for whom it names', async () => {
    const line = '1649941817 Voltage 1.5';
    expect((await post('d1', line)).status).toBe(200);
    expect((await post('d1', line, { 'x-device-id': 'd1' })).status).toBe(200);
    for (const other of ['d2', 'D1', 'default', 'd1, d1', 'd1 x']) {
      const refused = await post('d1', line, { 'x-device-id': other });
      expect([refused.status, await refused.json()]).toEqual([403, expect.objectContaining({ detail: expect.stringContaining('Leave X-Device-Id out') as unknown })]);
    }
    expect((await post('posts', `${line}\n1649941817 Current 2`, { 'x-device-id': 'd1' })).status).toBe(200);
    expect(JSON.parse(await read('all', '/names?device=d1,d2,default'))).toMatchObject([{ name: 'Current', devices: ['d1'] }, { name: 'Voltage', devices: ['d1'], count: 3 }]);
  });

  it('sees the same of every endpoint, whatever other devices have', async () => {
    const before = await Promise.all(QUESTIONS.map((path) => read('d1', path)));
    expect(before.every((body) => body.includes('d1') || !body.includes('device'))).toBe(true);
    const lines = (offset: number): string => Array.from({ length: 6 }, (_, i) => `${1649900000 + offset + i * 9_000} ${i % 2 === 0 ? 'Voltage' : 'Current'} ${offset + i}.25\n${1640995300 + i} Secret ${i}`).join('\n');
    for (const device of ['d2', 'd0', 'd3']) expect((await post('posts', lines(device.charCodeAt(1)), { 'x-device-id': device })).status).toBe(200);
    expect((await post('posts', lines(7))).status).toBe(200); // of no device
    for (const [i, path] of QUESTIONS.entries()) {
      const [all, mine, token, theirs] = [await read('all', path), await read('d1', path), await read('token', path), await read('d2', path)];
      expect([path, mine]).toEqual([path, before[i]]);
      expect([path, token]).toEqual([path, mine]);
      expect([path, all === mine, theirs === mine]).toEqual([path, false, false]); // there is something to see
    }
  });

  it('is told of a foreign device what it is told of one that never was', async () => {
    for (const path of QUESTIONS) {
      const asked = await Promise.all(['d2', 'default', 'never', "d1' or 1=1 --"].map(async (device) => {
        const answer = await ask(within(path, `device=${encodeURIComponent(device)}`), { ...bearer('d1'), prefer: 'wait=60' });
        const { etag, link, 'content-length': length } = Object.fromEntries(answer.headers) as Record<string, string>;
        return JSON.stringify([answer.status, etag, link, length, await answer.text()]);
      }));
      expect([path, new Set(asked).size]).toEqual([path, 1]);
      expect([path, await read('d1', within(path, 'device=d1'))]).toEqual([path, await read('d1', path)]);
      expect(await read('all', within(path, 'device=d2'))).not.toBe(await read('all', within(path, 'device=never')));
    }
  });

  it('gets its own entity tags, and answers that no shared cache keeps', async () => {
    const path = '/latest';
    const [one, two, all] = await Promise.all(['d1', 'd2', 'all'].map((who) => ask(path, { ...bearer(who), prefer: 'wait=60' })));
    const tags = [one, two, all].map((answer) => answer!.headers.get('etag') ?? '');
    expect(new Set(tags).size).toBe(3);
    expect([one!.headers.get('cache-control'), one!.headers.get('vary')]).toEqual([expect.stringMatching(/^private, /), expect.stringContaining('authorization, x-api-key')]);
    expect((await ask(path, { ...bearer('d1'), 'if-none-match': tags[0]! })).status).toBe(304);
    for (const other of ['d2', 'all']) expect((await ask(path, { ...bearer(other), 'if-none-match': tags[0]! })).status).toBe(200);
  });

  it('goes on with its own cursor only', async () => {
    const first = await ask('/data?from=2022-01-01&to=2022-12-31&limit=1', { ...bearer('d2'), prefer: 'wait=60' });
    const next = /<([^>]*)>/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    expect((await ask(next, bearer('d2'))).status).toBe(200);
    for (const other of ['d1', 'token', 'all']) expect((await ask(next, bearer(other))).status).toBe(400);
  });
});

describe('a request without a good credential', () => {
  it.each<[string, (key: string) => Record<string, string>, number]>([
    ['an unknown key', () => ({ authorization: `Bearer ${keyText()}` }), 401],
    ['a key cut short', (key) => ({ authorization: `Bearer ${key.slice(0, -1)}` }), 401],
    ['a key with more behind', (key) => ({ authorization: `Bearer ${key}A` }), 401],
    ['a padded key', (key) => ({ authorization: `Bearer ${key}=` }), 401],
    ['a key in capitals', (key) => ({ 'x-api-key': key.toUpperCase() }), 401],
    ['two keys in one header', (key) => ({ 'x-api-key': `${key}, ${key}` }), 401],
    ['an empty header', () => ({ 'x-api-key': '' }), 401],
    ['Bearer and nothing', () => ({ authorization: 'Bearer' }), 401],
    ['an unknown scheme', (key) => ({ authorization: `Digest ${key}` }), 401],
    ['Basic without a colon', (key) => ({ authorization: `Basic ${Buffer.from(key).toString('base64')}` }), 401],
    ['Basic with the key as the user', (key) => ({ authorization: `Basic ${Buffer.from(`${key}:`).toString('base64')}` }), 401],
    ['two different credentials', (key) => ({ authorization: `Bearer ${key}`, 'x-api-key': keyText() }), 400],
    ['a token that nobody signed', () => ({ authorization: `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"iss":"us","aud":"ingot","scope":"admin","exp":9999999999}').toString('base64url')}.` }), 401],
    ['a key in a cookie', (key) => ({ cookie: `key=${key}` }), 401],
  ])('%s', async (_what, headers, status) => {
    const answer = await ask('/runs', headers(keys.admin!));
    expect([answer.status, answer.headers.get('www-authenticate') !== null]).toEqual([status, status === 401]);
    expect(await answer.text()).not.toContain(keys.admin);
  });

  it.each([['Token'], ['bearer'], ['BEARER']])('with %s before it a good key is good', async (scheme) => {
    expect((await ask('/runs', { authorization: `${scheme} ${keys.admin}` })).status).toBe(200);
    expect((await ask('/runs', { authorization: `Basic ${Buffer.from(`whoever:${keys.admin}`).toString('base64')}` })).status).toBe(200);
  });

  it('an expired key, a revoked one', async () => {
    expect((await ask('/runs', bearer(await addKey(database, { scopes: ['admin'], expires: '-1 second' })))).status).toBe(401);
    const revoked = await addKey(database, { scopes: ['admin'] });
    await database.query(`update ingot.api_keys set revoked_at = now() where prefix = $1`, [revoked.slice(0, 12)]);
    expect((await ask('/runs', bearer(revoked))).status).toBe(401);
  });

  it('a key in the URL, which is not told to anybody', async () => {
    for (const url of [`/runs?key=${keys.admin}`, `/runs?api_key=x`, `/data?from=2022-01-01&to=2022-01-02&name=${keys.all}`, `/latest?name=${keys.all!.replace('_', '%5F')}`]) {
      const answer = await ask(url, bearer('all'));
      expect([url, answer.status, await answer.json()]).toEqual([url, 400, expect.objectContaining({ type: '/docs/errors#credentials-in-url' })]);
    }
  });

  it('headers that Node would join or drop: two of one name, a line break in one', async () => {
    const good = `Authorization: Bearer ${keys.admin}\r\n`;
    expect(await raw(`GET /runs HTTP/1.1\r\nHost: x\r\n${good}Connection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200/);
    expect(await raw(`GET /runs HTTP/1.1\r\nHost: x\r\n${good}${good}Connection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400[^]*credentials-unclear/);
    expect(await raw(`GET /runs HTTP/1.1\r\nHost: x\r\nX-API-Key: ${keys.admin}\r\nX-API-Key: ${keyText()}\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400/);
    expect(await raw(`GET /runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n ${keys.admin}\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 40[01]/);
    expect(await raw(`GET /runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${keys.admin}\0\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400/);
  });

  it('from one address too often: 429, and keys that are good are let in all the same', async () => {
    const from = { 'x-forwarded-for': '192.0.2.7' };
    expect((await ask('/runs', { ...bearer('admin'), ...from })).status).toBe(200);
    const wrong = () => ask('/runs', { ...bearer(keyText()), ...from }).then(({ status }) => status);
    const statuses: number[] = [];
    for (let i = 0; i < 60 && !statuses.includes(429); i++) statuses.push(await wrong());
    expect(statuses.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => 401));
    const refused = await ask('/runs', { ...bearer(keyText()), ...from });
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true]);
    expect((await ask('/runs', { ...bearer('admin'), ...from })).status).toBe(200);
    expect((await ask('/runs', bearer(keyText()))).status).toBe(401); // of another address
  });
});

describe('when things change or break', () => {
  const until = async (path: string, headers: Record<string, string>, status: number): Promise<number> => {
    const since = performance.now();
    for (;;) {
      const answer = await ask(path, headers);
      await answer.arrayBuffer();
      if (answer.status === status) return performance.now() - since;
      if (performance.now() - since > 20_000) throw new Error(`${path} still answers ${answer.status}, not ${status}`);
      await sleep(20);
    }
  };

  it('a key made, rotated and revoked by another process is good and ended here without a restart', async () => {
    const made = await runKeys<{ key: string; id: number }>(database.url, 'create', '--name', 'ops', '--scope', 'read:all');
    expect((await ask('/runs', bearer(made.key))).status).toBe(200);
    const next = await runKeys<{ key: string }>(database.url, 'rotate', 'ops', '--overlap', '1h');
    expect([(await ask('/runs', bearer(made.key))).status, (await ask('/runs', bearer(next.key))).status]).toEqual([200, 200]);
    await runKeys(database.url, 'revoke', 'ops');
    for (const key of [made.key, next.key]) expect(await until('/runs', bearer(key), 401)).toBeLessThan(15_000); // 1 s, and what a busy machine takes
  });

  it('while the key table cannot be reached, known keys stay good and of others nothing is said', async () => {
    const unknown = await addKey(database, { scopes: ['admin'] });
    expect((await ask('/models', bearer('admin'))).status).toBe(200);
    proxy.only = 'ingot keys';
    proxy.cut();
    proxy.refuse = 1_000_000;
    try {
      const answer = await ask('/models', bearer(unknown));
      expect([answer.status, answer.headers.get('retry-after') !== null, ((await answer.json()) as { type: string }).type]).toEqual([503, true, '/docs/errors#database-unavailable']);
      const posted = await post(unknown, '1649941817 Voltage 1');
      expect([posted.status, await posted.json()]).toEqual([503, expect.objectContaining({ outcome: 'not_stored' })]);
      await sleep(1_100); // beyond the time to live
      expect((await ask('/models', bearer('admin'))).status).toBe(200);
      expect((await post('d1', '1649941818 Voltage 1.5')).status).toBe(200);
      expect((await ask('/models', bearer('ingot_short'))).status).toBe(401); // no key at all, whatever the table says
    } finally {
      proxy.refuse = 0;
      proxy.only = '';
    }
    await until('/models', bearer(unknown), 200);
  });

  it('while the database is gone a POST is 503 with a known and with an unknown key, never 401', async () => {
    expect((await post('d2', '1649941817 Voltage 1')).status).toBe(200);
    const unknown = await addKey(database, { scopes: ['ingest'] });
    proxy.refuse = 1_000_000;
    proxy.cut();
    try {
      const all = await Promise.all([post('d2', '1649941819 Voltage 1'), post(unknown, '1649941819 Voltage 1')]);
      expect(all.map(({ status }) => status)).toEqual([503, 503]);
    } finally {
      proxy.refuse = 0;
    }
    await until('/models', bearer('admin'), 200);
    let status = 0;
    for (let i = 0; i < 200 && status !== 200; i++) ({ status } = await post(unknown, '1649941820 Voltage 1'));
    expect(status).toBe(200);
  });

  it('no key is in the log, and the end of the process notes which were used', async () => {
    expect((await service.stop()).code).toBe(0);
    const said = service.output.stdout + service.output.stderr;
    for (const [who, key] of Object.entries(keys)) expect([who, said.includes(key)]).toEqual([who, false]);
    const used = await database.query<{ device: string }>(`select device from ingot.api_keys where last_used_at > now() - interval '10 minutes' and device is not null order by 1`);
    expect(used.map(({ device }) => device)).toEqual(['d1', 'd2']);
  });
});

/** Bytes as they are, on a connection of their own. */
function raw(request: string): Promise<string> {
  const { hostname, port } = new URL(service.url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = net.connect(Number(port), hostname, () => socket.write(request));
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

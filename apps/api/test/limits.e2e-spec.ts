import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { abortEverywhere } from './attacks/aborts.js';
import { bombs } from './attacks/bombs.js';
import { connectTo, sendRaw, statusesOf } from './attacks/raw-http.js';
import { openSlowClients } from './attacks/slow-clients.js';
import { smuggle, SMUGGLED_LINE } from './attacks/smuggling.js';
import { launchService, startService, type RunningService } from './service.js';

const BODY_BYTES = 65_536;
const CONNECTIONS = 120;
const KEY = `ingot_${'s3cR3T'.repeat(8)}x`;

interface Problem {
  type: string;
  detail: string;
  outcome?: string;
  errors?: { line: number; column: number; code: string; detail: string }[];
  'violated-policies'?: string[];
}

describe('a service and those who want too much of it', () => {
  let database: TestDatabase;
  let service: RunningService;
  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startService(database.url, {
      INGOT_AUTH: 'off',
      INGOT_TRUST_PROXY: '127.0.0.1', // so that a test can come from any address
      INGOT_LOG_LEVEL: 'debug',
      INGOT_BODY_LIMIT_BYTES: String(BODY_BYTES),
      INGOT_MAX_LINES: '5000',
      INGOT_MAX_LINE_BYTES: '100',
      INGOT_MAX_FUTURE_SECONDS: '3600',
      INGOT_MAX_NAMES_PER_DEVICE: '3',
      INGOT_MAX_DEVICES: '4',
      INGOT_LINES_PER_SECOND: '200',
      INGOT_QUOTA_BURST_SECONDS: '20',
      INGOT_BYTES_PER_DAY: '310000',
      INGOT_MAX_CONNECTIONS: String(CONNECTIONS),
      INGOT_HEADERS_TIMEOUT_SECONDS: '2',
      INGOT_REQUEST_TIMEOUT_SECONDS: '3',
    });
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const post = async (body: string | Buffer, headers: Record<string, string> = {}): Promise<{ status: number; headers: Headers; problem: Problem }> => {
    const answer = await fetch(`${service.url}/data`, { method: 'POST', body: typeof body === 'string' ? body : new Uint8Array(body), headers });
    return { status: answer.status, headers: answer.headers, problem: (await answer.json()) as Problem };
  };
  const from = (address: string): Record<string, string> => ({ 'x-forwarded-for': address });
  const storedLines = async (): Promise<string[]> => (await database.query<{ line: string }>('select line from bronze.raw_readings order by id')).map(({ line }) => line);
  const residentBytes = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.process.pid}/status`, 'utf8'))?.[1]) * 1024;
  const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await holds())) await sleep(50);
  };

  it('says which limit a body or a line is beyond', async () => {
    expect(await post('1 a 1\n'.repeat(5_001))).toMatchObject({ status: 413, problem: { detail: expect.stringContaining('at most 5000 lines') } });
    expect(await post(`1 a 1\n2 a ${'1'.repeat(100)}`)).toMatchObject({ status: 400, problem: { errors: [{ line: 2, code: 'line-too-long', detail: expect.stringContaining('at most 100 bytes') }] } });
    expect((await sendRaw(service.url, `GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(16_384)}\r\n\r\n`)).text).toContain('more than 16384 bytes');
  });

  it('takes timestamps up to so far ahead, in every precision', async () => {
    const now = Math.floor(Date.now() / 1_000);
    expect((await post(`${now + 3_000} a 1\n1 a 1`)).status).toBe(200);
    const far = { status: 400, problem: { errors: [{ line: 1, column: 1, code: 'too-far-ahead', detail: expect.stringMatching(/the latest instant taken now is \d{4}-/) }] } };
    expect(await post(`${now + 4_000} a 1`)).toMatchObject(far);
    for (const [unit, digits] of Object.entries({ ms: '000', us: '000000', ns: '000000000' })) {
      const answer = await fetch(`${service.url}/data?precision=${unit}`, { method: 'POST', body: `${now + 4_000}${digits} a 1` });
      expect({ status: answer.status, problem: (await answer.json()) as Problem }).toMatchObject(far);
    }
  });

  it('refuses a name beyond those a device may have, and a device beyond those there may be', async () => {
    expect((await post('1 a 1\n1 b 1', { 'x-device-id': 'n1' })).status).toBe(200);
    expect(await post('1 a 1\n1 c 1\n1 d 1', { 'x-device-id': 'n1' })).toMatchObject({ status: 400, problem: { type: '/docs/errors#invalid-lines', errors: [{ line: 3, column: 3, code: 'too-many-names', detail: expect.stringContaining('INGOT_MAX_NAMES_PER_DEVICE') }] } });
    expect((await post('1 c 1', { 'x-device-id': 'n1' })).status).toBe(200);
    for (const device of ['n2', 'n3']) expect((await post('1 a 1', { 'x-device-id': device })).status).toBe(200); // with `default` and n1 these are four
    expect(await post('1 a 1', { 'x-device-id': 'n4' })).toMatchObject({ status: 422, problem: { type: '/docs/errors#too-many-devices', detail: expect.stringContaining('INGOT_MAX_DEVICES') } });
    expect((await post('1 a 1', { 'x-device-id': 'n1' })).status).toBe(200);
  });

  describe('quotas', () => {
    it('of lines a second: 429 with what is left and when, for this address and no other', async () => {
      const first = await post('1 a 1\n'.repeat(1_500), from('10.0.0.1'));
      expect([first.status, first.headers.get('ratelimit-policy')]).toEqual([200, '"lines";q=4000;w=20;qu="lines", "bytes";q=310000;w=86400;qu="content-bytes"']);
      expect(first.headers.get('ratelimit')).toMatch(/^"lines";r=\d+;t=\d+, "bytes";r=301000;t=\d+$/);
      expect((await post('1 a 1\n'.repeat(4_900), from('10.0.0.1'))).status).toBe(200); // into debt
      const refused = await post('1 a 1', from('10.0.0.1'));
      expect(refused).toMatchObject({ status: 429, problem: { type: '/docs/errors#quota-exceeded', 'violated-policies': ['lines'], detail: expect.stringContaining('address 10.0.0.1 may send 200 lines a second') } });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(5);
      expect(refused.headers.get('ratelimit')).toContain('"lines";r=0;');
      expect((await post('1 a 1', from('10.0.0.1:4711'))).status).toBe(429); // as some proxies write it, with a port that the client chooses
      expect((await post('1 a 1', from('10.0.0.2'))).status).toBe(200);
    });

    it('of bytes of the day, counted after decompression; refused before the body is sent', async () => {
      const large = `${'1 a 1'.padEnd(99)}\n`.repeat(600);
      for (const body of [large, gzipSync(large), large, large, large]) expect((await post(body, { ...from('10.0.0.3'), ...(typeof body === 'string' ? {} : { 'content-encoding': 'gzip' }) })).status).toBe(200);
      const refused = await post(large, from('10.0.0.3'));
      expect(refused).toMatchObject({ status: 429, problem: { 'violated-policies': ['bytes'], detail: expect.stringContaining('has sent 300000') } });
      const headOnly = await sendRaw(service.url, `POST /data HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.0.3\r\nContent-Length: 60000\r\n\r\n`, (text) => text.includes('\r\n\r\n{'));
      expect(statusesOf(headOnly.text)).toEqual([429]);
      expect((await post('1 a 1', from('10.0.0.3'))).status).toBe(200); // it fits
    });

    it('are not used up by what is refused', async () => {
      for (let i = 0; i < 3; i++) expect((await post(`${'1 a 1'.padEnd(99)}\n`.repeat(599) + '1 a x', from('10.0.0.4'))).status).toBe(400);
      const { headers } = await post('1 a 1', from('10.0.0.4'));
      expect(headers.get('ratelimit')).toContain('"bytes";r=309995;');
    });
  });

  it('takes no line from a page of another origin, where no key is asked for', async () => {
    const line = '1893456789 FromAnotherPage 1';
    const ask = async (headers: string): Promise<number[]> =>
      statusesOf((await sendRaw(service.url, `POST /data HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}Content-Type: text/plain\r\nContent-Length: ${line.length}\r\nConnection: close\r\n\r\n${line}`)).text);
    expect(await ask('Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n')).toEqual([403]);
    expect(await ask('Origin: https://evil.example\r\n')).toEqual([403]);
    expect(await storedLines()).not.toContain(line);
  });

  it('answers each of the smuggling cases with one refusal, and takes no line of them', async () => {
    expect(await smuggle(service.url)).toEqual([]);
    expect(await storedLines()).not.toContain(SMUGGLED_LINE);
  });

  it('unpacks no bomb: the answer is as for any body, and the memory is as before', async () => {
    const cases = bombs(BODY_BYTES);
    const before = residentBytes();
    const statuses = await Promise.all(cases.map(async ({ name, body, encoding }) => [name, (await post(body, { 'content-encoding': encoding })).status]));
    expect(statuses).toEqual(cases.map(({ name, status }) => [name, status]));
    expect(residentBytes() - before).toBeLessThan(100 << 20); // each of them unpacks to 200 MiB
  });

  it('stores a body whole or not at all, at whatever byte its client goes away', async () => {
    const before = (await storedLines()).length;
    const body = Buffer.from('1649941817 a 1.5\n'.repeat(120));
    await abortEverywhere(service.url, body, '', 100);
    await abortEverywhere(service.url, gzipSync(body), 'Content-Encoding: gzip\r\n', 100);
    expect((await post('9 a 9')).status).toBe(200);
    expect((await storedLines()).length).toBe(before + 1);
  });

  it('answers everybody beside slow clients, and ends the slow ones', async () => {
    const slow = await openSlowClients(service.url, 90);
    let answered = 0;
    while (slow.ended < 90) {
      expect((await post('1 a 1')).status).toBe(200);
      expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
      answered++;
      await sleep(100);
    }
    expect(answered).toBeGreaterThan(0);
  });

  it('tells a connection beyond the cap why, closes those beyond that, and serves again when there is room', async () => {
    const idle: Socket[] = [];
    const opened = async (count: number): Promise<void> => {
      while (idle.length < count) {
        const socket = connectTo(service.url);
        idle.push(socket);
        await new Promise<void>((resolve) => socket.once('connect', () => resolve()).once('close', () => resolve()));
      }
    };
    const request = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
    await opened(CONNECTIONS);
    const refused = await sendRaw(service.url, 'POST /data HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1 a 1');
    expect(refused.closed).toBe(true);
    expect(refused.text).toMatch(/^HTTP\/1\.1 503 [^]*connection: close[^]*"outcome":"not_stored"/i);
    expect((await sendRaw(service.url, request('/health/live'), (text) => text.includes('\r\n\r\n{'))).text).toMatch(/^HTTP\/1\.1 200 /);
    await opened(CONNECTIONS + 40);
    expect((await sendRaw(service.url, request('/health/live'))).text).toBe('');
    idle.forEach((socket) => socket.destroy());
    await until(async () => (await sendRaw(service.url, request('/names'), (text) => text.includes('\r\n\r\n'))).text.startsWith('HTTP/1.1 200 '));
  });

  it('writes no key anywhere, wherever a client has put it', async () => {
    const answers: string[] = [];
    const ask = async (target: string, init: RequestInit = {}): Promise<void> => {
      const answer = await fetch(`${service.url}${target}`, init);
      answers.push(JSON.stringify([...answer.headers]), await answer.text());
    };
    const places: Record<string, string>[] = [{ authorization: `Bearer ${KEY}` }, { authorization: `Basic ${Buffer.from(`u:${KEY}`).toString('base64')}` }, { 'x-api-key': KEY }, { 'proxy-authorization': `Bearer ${KEY}` }, { cookie: `key=${KEY}` }, { 'x-request-id': KEY }, { 'idempotency-key': KEY }, { 'x-device-id': KEY }, { 'content-type': `application/json; ${KEY}` }];
    for (const headers of places) {
      await ask('/data', { method: 'POST', headers, body: `1 ${KEY}? 1` });
      await ask('/data?from=x&to=y', { headers });
    }
    for (const target of [`/${KEY}`, `/data?${KEY}=1`, `/data?api_key=${KEY}`, `/data?from=${KEY}&to=2022-01-01`, `/models/${KEY}`, `/data?from=2022-01-01&to=2022-01-01&name=${KEY}`]) await ask(target);
    for (const target of ['/stats', '/health', '/metrics', '/runs']) await ask(target);
    await until(() => service.output.stdout.includes('request refused'));
    const said = service.output.stdout + service.output.stderr + answers.join('\n');
    expect(said).not.toContain('s3cR3Ts3cR3T');
    expect(said).not.toContain(Buffer.from(`u:${KEY}`).toString('base64'));
    expect(answers.join('\n')).not.toMatch(/\n\s+at |node_modules|\.ts:\d/);
  });

  it('writes no password of a database that it cannot reach', async () => {
    const launched = launchService({ DATABASE_URL: 'postgres://ingot:hunter2hunter2@127.0.0.1:1/ingot' });
    await expect(launched.ready).rejects.toThrow();
    expect(launched.output.stderr).toContain('127.0.0.1:1');
    expect(launched.output.stdout + launched.output.stderr).not.toContain('hunter2');
  });
});

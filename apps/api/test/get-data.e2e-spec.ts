import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { once } from 'node:events';
import net from 'node:net';
import { startService, type RunningService } from './service.js';

interface Item {
  time: string;
  name: string;
  value: number | null;
  device?: string;
}
interface ProblemBody {
  success: boolean;
  type: string;
  status: number;
  instance: string;
  errors: { parameter: string; code: string; detail: string }[];
}

// One test for each line of the contract of GET /data. Each has days of its own, so that none sees another's lines.
describe('GET /data', () => {
  let database: TestDatabase;
  let service: RunningService;
  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startService(database.url);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const seconds = (time: string): number => Date.parse(time) / 1000;
  async function post(lines: [time: string, name: string, value: number][], device?: string): Promise<void> {
    const body = lines.map(([time, name, value]) => `${Math.round(seconds(time) * 1e6)} ${name} ${value}`).join('\n');
    const response = await fetch(`${service.url}/data?precision=us`, { method: 'POST', body, headers: { 'content-type': 'text/plain', ...(device === undefined ? {} : { 'x-device-id': device }) } });
    expect([response.status, await response.text()]).toEqual([200, '{"success":true}']);
  }
  const ask = (query: Record<string, string> | string): Promise<Response> => fetch(`${service.url}/data?${typeof query === 'string' ? query : new URLSearchParams(query).toString()}`);
  async function get(query: Record<string, string> | string): Promise<Item[]> {
    const response = await ask(query);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    return (await response.json()) as Item[];
  }
  async function refused(query: Record<string, string> | string): Promise<ProblemBody> {
    const response = await ask(query);
    expect([response.status, response.headers.get('content-type')]).toEqual([400, 'application/problem+json; charset=utf-8']);
    return (await response.json()) as ProblemBody;
  }

  it('gives readings by time, ties by arrival, then one Power per day: the assignment sample', async () => {
    await post([['2022-04-14T13:10:17Z', 'Voltage', 1.34], ['2022-04-14T13:10:17Z', 'Current', 12], ['2022-04-14T13:10:18Z', 'Voltage', 1.35], ['2022-04-14T13:10:18Z', 'Current', 14]]);
    expect(await get('from=2022-04-14&to=2022-04-14')).toEqual([
      { time: '2022-04-14T13:10:17.000Z', name: 'Voltage', value: 1.34 },
      { time: '2022-04-14T13:10:17.000Z', name: 'Current', value: 12 },
      { time: '2022-04-14T13:10:18.000Z', name: 'Voltage', value: 1.35 },
      { time: '2022-04-14T13:10:18.000Z', name: 'Current', value: 14 },
      { time: '2022-04-14T00:00:00.000Z', name: 'Power', value: 17.485 },
    ]);
  });

  it('is a bare JSON array, empty when the range holds nothing', async () => {
    expect(await (await ask('from=1999-01-01&to=1999-12-31')).text()).toBe('[]');
  });

  it('orders by time whatever the order of arrival', async () => {
    await post([['2001-01-01T03:00:00Z', 'Voltage', 3]]);
    await post([['2001-01-01T01:00:00Z', 'Voltage', 1], ['2001-01-01T02:00:00Z', 'Voltage', 2]]);
    expect((await get('from=2001-01-01&to=2001-01-01')).map(({ value }) => value)).toEqual([1, 2, 3]);
  });

  it('takes dates and date-times, without an offset as UTC', async () => {
    await post([['2002-01-01T22:30:00Z', 'Voltage', 1], ['2002-01-02T00:30:00Z', 'Voltage', 2]]);
    const values = async (from: string, to: string): Promise<unknown[]> => (await get({ from, to })).map(({ value }) => value);
    expect(await values('2002-01-02', '2002-01-02')).toEqual([2]);
    expect(await values('2002-01-02T00:30', '2002-01-02T00:30:00')).toEqual([2]);
    expect(await values('2002-01-02T00:00:00+02:00', '2002-01-02T00:59:00+02:00')).toEqual([1]);
  });

  it('includes the whole day of a date as to, and both instants of date-times', async () => {
    await post([['2003-01-01T00:00:00Z', 'Voltage', 1], ['2003-01-01T23:59:59.999Z', 'Voltage', 2], ['2003-01-02T00:00:00Z', 'Voltage', 3]]);
    expect((await get('from=2003-01-01&to=2003-01-01')).map(({ value }) => value)).toEqual([1, 2]);
    expect((await get('from=2003-01-01T23:59:59.999Z&to=2003-01-02T00:00:00Z')).map(({ value }) => value)).toEqual([2, 3]);
  });

  it('answers 400 for a missing, invalid, repeated or unknown parameter, all at once', async () => {
    const body = await refused('to=2022-02-30&name=a&name=b&nmae=x');
    expect(body).toMatchObject({ success: false, type: '/docs/errors#invalid-parameter', status: 400, instance: expect.any(String) });
    expect(body.errors.map(({ parameter, code }) => `${parameter} ${code}`).sort()).toEqual(['from missing', 'name repeated', 'nmae unknown', 'to invalid']);
  });

  it.each(['yesterday', '2022-02-30', '2022-04-14T24:00:00', '10000-01-01', '0000-12-31', '2022-04-14T10:00:00Zulu', '1649941817', ''])('answers 400 for from=%s', async (from) => {
    expect((await refused({ from, to: '2022-04-14' })).errors).toMatchObject([{ parameter: 'from', code: 'invalid' }]);
  });

  it('answers 400 for from after to', async () => {
    expect((await refused('from=2022-04-15&to=2022-04-14')).errors).toMatchObject([{ parameter: 'from', code: 'order' }]);
  });

  it('gives the power of the whole day at midnight UTC, for any part of it', async () => {
    await post([['2004-01-01T01:00:00Z', 'Voltage', 2], ['2004-01-01T02:00:00Z', 'Current', 3], ['2004-01-01T20:00:00Z', 'Voltage', 4]]);
    expect(await get('from=2004-01-01T12:00&to=2004-01-01T13:00')).toEqual([{ time: '2004-01-01T00:00:00.000Z', name: 'Power', value: 9 }]);
  });

  it('gives no power to a day that lacks a metric', async () => {
    await post([['2005-01-01T01:00:00Z', 'Voltage', 2]]);
    expect((await get('from=2005-01-01&to=2005-01-01')).map(({ name }) => name)).toEqual(['Voltage']);
  });

  it('writes three digits of a second, cut, not rounded', async () => {
    await post([['2006-01-01T00:00:00.122Z', 'Voltage', 1]]);
    await fetch(`${service.url}/data?precision=us`, { method: 'POST', body: `${seconds('2006-01-01T00:00:01Z')}999999 Voltage 2`, headers: { 'content-type': 'text/plain' } });
    expect((await get('from=2006-01-01&to=2006-01-01')).map(({ time }) => time)).toEqual(['2006-01-01T00:00:00.122Z', '2006-01-01T00:00:01.999Z']);
  });

  it('names the device of readings of a named device only, and gives each device its power', async () => {
    await post([['2007-01-01T00:00:00Z', 'Voltage', 1], ['2007-01-01T00:00:00Z', 'Current', 2]]);
    await post([['2007-01-01T00:00:01Z', 'Voltage', 3], ['2007-01-01T00:00:01Z', 'Current', 5]], 'pump');
    expect((await get('from=2007-01-01&to=2007-01-01')).map(({ name, value, device }) => [name, value, device])).toEqual([
      ['Voltage', 1, undefined], ['Current', 2, undefined], ['Voltage', 3, 'pump'], ['Current', 5, 'pump'], ['Power', 2, undefined], ['Power', 15, 'pump'],
    ]);
  });

  it('filters by name and by device, readings and power alike', async () => {
    await post([['2008-01-01T00:00:00Z', 'Voltage', 1], ['2008-01-01T00:00:00Z', 'Current', 2]]);
    await post([['2008-01-01T00:00:01Z', 'Voltage', 3], ['2008-01-01T00:00:01Z', 'Current', 5]], "it's");
    const values = async (filter: Record<string, string>): Promise<unknown[]> => (await get({ from: '2008-01-01', to: '2008-01-01', ...filter })).map(({ value }) => value);
    expect(await values({ name: 'Voltage' })).toEqual([1, 3]);
    expect(await values({ name: 'Power' })).toEqual([2, 15]);
    expect(await values({ device: "it's" })).toEqual([3, 5, 15]);
    expect(await values({ device: 'default', name: 'Power' })).toEqual([2]);
    expect(await values({ name: "Voltage' or true --" })).toEqual([]);
  });

  it('reflects every line acknowledged before the request arrived', async () => {
    for (let i = 1; i <= 20; i++) {
      await post([[`2009-01-01T00:00:${String(i).padStart(2, '0')}Z`, 'Voltage', i]]);
      const response = await ask('from=2009-01-01&to=2009-01-01');
      expect(response.headers.get('ingot-stale')).toBeNull();
      expect(((await response.json()) as Item[]).map(({ value }) => value)).toEqual(Array.from({ length: i }, (_, n) => n + 1));
    }
  });

  it('says when what it shows was made', async () => {
    const response = await ask('from=2010-01-01&to=2010-01-01');
    await response.text();
    expect(Date.parse(response.headers.get('ingot-watermark') ?? '')).toBeGreaterThan(Date.now() - 600_000);
  });

  it('answers HEAD like GET, without a body', async () => {
    const response = await fetch(`${service.url}/data?from=2022-04-14&to=2022-04-14`, { method: 'HEAD' });
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([200, 'application/json; charset=utf-8', '']);
  });

  it('says in a header that it is stale, and why, when it may not wait', async () => {
    const other = await createTestDatabase();
    const impatient = await startService(other.url, { INGOT_FRESHNESS_WAIT_MS: '0' });
    const blocker = await other.session('blocker');
    try {
      await blocker.query("begin; lock table silver.stg_readings in exclusive mode"); // readers may, the runner may not
      await fetch(`${impatient.url}/data`, { method: 'POST', body: '1649941817 Voltage 1', headers: { 'content-type': 'text/plain' } });
      const response = await fetch(`${impatient.url}/data?from=2022-04-14&to=2022-04-14`);
      expect([response.status, await response.text()]).toEqual([200, '[]']);
      expect(response.headers.get('ingot-stale')).toEqual(expect.stringMatching(/^[a-z-]+$/));
    } finally {
      await blocker.query('rollback');
      await impatient.stop();
      await other.drop();
    }
  });

  it('streams a large range, and goes on serving when a client goes away', async () => {
    const start = seconds('2011-01-01T00:00:00Z');
    for (let part = 0; part < 4; part++) {
      const lines = Array.from({ length: 25_000 }, (_, i) => `${start + part * 25_000 + i} Voltage ${i}`).join('\n');
      expect((await fetch(`${service.url}/data`, { method: 'POST', body: lines, headers: { 'content-type': 'text/plain' } })).status).toBe(200);
    }
    let response = await ask('from=2011-01-01&to=2011-01-31');
    while (response.headers.has('ingot-stale')) {
      expect(response.headers.get('ingot-stale')).toBe('timeout'); // this many lines may take longer than it waits
      await response.text();
      response = await ask('from=2011-01-01&to=2011-01-31');
    }
    expect(await response.json()).toHaveLength(100_000);
    for (let i = 0; i < 15; i++) {
      const client = new AbortController();
      const { body } = await fetch(`${service.url}/data?from=2011-01-01&to=2011-01-31`, { signal: client.signal });
      await body?.getReader().read();
      client.abort();
    }
    expect(await get('from=2011-01-01&to=2011-01-01T00:00:09Z')).toHaveLength(10);
  });

  it('answers requests that come down one connection without waiting for each other, and warns of nothing', async () => {
    const { port } = new URL(service.url);
    const socket = net.connect(Number(port), '127.0.0.1');
    let answers = '';
    socket.on('data', (chunk: Buffer) => (answers += chunk.toString()));
    socket.write('GET /data?from=2000-01-01&to=2000-01-01 HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(14));
    socket.write('GET /data?from=2000-01-01&to=2000-01-01 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await once(socket, 'close');
    expect(answers.match(/HTTP\/1\.1 200 OK\r\n/g)).toHaveLength(15);
    expect(service.output.stderr).not.toContain('Warning');
  });

  it('answers 503 with Retry-After while the tables are locked for longer than a publish may take', async () => {
    const other = await createTestDatabase();
    const strict = await startService(other.url, { INGOT_READ_TX_SECONDS: '1', INGOT_FRESHNESS_WAIT_MS: '0' });
    const blocker = await other.session('blocker');
    try {
      await blocker.query('begin; lock table silver.stg_readings in access exclusive mode');
      const response = await fetch(`${strict.url}/data?from=2022-04-14&to=2022-04-14`);
      expect([response.status, Number(response.headers.get('retry-after')) >= 2]).toEqual([503, true]);
      await blocker.query('rollback');
      expect((await fetch(`${strict.url}/data?from=2022-04-14&to=2022-04-14`)).status).toBe(200);
    } finally {
      await strict.stop();
      await other.drop();
    }
  });
});

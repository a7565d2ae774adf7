import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Freshness } from '@ingot/models';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startQueryApp, type QueryApp } from './test/query-app.js';

const RANGE = 'from=2022-04-14&to=2022-04-14';
const ENDPOINTS = {
  'breaks.sql': 'select 1 / (raw_id - 90000) as v, repeat(metric_name, 10) as name from silver.stg_readings',
  'large.sql': 'select raw_id, repeat(metric_name, 100) as name from silver.stg_readings order by raw_id',
  'endless.sql': 'select count(*) as n from silver.stg_readings a, silver.stg_readings b',
};

describe('endpoints over HTTP', () => {
  let database: TestDatabase;
  let app: QueryApp;
  let url: string;
  let asked: [string, number][];

  beforeAll(async () => {
    database = await createTestDatabase();
    const files = Object.entries(ENDPOINTS).map(([name, sql]) => [name, `/* ---\npath: /${path.basename(name, '.sql')}\ndescription: For tests.\n--- */\n${sql}\n`]);
    app = await startQueryApp(database, Object.fromEntries(files) as Record<string, string>, { max: 2, acquireTimeoutMs: 500, transactionSeconds: 2 });
    url = app.url;
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
  });
  beforeEach(async () => {
    asked = [];
    app.freshness = (dataset, timeoutMs) => {
      asked.push([dataset, timeoutMs]);
      return Promise.resolve({ fresh: true, watermarkAt: new Date('2022-04-14T13:10:18.500Z') });
    };
    await database.query('truncate silver.stg_readings, gold.mart_daily_power');
  });
  const fill = (rows: number): Promise<unknown> =>
    database.query("insert into silver.stg_readings select i, 'default', '2022-04-14T00:00:00Z'::timestamptz + i * interval '1 ms', '2022-04-14', 'Voltage', i, 1 from generate_series(1, $1::int) i", [rows]);
  const busy = async (): Promise<number> => {
    const rows = await database.query<{ n: number }>("select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'ingot read' and state <> 'idle'");
    return rows[0]?.n ?? -1;
  };

  it('answers a bare JSON array with its content type and the watermark', async () => {
    await fill(2);
    await database.query("insert into gold.mart_daily_power values ('2022-04-14', 'pump', 'Power', 17.4850, 1)");
    const response = await fetch(`${url}/data?${RANGE}`);
    expect([response.status, response.headers.get('content-type'), response.headers.get('ingot-watermark'), response.headers.get('ingot-stale')]).toEqual([
      200, 'application/json; charset=utf-8', '2022-04-14T13:10:18.500Z', null,
    ]);
    expect(await response.json()).toEqual([
      { time: '2022-04-14T00:00:00.001Z', name: 'Voltage', value: 1 }, { time: '2022-04-14T00:00:00.002Z', name: 'Voltage', value: 2 },
      { time: '2022-04-14T00:00:00.000Z', name: 'Power', value: 17.485, device: 'pump' },
    ]);
    expect(asked).toEqual([['sensor', 300]]);
  });

  it('answers [] when there is nothing', async () => {
    expect(await (await fetch(`${url}/data?${RANGE}`)).text()).toBe('[]');
  });

  it('answers HEAD with the headers of GET, without reading', async () => {
    const response = await fetch(`${url}/data?${RANGE}`, { method: 'HEAD' });
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([200, 'application/json; charset=utf-8', '']);
    expect((await fetch(`${url}/data?from=x`, { method: 'HEAD' })).status).toBe(400);
  });

  it('answers wrong parameters with every problem at once, and asks the database nothing', async () => {
    const response = await fetch(`${url}/data?from=2022-02-30&nmae=x&to=2022-04-14&to=2022-04-15`);
    expect([response.status, response.headers.get('content-type')]).toEqual([400, 'application/problem+json; charset=utf-8']);
    expect(await response.json()).toEqual({
      success: false, type: '/docs/errors#invalid-parameter', title: 'A parameter is missing or wrong', status: 400, detail: expect.any(String), instance: expect.any(String),
      errors: [
        { parameter: 'nmae', code: 'unknown', detail: 'is not a parameter; did you mean name?' },
        { parameter: 'to', code: 'repeated', detail: 'is given more than once' },
        { parameter: 'from', code: 'invalid', detail: 'is no day of the calendar' },
      ],
    });
    expect(asked).toEqual([]);
  });

  it.each<[string, () => Promise<Freshness>, string]>([
    ['it failed', () => Promise.resolve({ fresh: false, reason: 'failing' }), 'failing'],
    ['it cannot be asked', () => Promise.reject(new Error('no connection')), 'unavailable'],
    ['it does not answer in time', () => new Promise<Freshness>(() => undefined), 'timeout'],
  ])('says that it is stale when the dataset is not up to date: %s', async (_, answer, reason) => {
    app.freshness = answer;
    const response = await fetch(`${url}/data?${RANGE}`);
    expect([response.status, response.headers.get('ingot-stale'), await response.text()]).toEqual([200, reason, '[]']);
  });

  it('never ends a document that broke off', async () => {
    await fill(100_000);
    const response = await fetch(`${url}/breaks`);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow('terminated');
  });

  it('lends no connection to a client that takes its time', async () => {
    await fill(20_000); // 14 MB: more than sockets hold
    const outcome = await new Promise<string>((resolve) => {
      http.get(`${url}/large`, (response) => {
        let lent: Promise<number> | undefined;
        response.on('error', (error) => resolve(error.message));
        response.on('end', () => void lent?.then((sessions) => resolve(`ended, ${sessions} lent amid it`)));
        response.once('data', () => {
          response.pause();
          lent = sleep(1_500).then(() => busy());
          setTimeout(() => response.resume(), 3_000); // longer than the statement may take
        });
      });
    });
    expect(outcome).toBe('ended, 0 lent amid it');
  });

  it('stops reading for a client that went away', async () => {
    await fill(20_000);
    const request = http.get(`${url}/endless`);
    request.on('error', () => undefined);
    while ((await busy()) === 0) await sleep(10);
    request.destroy();
    const started = performance.now();
    while ((await busy()) > 0) await sleep(10);
    expect(performance.now() - started).toBeLessThan(500);
  });

  it('answers 503 with Retry-After when a read takes too long, and when every connection is busy', async () => {
    await fill(20_000);
    const slow = [fetch(`${url}/endless`), fetch(`${url}/endless`)];
    while ((await busy()) < 2) await sleep(10);
    const shed = await fetch(`${url}/data?${RANGE}`);
    expect([shed.status, Number(shed.headers.get('retry-after')) >= 1, ((await shed.json()) as { type: string }).type]).toEqual([503, true, '/docs/errors#overloaded']);
    for (const response of await Promise.all(slow)) {
      expect([response.status, Number(response.headers.get('retry-after')) >= 1]).toEqual([503, true]);
      expect(await response.json()).toMatchObject({ success: false, detail: expect.stringContaining('smaller range') });
    }
  });
});

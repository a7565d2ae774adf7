import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { startService, type RunningService } from './service.js';

const PAGE = readFileSync('docs/endpoints.md', 'utf8');
const README = readFileSync('README.md', 'utf8');
const SAMPLE = readFileSync('apps/api/test/fixtures/sensor/assignment_sample.txt', 'utf8');

/** Endpoint files that the pages show, by name. */
function shownFiles(): Map<string, string> {
  const files = new Map([...PAGE.matchAll(/<!-- ingot: (\S+) -->\n```sql\n(.*?)```/gs)].map(([, name = '', text = '']) => [name, text]));
  const [, file = '', text = ''] = /Save this as `sql\/sensor\/endpoints\/(\S+)`:\n\n```sql\n(.*?)```/s.exec(README) ?? [];
  return files.set(`readme_${file}`, text);
}

/** GET requests of a page with the answer below each. */
function requests(page: string): { target: string; kind: string; answer: string }[] {
  const blocks = page.matchAll(/```sh\ncurl 'http:\/\/127\.0\.0\.1:3000(\S+)'\n```\n```(json|csv)\n(.*?)\n```/gs);
  return [...blocks].map(([, target = '', kind = '', answer = '']) => ({ target, kind, answer }));
}

describe('endpoint files', () => {
  let database: TestDatabase;
  let service: RunningService;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'ingot endpoints-'));
    cpSync('sql', path.join(folder, 'sql'), { recursive: true });
    for (const [name, text] of shownFiles()) writeFileSync(path.join(folder, 'sql/sensor/endpoints', name), text);
    database = await createTestDatabase();
    service = await startService(database.url, { INGOT_SQL_DIR: path.join(folder, 'sql') });
    const posted = await fetch(`${service.url}/data`, { method: 'POST', body: SAMPLE });
    expect(posted.status).toBe(200);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
    rmSync(folder, { recursive: true });
  });

  const get = (target: string, init?: RequestInit): Promise<Response> => fetch(service.url + target, init);
  const rows = async (target: string): Promise<unknown> => (await get(target)).json();
  const errors = async (target: string): Promise<unknown> => {
    const response = await get(target);
    expect(response.status).toBe(400);
    return ((await response.json()) as { errors: { parameter: string; code: string; detail: string }[] }).errors.map(({ parameter, detail }) => `${parameter} ${detail}`);
  };

  it.each([...requests(PAGE), ...requests(README).filter(({ target }) => target.startsWith('/peaks'))])('answer as their page shows: $target', async ({ target, kind, answer }) => {
    const response = await get(target);
    const text = await response.text();
    if (response.status === 400) return expect((JSON.parse(text) as { errors: unknown }).errors).toEqual(JSON.parse(answer));
    expect(response.status).toBe(200);
    expect(text.replaceAll('\r\n', '\n').trimEnd()).toBe(answer);
    if (kind === 'json') JSON.parse(text);
  });

  it('the pages show three requests and one', () => {
    expect([requests(PAGE).length, requests(README).filter(({ target }) => target.startsWith('/peaks')).length]).toEqual([3, 1]);
  });

  it('take parameters of every type', async () => {
    const peaks = (query: string): Promise<unknown> => rows(`/readings/peaks?since=2022-04-14&format=json&${query}`);
    const high = { time: '2022-04-14T13:10:18.000Z', value: 1.35 };
    const low = { time: '2022-04-14T13:10:17.000Z', value: 1.34 };
    expect(await peaks('')).toEqual([high, low]);
    expect(await peaks('rank=1')).toEqual([high]);
    expect(await peaks('rank=1&ties=true&unit=mV')).toEqual([{ ...high, value: 1350 }]);
    expect(await peaks('above=1.34')).toEqual([high]);
    expect(await peaks('above=-1e3&metric=Current')).toEqual([{ time: high.time, value: 14 }, { time: low.time, value: 12 }]);
    expect(await peaks('day=2022-04-15')).toEqual([]);
    expect(await peaks('lines=1,3&lines=4')).toEqual([low]);
    expect(await peaks('until=2022-04-14T13:10:17Z')).toEqual([low]);
    expect(await peaks('metric=%27%3B%20drop%20table%20silver.stg_readings%3B--')).toEqual([]);
    expect(await rows('/daily?from=2022-04-14&to=2022-04-14&names=Voltage&names=Current')).toHaveLength(2);
  });

  it('refuse what no parameter may be', async () => {
    const peaks = (query: string): Promise<unknown> => errors(`/readings/peaks?since=2022-04-14&${query}`);
    for (const value of ['1e400', '-1e400']) expect(await peaks(`above=${value}`)).toEqual(['above is too large for a double precision number']);
    for (const value of ['NaN', '%205', '+5', '%2B5', '0x10', 'Infinity', '1,5', '%D9%A3']) expect(await peaks(`above=${value}`)).toEqual(['above must be a decimal number, e.g. 1.5 or -2e3']);
    expect(await peaks('above=1e-400')).toEqual(['above is too close to zero for a double precision number']);
    for (const value of ['9223372036854775808', '-9223372036854775809']) expect(await peaks(`rank=${value}`)).toEqual(['rank must be from 1 to 10']);
    expect(await peaks('rank=11&unit=kV&ties=yes&lines=1,,2&day=2022-02-30')).toEqual([
      'day is no day of the calendar', 'rank must be from 1 to 10', 'ties must be true or false', 'unit must be one of V, mV', 'lines has an empty item; items are separated by one comma',
    ]);
    expect(await peaks('metric=%ff')).toEqual(['metric is not UTF-8 in percent-encoding']);
    expect(await peaks('rank=1&rank=2&metric=')).toEqual(['rank is given more than once', 'metric is empty; leave it out instead']);
    expect(await errors('/readings/peaks?since=1969-12-31&until=1960-01-01&format=parquet&limit=5')).toEqual([
      expect.stringMatching(/^limit is not a parameter/), 'since must be at least 1970-01-01T00:00:00Z', expect.stringMatching(/^format must be csv or json/),
    ]);
  });

  it('refuse an answer of more rows than max_rows, before its first byte', async () => {
    const lines = Array.from({ length: 101 }, (_, i) => `${1_900_000_000 + i} many ${i}`).join('\n');
    await get('/data', { method: 'POST', body: lines, headers: { 'x-device-id': 'many' } });
    const peaks = (rank: string, metric: string): Promise<Response> => get(`/readings/peaks?since=1970-01-01&above=-1&metric=${metric}&rank=${rank}`);
    expect((await peaks('10', 'many')).status).toBe(200);
    await Promise.all(Array.from({ length: 11 }, (_, device) => get('/data', { method: 'POST', body: lines.replaceAll(' many ', ' wide '), headers: { 'x-device-id': `d${device}` } })));
    const refused = await peaks('10', 'wide');
    expect([refused.status, await refused.json()]).toEqual([400, expect.objectContaining({ detail: expect.stringContaining('more than 100 rows') })]);
    expect((await peaks('9', 'wide')).status).toBe(200);
  });
});

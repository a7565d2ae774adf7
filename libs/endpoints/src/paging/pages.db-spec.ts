import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { ReadRepository, type CopyRequest } from '@ingot/postgres';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import fc from 'fast-check';
import { answerOf } from '../../test/formatted.js';
import type { Endpoint, FormatName } from '../endpoint.js';
import { endpointRead } from '../endpoint-read.js';
import { FORMATS } from '../formats/formats.js';
import { compileTemplate } from '../sql-template.js';
import { CursorError, Cursors, type Cursor } from './cursor.js';
import { findArms } from './find-arms.js';
import { pageRead } from './page-read.js';
import { model } from './test/models.js';

const READINGS = model('silver.readings', { strategy: 'append', notNull: ['id', 'at', 'kind', 'value'] });
const DAYS = model('gold.days', { strategy: 'delete+insert', notNull: ['day', 'device'] });
const DATASET = { models: [READINGS, DAYS], seeds: [] } as Pick<Dataset, 'models' | 'seeds'>;

const TWO_ARMS = `
( -- readings first; "where" and :kind in a comment change nothing
  select r.at as time, 'x' is distinct from kind as other, r.value::float8 as value, kind as label
  from silver.readings as r
  where (:kind is null or kind = :kind) -- here, too: order by
  order by at desc, r.id
)
union all
(select day::timestamp at time zone 'UTC', null, total, device from gold.days order by day, device)`;

function endpoint(sql: string): Endpoint {
  const { template, statement } = compileTemplate(sql, [{ name: 'kind', type: 'text' }]);
  return {
    dataset: 'd', name: 'e', file: 'sql/d/endpoints/e.sql', path: '/e', description: '', parameters: [], scope: 'read:all', formats: ['ndjson'], omitNull: [], relations: [], locks: ['gold.days', 'silver.readings'],
    changesByRuns: true, query: { text: sql, file: 'e.sql', offset: 0, fileText: sql, mentions: [] }, template, codeHash: 'code', page: { maxLimit: 1_000 }, arms: findArms(statement, DATASET),
  };
}

describe('pages', () => {
  const cursors = new Cursors(Buffer.from('secret'));
  let database: TestDatabase;
  let reads: ReadRepository;
  beforeAll(async () => {
    database = await createTestDatabase();
    await database.query(`
      create table silver.readings (id bigint, at timestamptz, kind text, value float8, _run_id bigint not null default 1);
      create index on silver.readings (at);
      create table gold.days (day date, device text, total numeric, _run_id bigint not null default 1);
      insert into ingot.datasets (name, run_id) values ('d', 1)`);
    const silent = (): void => undefined;
    reads = new ReadRepository({ url: database.url, name: 'ingot read', min: 0, max: 2, acquireTimeoutMs: 1_000, transactionSeconds: 20, slowMs: 10_000, log: { debug: silent, warn: silent, error: silent } });
  });
  afterAll(async () => {
    await reads.close();
    await database.drop();
  });
  beforeEach(() => database.query(`truncate silver.readings, gold.days; update ingot.datasets set run_id = 1, publication = 0`));

  const bytes = async (request: Omit<CopyRequest, 'signal'>, format: FormatName = 'ndjson'): Promise<string> => answerOf(await reads.copyOut(request), FORMATS[format]);
  const values = (kind: string | null = null): Map<string, string | null> => new Map([['kind', kind]]);
  const whole = (of: Endpoint, kind: string | null = null): Promise<string> => bytes(endpointRead(of, { values: values(kind) }, FORMATS.ndjson));

  /** One page; the cursor goes through its text, as it does between service and client. */
  async function page(of: Endpoint, limit: number | undefined, cursor?: Cursor, { kind = null, format = 'ndjson' }: { kind?: string | null; format?: FormatName } = {}): Promise<{ text: string; next?: Cursor }> {
    const request = { values: values(kind), ...(limit === undefined ? {} : { limit }) };
    const given = cursor && cursors.read(cursors.write(cursor, of, request), of, request);
    const read = pageRead(of, request, FORMATS[format], given);
    const text = await bytes(read.copy, format);
    const next = read.next();
    return { text, ...(next === undefined ? {} : { next }) };
  }

  async function pages(of: Endpoint, limit: number, options: { kind?: string | null; format?: FormatName; between?: () => Promise<unknown> } = {}): Promise<string[]> {
    const texts: string[] = [];
    for (let cursor: Cursor | undefined; ; ) {
      const { text, next } = await page(of, limit, cursor, options);
      texts.push(text);
      if (next === undefined) return texts;
      cursor = next;
      await options.between?.();
    }
  }
  const rows = (text: string): number => text.split('\n').length - 1;
  const insert = (table: string, columns: string, rowValues: readonly unknown[]): Promise<unknown> =>
    database.query(`insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1)`, [JSON.stringify(rowValues)]);

  // Times that tie and differ by a microsecond; texts with everything that SQL, JSON and URLs give a meaning; floats whose shortest text is long.
  const at = fc.constantFrom('2022-04-14T13:10:17.123456Z', '2022-04-14T13:10:17.123457Z', '2022-04-14T13:10:17Z', '0044-03-15 10:00:00+00 BC', 'infinity', '1600-01-01T00:00:00.000001Z');
  const kind = fc.oneof(fc.constantFrom('V', 'v', "it's \\ \" :kind $1 % ü € 😀", '', ' ', '\n', 'NULL', '{a,b}'), fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', '')));
  const value = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).filter((v) => v === 0 || Math.abs(v) > 2.3e-308), fc.constantFrom(0.1, 1e308, -1e-300, 0.30000000000000004));
  const reading = fc.record({ at, kind, value });
  const day = fc.record({ day: fc.constantFrom('2022-04-13', '2022-04-14', '0044-03-15 BC', '9999-12-31'), device: kind, total: fc.constantFrom('1.00', '0.0000000000000000000000000001', '12345678901234567890.5') });

  it('put together are the unpaged answer, whatever the data, the limit and the filter', async () => {
    const both = endpoint(TWO_ARMS);
    await fc.assert(
      fc.asyncProperty(fc.array(reading, { maxLength: 12 }), fc.uniqueArray(day, { maxLength: 6, selector: (row) => `${row.day} ${row.device}` }), fc.integer({ min: 1, max: 20 }), fc.option(fc.constantFrom('V', "it's \\ \" :kind $1 % ü € 😀")), async (readings, days, limit, filter) => {
        await database.query('truncate silver.readings, gold.days');
        await insert('silver.readings', 'id, at, kind, value, _run_id', readings.map((row, id) => ({ ...row, id, _run_id: id % 2 })));
        await insert('gold.days', 'day, device, total, _run_id', days.map((row) => ({ ...row, _run_id: 1 })));
        const expected = await whole(both, filter);
        const texts = await pages(both, limit, { kind: filter });
        expect(texts.join('')).toBe(expected);
        expect(texts.slice(0, -1).map(rows)).toEqual(texts.slice(0, -1).map(() => limit));
        expect(rows(texts.at(-1)!)).toBe(rows(expected) - limit * (texts.length - 1));
      }),
      { numRuns: 40 },
    );
  });

  it('go through orders of several directions and types', async () => {
    await insert('silver.readings', 'id, at, kind, value, _run_id', Array.from({ length: 40 }, (_, i) => ({ id: i, at: `2022-04-14T00:00:0${i % 3}.00000${i % 2}Z`, kind: `k${i % 4}`, value: [0.1, 1e300, -5e-300, 0.30000000000000004][i % 4]! * (1 + i), _run_id: 1 })));
    for (const order of ['id', 'id desc', 'kind, at desc, id', 'kind desc, at desc, id desc', 'value desc, id', 'at, kind desc, value, id desc', '1 desc, id', 'label, id desc nulls first']) {
      const one = endpoint(`select at, kind as label, value, id from silver.readings order by ${order}`);
      expect((await pages(one, 7)).join('')).toBe(await whole(one));
    }
  });

  it('of every format that has rows of text', async () => {
    await insert('silver.readings', 'id, at, kind, value, _run_id', [1, 2, 3].map((id) => ({ id, at: '2022-04-14T00:00:00Z', kind: 'a', value: id, _run_id: 1 })));
    await insert('gold.days', 'day, device, total, _run_id', [{ day: '2022-04-14', device: 'b', total: 4, _run_id: 1 }]);
    const both = endpoint(TWO_ARMS);
    const json = await pages(both, 3, { format: 'json' });
    expect(json.map((text) => (JSON.parse(text) as { value: number }[]).map((row) => row.value))).toEqual([[1, 2, 3], [4]]);
    // Names and types are those of the whole, also on a page of the second arm alone.
    expect(JSON.parse(json[1]!)).toEqual([{ time: '2022-04-14T00:00:00.000Z', other: null, value: 4, label: 'b' }]);
    const csv = await pages(both, 3, { format: 'csv' });
    expect(csv).toHaveLength(2);
  });

  it('show the rows of page one\'s moment while new and late rows arrive, and what is changed as it is now', async () => {
    const times = (n: number): string => `2022-04-14T00:00:${String(n).padStart(2, '0')}Z`;
    await insert('silver.readings', 'id, at, kind, value, _run_id', Array.from({ length: 10 }, (_, i) => ({ id: i, at: times(2 * i), kind: 'a', value: i, _run_id: 1 })));
    await insert('gold.days', 'day, device, total, _run_id', [{ day: '2022-04-14', device: 'a', total: 1, _run_id: 1 }]);
    const both = endpoint(`(select at, value from silver.readings order by at, id) union all (select day, total::float8 from gold.days order by day, device)`);
    const expected = await whole(both);
    let run = 1;
    const between = async (): Promise<void> => {
      run++;
      await insert('silver.readings', 'id, at, kind, value, _run_id', Array.from({ length: 20 }, (_, i) => ({ id: 100 * run + i, at: times(i), kind: 'a', value: -1, _run_id: run })));
      await database.query(`update gold.days set total = ${run}; update ingot.datasets set run_id = ${run}`);
    };
    const texts = await pages(both, 3, { between });
    expect(texts).toHaveLength(4);
    expect(texts.join('')).toBe(expected.replace(/\{"at":"2022-04-14T00:00:00.000Z","value":1\}\n$/, `{"at":"2022-04-14T00:00:00.000Z","value":${run}}\n`));
    expect(rows(await whole(both))).toBe(11 + 20 * (run - 1));
  });

  it('of one row show the moment of page one in sub-selects and outer joins too', async () => {
    await insert('silver.readings', 'id, at, kind, value, _run_id', [1, 2].map((id) => ({ id, at: '2022-04-14T00:00:00Z', kind: 'a', value: id, _run_id: 1 })));
    const joined = endpoint(`
      select r.id, (select count(*) from silver.readings as every) as total, other.id as other
      from silver.readings as r left join silver.readings as other on other.value = r.value + 1 order by r.id`);
    const first = await page(joined, 1);
    await insert('silver.readings', 'id, at, kind, value, _run_id', [{ id: 3, at: '2022-04-14T00:00:00Z', kind: 'a', value: 3, _run_id: 2 }]);
    await database.query(`update ingot.datasets set run_id = 2`);
    expect((await page(joined, 5, first.next)).text).toBe('{"id":2,"total":2,"other":null}\n');
    expect((await page(joined, 5)).text).toBe('{"id":1,"total":3,"other":2}\n{"id":2,"total":3,"other":3}\n{"id":3,"total":3,"other":null}\n');
  });

  it('hold all rows of equal keys where an order is not unique after all', async () => {
    await insert('silver.readings', 'id, at, kind, value, _run_id', Array.from({ length: 12 }, (_, i) => ({ id: i, at: `2022-04-14T00:00:0${Math.floor(i / 4)}Z`, kind: 'a', value: i, _run_id: 1 })));
    const loose = endpoint('select id from silver.readings order by at');
    const texts = await pages(loose, 2);
    expect(texts.map(rows)).toEqual([4, 4, 4, 0]);
    expect(texts.join('').split('\n').sort()).toEqual((await whole(loose)).split('\n').sort());
  });

  it('without a limit: all that is left', async () => {
    await insert('silver.readings', 'id, at, kind, value, _run_id', [1, 2, 3, 4].map((id) => ({ id, at: '2022-04-14T00:00:00Z', kind: 'a', value: id, _run_id: 1 })));
    const one = endpoint('select id from silver.readings order by id');
    const { next } = await page(one, 1);
    expect(await page(one, undefined, next)).toEqual({ text: '{"id":2}\n{"id":3}\n{"id":4}\n' });
  });

  it('end with 410 when tables were published since, and in a database that was set back', async () => {
    await insert('silver.readings', 'id, at, kind, value, _run_id', [1, 2].map((id) => ({ id, at: '2022-04-14T00:00:00Z', kind: 'a', value: id, _run_id: 1 })));
    const one = endpoint('select id from silver.readings order by id');
    const { next } = await page(one, 1);
    await database.query('update ingot.datasets set run_id = 0');
    await expect(page(one, 1, next)).rejects.toMatchObject({ name: 'CursorError', reason: 'expired' });
    await database.query('update ingot.datasets set run_id = 2, publication = 1');
    await expect(page(one, 1, next)).rejects.toMatchObject({ name: 'CursorError', reason: 'expired' });
    await expect(page(one, 1, next)).rejects.toBeInstanceOf(CursorError);
    expect((await page(one, 1)).text).toBe('{"id":1}\n');
  });

  it('are read in one snapshot: what commits between the two statements is not seen', async () => {
    await insert('silver.readings', 'id, at, kind, value, _run_id', [1, 2, 3].map((id) => ({ id, at: '2022-04-14T00:00:00Z', kind: 'a', value: id, _run_id: 1 })));
    const one = endpoint('select id from silver.readings order by id');
    const other = await database.session();
    const { copy, next } = pageRead(one, { values: values(), limit: 2 }, FORMATS.ndjson);
    const found = bytes({ ...copy, before: `with slept as materialized (select pg_sleep(0.3)) select asked.* from slept, lateral (${copy.before}) asked` });
    await new Promise((resolve) => setTimeout(resolve, 150));
    await other.query(`insert into silver.readings select 0, at, kind, value, 2 from silver.readings where id = 1; update ingot.datasets set run_id = 2`);
    expect(await found).toBe('{"id":1}\n{"id":2}\n');
    expect(next()).toMatchObject({ keys: ['2'], runId: 1n });
  });
});

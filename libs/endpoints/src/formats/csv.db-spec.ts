import { writeFileSync } from 'node:fs';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { openDuckDb, type OtherReader } from '../../test/duckdb.js';
import { encoded, formatter } from '../../test/formatted.js';
import { HARD_ROWS } from '../../test/hard-rows.js';
import { FORMATS } from './formats.js';

describe('CSV', () => {
  let database: TestDatabase;
  let render: Awaited<ReturnType<typeof formatter>>;
  let reader: OtherReader;
  let duck: OtherReader['duck'];
  let file: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    render = await formatter(database);
    reader = await openDuckDb('csv');
    ({ duck, file } = reader);
  });
  afterAll(async () => {
    reader.close();
    await database.drop();
  });
  const csv = async (query: string): Promise<string> => (await render(FORMATS.csv, query)).toString();
  const cell = async (expression: string): Promise<string> => /^v\r\n(.*)\r\n$/s.exec(await csv(`select ${expression} as v`))?.[1] ?? 'no match';

  it('has a header line, CRLF after each row, and quotes where a cell needs them', async () => {
    expect(await csv(`select * from (values (1, 'a', 1.50), (2, E'b, "c"\\r\\nd\\ne', null)) v("id", "na""me, it's", value)`)).toBe(
      `id,"na""me, it's",value\r\n1,a,1.50\r\n2,"b, ""c""\r\nd\ne",\r\n`,
    );
    expect(await csv('select 1 as id, 2 as other where false')).toBe('id,other\r\n');
  });

  it.each([
    ["'2022-04-14 13:10:17.122999+00'::timestamptz", '2022-04-14T13:10:17.122Z'], ["'1969-12-31 23:59:59.999999+00'::timestamptz", '1969-12-31T23:59:59.999Z'],
    ["'10000-01-01 00:00:00+00'::timestamptz", '10000-01-01T00:00:00+00:00'], ["'0044-03-15 BC'::timestamptz", '0044-03-15T00:00:00+00:00 BC'], ["'infinity'::timestamptz", ''], ["'2022-04-14'::date", '2022-04-14'], ["'-infinity'::date", ''],
    ["'2022-04-14 13:10:17'::timestamp", '2022-04-14T13:10:17'], ["'-infinity'::timestamp", ''], ['true', 'true'], ['false', 'false'], ['null::text', ''], ["''::text", '""'],
    ['-1.5::float8', '-1.5'], ["'-Infinity'::float8", '-Infinity'], ["'NaN'::numeric", 'NaN'], ['17.4850::numeric', '17.4850'], ['(-5)::int2', '-5'],
    ["'=1+1'", "'=1+1"], ["'+49'", "'+49"], ["'-5'", "'-5"], ["'@sum'", "'@sum"], ["E'\\tx'", "'\tx"], ["E'\\rx'", '"\'\rx"'], ["'a=1'", 'a=1'], ["'\"=1'", '"""=1"'], ["'''=1'", "'=1"], ["'Ä'", 'Ä'], ["'🚀'", '🚀'], ["' x'", ' x'],
    ["'-'::char(3)", "'-  "], ["'x'::char(3)", 'x  '], ["'=x'::name", "'=x"], ["'-1 day'::interval", "'-1 days"], ["array['-1']", '"[""-1""]"'], ["'-5'::jsonb", '-5'], ["'{\"a\": 1}'::json", '"{""a"": 1}"'],
    ["'550e8400-e29b-41d4-a716-446655440000'::uuid", '550e8400-e29b-41d4-a716-446655440000'], ["E'\\\\.'", '"\\."'],
  ])('%s is %s', async (expression, expected) => {
    expect(await cell(expression)).toBe(expected);
  });

  it('is read by DuckDB with types and values as they were', async () => {
    const rows = "select id, at, day, small, big, double, flag, note, code from (" + HARD_ROWS + ") q where id in (1, 2, 3, 6) order by id";
    writeFileSync(file, await render(FORMATS.csv, rows));
    const result = await duck.runAndReadAll(`select * replace (epoch_ms("at")::varchar as "at", day::varchar as day) from read_csv('${file}', nullstr = '', allow_quoted_nulls = false, columns = {
      'id': 'integer', 'at': 'timestamptz', 'day': 'varchar', 'small': 'smallint', 'big': 'bigint', 'double': 'double', 'flag': 'boolean', 'note': 'varchar', 'code': 'varchar'}) order by id`);
    expect(result.getRowsJS()).toEqual([
      [1, String(Date.parse('2022-04-14T13:10:17.500Z')), '2022-04-14', 7, 8n, 1.34, true, 'Voltage', 'ab  '],
      [2, '-1', '0044-03-15 BC', -32768, -(2n ** 63n), Number.MAX_VALUE, false, '\'=1+1\r\n"quoted", \'single\', \ttab \u2028 🚀 \u0001', "'-   "],
      [3, null, null, null, null, null, null, null, null],
      [6, String(Date.parse('9999-12-31T23:59:59.999Z')), '10000-01-01', 1, 1n, Number.MIN_VALUE, true, '\\.', "'+   "],
    ]);
  });

  it('types are what DuckDB finds by itself', async () => {
    writeFileSync(file, await render(FORMATS.csv, "select now() as at, current_date as day, i as n, i / 2.0 as half, i > 1 as flag, 'x' || i as name from generate_series(1, 3) i"));
    const types = await duck.runAndReadAll(`select column_name || ' ' || column_type from (describe select * from read_csv('${file}'))`);
    expect(types.getRowsJS().flat()).toEqual(['at TIMESTAMP WITH TIME ZONE', 'day DATE', 'n BIGINT', 'half DOUBLE', 'flag BOOLEAN', 'name VARCHAR']);
  });

  it('gives back any text, formulas behind an apostrophe', async () => {
    const text = fc.string({ unit: fc.constantFrom('"', "'", ',', ';', '\n', '\r', '\t', '=', '+', '-', '@', '\\', '.', 'a', ' ', '\u0001', '\u2028', 'é', '🚀'), maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.option(text), text), { minLength: 30, maxLength: 30 }), async (rows) => {
        await database.query('drop table if exists public.texts');
        await database.query('create table public.texts as select (r.row ->> 0) as a, (r.row ->> 1) as b, r.i from jsonb_array_elements($1::jsonb) with ordinality r(row, i)', [JSON.stringify(rows)]);
        const read = parse(await csv('select a, b from public.texts order by i'), { record_delimiter: '\r\n', cast: (value, { quoting }) => (value === '' && !quoting ? null : value) });
        const guarded = (value: string | null): string | null => (value !== null && /^[=+\-@\t\r]/.test(value) ? `'${value}` : value);
        expect(read).toEqual([['a', 'b'], ...rows.map((row) => row.map(guarded))]);
      }),
      { numRuns: 25 },
    );
  });

  it('ends lines alike wherever the bytes are cut', async () => {
    const bytes = Buffer.from('a,"b\n""c""\r\n"\n\n"",x\n');
    for (let size = 1; size <= bytes.length; size++) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
      expect((await encoded(FORMATS.csv, [], pieces)).toString()).toBe('a,"b\n""c""\r\n"\r\n\r\n"",x\r\n');
    }
  });
});

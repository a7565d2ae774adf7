import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { ReadRepository } from '@ingot/postgres';
import fc from 'fast-check';
import { answerOf, formatter } from '../../test/formatted.js';
import { FORMATS } from './formats.js';

describe('JSON rows', () => {
  let database: TestDatabase;
  let reads: ReadRepository;
  beforeAll(async () => {
    database = await createTestDatabase();
    const silent = (): void => undefined;
    reads = new ReadRepository({
      url: database.url, name: 'ingot read', min: 0, max: 2, acquireTimeoutMs: 1_000, transactionSeconds: 10, slowMs: 10_000, log: { debug: silent, warn: silent, error: silent },
    });
  });
  afterAll(async () => {
    await reads.close();
    await database.drop();
  });

  async function text(query: string, omitNull: string[] = []): Promise<string> {
    const read = await reads.copyOut({ name: 'test', relations: [], query, copy: (columns) => FORMATS.json.copy(query, columns) });
    return answerOf(read, FORMATS.json, omitNull);
  }
  const value = async (expression: string): Promise<string> => /^\[\{"v":(.*)\}\n\]$/s.exec(await text(`select ${expression} as v`))?.[1] ?? 'no match';

  it('a column that has another type than was thought is converted, not read as what it is not', async () => {
    const query = 'select 7 as v';
    const believed = [{ name: 'v', type: 701 }]; // float8: eight bytes, of which an int4 has four
    const read = await reads.copyOut({ name: 'test', relations: [], query, copy: () => FORMATS.json.copy(query, believed) });
    Object.assign(read, { columns: believed });
    expect(await answerOf(read, FORMATS.json, [])).toBe('[{"v":7}\n]');
  });

  it.each([
    ["'2022-04-14 13:10:17+00'::timestamptz", '"2022-04-14T13:10:17.000Z"'],
    ["'2022-04-14 13:10:17.5+00'::timestamptz", '"2022-04-14T13:10:17.500Z"'],
    ["'2022-04-14 13:10:17.122999+00'::timestamptz", '"2022-04-14T13:10:17.122Z"'],
    ["'2022-04-14 23:59:59.999999+00'::timestamptz", '"2022-04-14T23:59:59.999Z"'],
    ["'1969-12-31 23:59:59.999999+00'::timestamptz", '"1969-12-31T23:59:59.999Z"'],
    ["'2000-01-01 00:00:00+00'::timestamptz", '"2000-01-01T00:00:00.000Z"'],
    ["'2000-01-01 00:00:00.000999+00'::timestamptz", '"2000-01-01T00:00:00.000Z"'],
    ["'2000-01-01 00:00:00.001+00'::timestamptz", '"2000-01-01T00:00:00.001Z"'],
    ["'2000-01-01 00:00:00.001999+00'::timestamptz", '"2000-01-01T00:00:00.001Z"'],
    ["'1999-12-31 23:59:59.999999+00'::timestamptz", '"1999-12-31T23:59:59.999Z"'],
    ["'1999-12-31 23:59:59.001+00'::timestamptz", '"1999-12-31T23:59:59.001Z"'],
    ["'2022-04-14 00:00:00+02'::timestamptz", '"2022-04-13T22:00:00.000Z"'],
    ["'0001-01-01 00:00:00+00'::timestamptz", '"0001-01-01T00:00:00.000Z"'],
    ["'9999-12-31 23:59:59.999999+00'::timestamptz", '"9999-12-31T23:59:59.999Z"'],
    ["'10000-01-01 00:00:00+00'::timestamptz", '"10000-01-01T00:00:00+00:00"'],
    ["'12344-02-29 23:59:59.120001+00'::timestamptz", '"12344-02-29T23:59:59.120001+00:00"'],
    ["'294276-12-31 23:59:59.5+00'::timestamptz", '"294276-12-31T23:59:59.5+00:00"'],
    ["'0044-03-15 00:00:00+00 BC'::timestamptz", '"0044-03-15T00:00:00+00:00 BC"'],
    ["'4713-01-01 00:00:00+00 BC'::timestamptz", '"4713-01-01T00:00:00+00:00 BC"'],
    ["'-infinity'::timestamptz", 'null'],
    ["'infinity'::timestamptz", 'null'],
    ["'2022-04-14'::date", '"2022-04-14"'],
    ["'-infinity'::date", 'null'],
    ["'2022-04-14 13:10:17.123456'::timestamp", '"2022-04-14T13:10:17.123456"'], ["'infinity'::timestamp", 'null'],
    ['1.34::float8', '1.34'], ['12::float8', '12'], ["'-0'::float8", '-0'], ['1e21::float8', '1e+21'], ['1.7976931348623157e308::float8', '1.7976931348623157e+308'], ['5e-324::float8', '5e-324'],
    ["'NaN'::float8", 'null'], ["'Infinity'::float8", 'null'], ["'-Infinity'::float4", 'null'], ["'NaN'::numeric", 'null'], ["'-Infinity'::numeric", 'null'], ['null::float8', 'null'],
    ['17.4850::numeric', '17.4850'], ['9223372036854775807::int8', '9223372036854775807'], ['true', 'true'], ['null::bool', 'null'],
    ["'a\"b\\c' || chr(10) || chr(1) || chr(2) || chr(127) || 'é🚀'", '"a\\"b\\\\c\\n\\u0001\\u0002\u007fé🚀"'],
    ["'x'::varchar(3)", '"x"'], ["'x'::char(3)", '"x  "'], ["'x'::name", '"x"'], ['null::text', 'null'], ["''::text", '""'],
    ["E'{\"b\": 1,\\n \"a\": [1, \"\\\\\\\\n\"]}'::json", '{"a": [1, "\\\\n"], "b": 1}'], ["'{\"a\":null}'::jsonb", '{"a": null}'],
    ["array['a', null, 'b\"']", '["a", null, "b\\""]'], ["'1 day'::interval", '"1 day"'], ["'550e8400-e29b-41d4-a716-446655440000'::uuid", '"550e8400-e29b-41d4-a716-446655440000"'], ['row(1, \'x\')', '{"f1": 1, "f2": "x"}'],
  ])('%s is %s', async (expression, expected) => {
    expect(await value(expression)).toBe(expected);
    JSON.parse(`[${expected}]`);
  });

  it('leaves out null columns that are named, wherever they stand, and writes null for the others', async () => {
    const query = "select * from (values (null, 1, null), ('a', null, 'b'), (null, null, null)) t(x, y, z)";
    expect(JSON.parse(await text(query, ['x', 'z']))).toEqual([{ y: 1 }, { x: 'a', y: null, z: 'b' }, { y: null }]);
    expect(await text(query, ['x', 'y', 'z'])).toBe('[{"y":1}\n,{"x":"a","z":"b"}\n,{}\n]');
    expect(await text('select from generate_series(1, 2)')).toBe('[{}\n,{}\n]');
  });

  it('gives the same rows line by line, one object each', async () => {
    const render = await formatter(database);
    const query = "select * from (values (1, null, E'a\\nb'), (2, 'x', null)) t(x, y, z)";
    expect((await render(FORMATS.ndjson, query, ['y'])).toString()).toBe('{"x":1,"z":"a\\nb"}\n{"x":2,"y":"x","z":null}\n');
    expect((await render(FORMATS.ndjson, query, ['x', 'y', 'z'])).toString()).toBe('{"x":1,"z":"a\\nb"}\n{"x":2,"y":"x"}\n');
    expect((await render(FORMATS.ndjson, `${query} limit 0`)).toString()).toBe('');
  });

  it('takes any name for a column', async () => {
    expect(JSON.parse(await text(`select 1 as "a""b", 2 as "it's \\ 'x'", 3 as "é"`))).toEqual([{ 'a"b': 1, "it's \\ 'x'": 2, é: 3 }]);
  });

  it('gives back any text, number and instant exactly', async () => {
    const row = fc.record({
      text: fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\r', '\t', '\u0001', '\u0002', '\\.', ',', '{', '\u2028', '🚀'), maxLength: 10 })).filter((s) => !/[\0\p{Surrogate}]/u.test(s)),
      number: fc.double({ noNaN: true, noDefaultInfinity: true }),
      micros: fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 20, maxLength: 20 }), async (rows) => {
        await database.query('drop table if exists public.values');
        await database.query('create table public.values as select * from jsonb_to_recordset($1) as v(i int, t text, n float8, m bigint)', [
          JSON.stringify(rows.map(({ text: t, number, micros }, i) => ({ i, t, n: Object.is(number, -0) ? '-0' : String(number), m: String(micros) }))),
        ]);
        const answer = JSON.parse(await text("select t, n, 'epoch'::timestamptz + m / 1000000 * interval '1 s' + m % 1000000 * interval '1 us' as at from public.values order by i")) as unknown;
        expect(answer).toEqual(rows.map(({ text: t, number, micros }) => ({ t, n: number, at: new Date(Number(micros / 1000n - (micros % 1000n < 0n ? 1n : 0n))).toISOString() })));
      }),
      { numRuns: 25 },
    );
  });
});

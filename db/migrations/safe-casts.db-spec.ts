import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import fc from 'fast-check';
import type { Client } from 'pg';

let db: TestDatabase;
let client: Client;
beforeAll(async () => {
  db = await createTestDatabase();
  client = await db.session();
  // The real cast: its value as text, or that it fails.
  await db.query(`create function public.cast_of(value text, type text) returns text language plpgsql as $$
    declare result text;
    begin
      execute format('select (%L::%s)::text', value, type) into result;
      return result;
    exception when data_exception then return 'fails';
    end $$`);
});
afterAll(() => db.drop());

const TYPES = { int: 'int', bigint: 'bigint', numeric: 'numeric', float8: 'double precision', boolean: 'boolean', date: 'date', timestamptz: 'timestamptz', uuid: 'uuid' } as const;
type Name = keyof typeof TYPES;

async function tried(name: Name, values: readonly (string | null)[]): Promise<{ value: string | null; tried: string | null; cast: string | null }[]> {
  const { rows } = await client.query<{ value: string | null; tried: string | null; cast: string | null }>(
    `select value, ingot.try_${name}(value)::text as tried, public.cast_of(value, $2) as cast from unnest($1::text[]) with ordinality as v (value, n) order by n`,
    [values, TYPES[name]],
  );
  return rows;
}

const number = fc
  .tuple(fc.constantFrom('', ' ', '\t'), fc.constantFrom('', '-', '+'), fc.stringMatching(/^[0-9]{0,25}$/), fc.constantFrom('', '.', '.5', '.000', '.4999999999999999'), fc.constantFrom('', 'e3', 'E-7', 'e308', 'e-324', 'e+400', 'e-330', 'e1', 'e9999'), fc.constantFrom('', ' ', '\n'))
  .map((parts) => parts.join(''));
const near = fc.tuple(fc.constantFrom(2147483647n, -2147483648n, 9223372036854775807n, -9223372036854775808n), fc.bigInt({ min: -2n, max: 2n }), fc.constantFrom('', '0', '000000000000')).map(([edge, by, zeros]) => {
  const text = (edge + by).toString();
  return text.startsWith('-') ? `-${zeros}${text.slice(1)}` : zeros + text;
});
const edges = fc.constantFrom(
  ...['1.7976931348623157e308', '1.7976931348623158e308', '1.7976931348623159e308', '-1.797693134862315808e308', '2.4703282292062327e-324', '2.4703282292062328e-324', '5e-324', '0e999', '-0', '.', '1e', 'e5'],
  ...['NaN', 'Infinity', '-inf', '0x1F', '1_000', '0b1', '0o7', '1e1000', '9'.repeat(999), `0.${'0'.repeat(320)}1`, '١٢', '1 2', '--1', '', ' '],
);
const date = fc
  .tuple(fc.constantFrom('0000', '0001', '1900', '2000', '2023', '2024', '9999', '12024'), fc.constantFrom('00', '01', '02', '04', '11', '12', '13'), fc.constantFrom('00', '01', '28', '29', '30', '31', '32'))
  .map((parts) => parts.join('-'));
const time = fc
  .tuple(fc.constantFrom('T', ' ', ''), fc.constantFrom('', '00:00', '23:59:59', '24:00', '12:60', '09:05:60', '09:05:59.9999999', '9:05'), fc.constantFrom('', 'Z', 'z', '+00', '-14:59', '+0530', '+15', '+16', ' UTC'))
  .map((parts) => parts.join(''));
const word = fc.constantFrom('true', 'TRUE', ' t', 'f ', 'of', 'on', 'off', 'yes', 'no', 'y', 'n', '1', '0', '2', 'tr', '\vtrue\v', 'now', 'today', 'infinity', 'epoch');
const uuid = fc.oneof(fc.uuid(), fc.uuid().map((id) => id.replaceAll('-', '').toUpperCase()), fc.uuid().map((id) => `{${id}}`), fc.uuid().map((id) => id.slice(1)), fc.uuid().map((id) => id.replace(/^(.{4})(.*)-/, '$1-$2')));
const anything = fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => !text.includes('\0'));

describe('safe casts', () => {
  it.each(Object.keys(TYPES) as Name[])('try_%s gives what the cast gives, or null, for every text', async (name) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(number, near, edges, date, fc.tuple(date, time).map((parts) => parts.join('')), word, uuid, anything), { minLength: 40, maxLength: 80 }), async (values) => {
        const wrong = (await tried(name, values)).filter((row) => row.tried !== null && row.tried !== row.cast);
        expect(wrong).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it.each<[Name, readonly string[], readonly string[]]>([
    ['int', ['0', '-2147483648', ' +7 ', '0000000000000000012'], ['2147483648', '1.0', '1e3', '', '0x1F', '1_000', '\u00a01']],
    ['bigint', ['9223372036854775807', '-9223372036854775808', '123456789012345678'], ['9223372036854775808', 'NaN']],
    ['numeric', ['1.00', '.5', '5.', '1e-999', '-1E3'], ['NaN', 'Infinity', '1e1000', '.', 'e5']],
    ['float8', ['1.34', '1.7976931348623157e308', '5e-324', '0e999', '-0'], ['1e309', '1e-400', 'NaN', 'inf', '1,34']],
    ['boolean', ['true', 'F', ' yes ', '0'], ['2', 'maybe', 'tr', '']],
    ['date', ['2024-02-29', '0001-01-01', '9999-12-31'], ['2023-02-29', '2024-13-01', '0000-01-01', '2024-1-1', 'today', '2024-02-29 ']],
    ['timestamptz', ['2024-02-29T23:59:59.123456Z', '2024-01-01 00:00+05:30', '2024-01-01T09:05:59-0800'], ['2024-02-30T00:00Z', '2024-01-01T24:00Z', 'now', '2024-01-01T00:00+15']],
    ['uuid', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'A0EEBC999C0B4EF8BB6D6BB9BD380A11'], ['{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1', 'x']],
  ])('try_%s takes %j and not %j', async (name, taken, refused) => {
    expect((await tried(name, taken)).filter((row) => row.tried === null || row.tried !== row.cast)).toEqual([]);
    expect((await tried(name, [...refused, null])).filter((row) => row.tried !== null)).toEqual([]);
  });

  it('take a time without an offset for UTC, whatever the session says', async () => {
    await client.query(`set timezone = 'America/New_York'`);
    const { rows } = await client.query<{ at: Date; day: Date }>(`select ingot.try_timestamptz('2024-01-01 09:05') as at, ingot.try_timestamptz('2024-01-01') as day`);
    await client.query('reset timezone');
    expect(rows).toEqual([{ at: new Date('2024-01-01T09:05:00Z'), day: new Date('2024-01-01T00:00:00Z') }]);
  });

  it('make no subtransaction, and leave the planner nothing to compute that would fail', async () => {
    const { rows } = await client.query(`select ingot.try_int('x') as a, ingot.try_date('2030-13-01') as b, ingot.try_float8('1e-400') as c, ingot.try_timestamptz('2030-02-31T00:00Z') as d, pg_current_xact_id_if_assigned() as xid`);
    expect(rows).toEqual([{ a: null, b: null, c: null, d: null, xid: null }]);
  });
});

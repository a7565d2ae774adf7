import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import fc from 'fast-check';
import type { Client } from 'pg';
import { copyIn } from './copy-in.js';
import { COPY_OPTIONS, copyRows } from './copy-rows.js';
import { scanLines } from './line-grammar.js';
import { PRECISIONS, type Precision } from './line-limits.js';

const MODEL = readFileSync('sql/sensor/silver/stg_readings.sql', 'utf8');

interface Reading {
  micros: string;
  day: string;
  name: string;
  value: number;
}

/** What a line means, said plainly with BigInt and Number. */
function reference(line: string, precision: Precision): Reading {
  const [timestamp = '', name = '', value = ''] = line.trim().split(/[ \t]+/);
  const micros = precision === 'ns' ? BigInt(timestamp) / 1000n : BigInt(timestamp) * 10n ** BigInt(6 - PRECISIONS[precision]);
  return { micros: String(micros), day: new Date(Number(micros / 1000n)).toISOString().slice(0, 10), name, value: Number(value) };
}

const precision = fc.constantFrom<Precision>('s', 'ms', 'us', 'ns');
const outer = fc.constantFrom('', '', '', ' ', '\t', ' \t ');
const between = fc.constantFrom(' ', ' ', ' ', '  ', '\t', ' \t');
const instant = fc.oneof(fc.bigInt({ min: 0n, max: 253_402_300_799n }), fc.constantFrom(0n, 1n, 86_399n, 253_402_300_799n, 946_684_799n));
const timestamp = fc.tuple(precision, instant, fc.stringMatching(/^[0-9]{9}$/), fc.constantFrom('', '', '0', '0000000'), fc.boolean()).map(([unit, seconds, fraction, zeros, short]) => {
  const digits = fraction.slice(0, PRECISIONS[unit]);
  const text = short ? String(BigInt(digits === '' ? '0' : digits)) : `${seconds}${digits}`; // short: less than a second has fewer digits
  return { unit, text: zeros + text };
});
const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.:/-]{0,20}$/);
const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom('+.5', '5.', '-0', '0', '1E5', '1e+2', '5e-324', '2.4703282292062328e-324', '1.7976931348623157e308', '0e400', '-.0e-999', '00012', `0.${'3'.repeat(400)}`, '9'.repeat(308), '2.2250738585072011e-308'),
  fc.tuple(fc.stringMatching(/^[-+]?[0-9]{1,20}(\.[0-9]{0,20})?$/), fc.constantFrom('', 'e0', 'E-30', 'e+30')).map(([mantissa, exponent]) => mantissa + exponent),
);
const line = fc.tuple(timestamp, name, value, outer, between, between, outer).map(([{ unit, text }, metric, number, a, b, c, d]) => ({ unit, text: `${a}${text}${b}${metric}${c}${number}${d}` }));

describe('silver.stg_readings', () => {
  let database: TestDatabase;
  let client: Client;
  beforeAll(async () => {
    database = await createTestDatabase();
    client = await database.session();
    await client.query(`create table bronze.raw_readings (id bigint not null default nextval('bronze.raw_id'), device text, precision text, line text not null)`);
    await client.query(`create view silver.stg_readings as ${MODEL}`);
  });
  afterAll(() => database.drop());

  const rows = async (): Promise<unknown[]> =>
    (
      await client.query<Record<string, unknown>>(
        `select r.id, device, (extract(epoch from s.reading_time) * 1000000)::bigint::text as micros, s.reading_date::text as day, s.metric_name as name, s.metric_value as value
         from bronze.raw_readings r left join (select raw_id as id, s.* from silver.stg_readings s) s using (id, device) order by r.id`,
      )
    ).rows;

  async function ingest(lines: { unit: Precision; text: string }[]): Promise<void> {
    await client.query('truncate bronze.raw_readings');
    const batches = lines.map(({ unit, text }) => {
      const body = Buffer.from(text);
      const scanned = scanLines(body, unit);
      expect(scanned.errors).toEqual([]);
      return { ...scanned, body, device: 'd', precision: unit };
    });
    expect(await copyIn(client, `begin; copy bronze.raw_readings (device, precision, line) from stdin with (${COPY_OPTIONS}); commit`, copyRows(batches))).toBe(true);
  }

  it('reads every line that ingest accepts, exactly: one row each, same instant, name and value', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 200 }), async (lines) => {
        await ingest(lines);
        const expected = lines.map(({ unit, text }) => ({ device: 'd', ...reference(text, unit) }));
        expect((await rows()).map((row) => ({ ...(row as object), id: undefined }))).toEqual(expected.map((row) => ({ ...row, id: undefined })));
      }),
      { numRuns: 60 },
    );
  });

  it('lines of the default device in seconds are read the same', async () => {
    await client.query('truncate bronze.raw_readings');
    await client.query(`insert into bronze.raw_readings (line) values ('1649941817 Voltage 1.34'), (E'\\t0253402300799  a\\t-1e2 '), ('1649941817 a 5 ')`);
    const { rows: read } = await client.query(`select device, reading_time::text as time, reading_date::text as day, metric_name as name, metric_value as value from silver.stg_readings order by raw_id`);
    expect(read).toEqual([
      { device: 'default', time: '2022-04-14 13:10:17+00', day: '2022-04-14', name: 'Voltage', value: 1.34 },
      { device: 'default', time: '9999-12-31 23:59:59+00', day: '9999-12-31', name: 'a', value: -100 },
      { device: 'default', time: '2022-04-14 13:10:17+00', day: '2022-04-14', name: 'a', value: 5 },
    ]);
  });

  it.each(['1 a', 'hello', '1 a b', '1 a 1 x', '1  5', '1 a NaN', '1 a Infinity', 'x a 1', '1 a 1,5', '1 1a 1 1', '', '1.5 a 1'])('%j, which ingest refuses, gives a null or an error: it never vanishes and never becomes a reading', async (foreign) => {
    await client.query('truncate bronze.raw_readings');
    await client.query('insert into bronze.raw_readings (line) values ($1)', [foreign]);
    const read = await client.query(`select * from silver.stg_readings`).then(({ rows: [row] }) => row as Record<string, unknown>, (error: { code: string }) => error.code);
    if (typeof read === 'string') expect(read).toMatch(/^22/);
    else expect([read.reading_time, read.metric_name, read.metric_value]).toContain(null);
  });

  it('an unknown precision gives a null', async () => {
    await client.query('truncate bronze.raw_readings');
    await client.query(`insert into bronze.raw_readings (line, precision) values ('1 a 1', 'min')`);
    expect((await client.query('select reading_time from silver.stg_readings')).rows).toEqual([{ reading_time: null }]);
  });
});

describe('the value of a line as PostgreSQL reads it', () => {
  let database: TestDatabase;
  let client: Client;
  beforeAll(async () => {
    database = await createTestDatabase();
    client = await database.session();
  });
  afterAll(() => database.drop());

  const accepted = (text: string): boolean => scanLines(Buffer.from(`1 a ${text}`), 's').lines === 1;
  const float8in = (text: string): Promise<number | string> => client.query<{ v: number }>('select $1::text::float8 as v', [text]).then(({ rows: [row] }) => row?.v ?? NaN, (error: { code: string }) => error.code);

  it.each(['1', '+.5', '5.', '.5', '-0', '1e5', '1E-7', '5e-324', '3e-324', '0e400', '-0.0e-999', '1.7976931348623157e308', '007', '9'.repeat(309).slice(1), `0.${'0'.repeat(299)}1`])('%s is accepted by both and is the same number', async (text) => {
    expect(accepted(text)).toBe(true);
    expect(await float8in(text)).toBe(Number(text));
  });

  it.each(['1e400', '-1e400', '1e-400', '2e-324', '1_000', '1,34', '.', '1e', '1e+', '', '-', '--1', '1.2.3', `0.${'0'.repeat(400)}1`, '9'.repeat(400)])('%j is refused by both', async (text) => {
    expect(accepted(text)).toBe(false);
    expect(await float8in(text)).toMatch(/^22/);
  });

  it.each(['NaN', 'Infinity', '-inf', '0x10'])('%s, which PostgreSQL takes, is refused', async (text) => {
    expect(accepted(text)).toBe(false);
    expect(typeof (await float8in(text))).toBe('number');
  });

  it('whatever number is accepted, PostgreSQL reads the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(value, fc.string({ unit: fc.constantFrom(...'0159+-.eE'), maxLength: 10 })), { minLength: 1, maxLength: 100 }), async (texts) => {
        const numbers = texts.filter(accepted);
        const { rows } = await client.query<{ v: number }>('select t::float8 as v from unnest($1::text[]) with ordinality as given (t, i) order by i', [numbers]);
        expect(rows.map((row) => row.v)).toEqual(numbers.map(Number));
      }),
      { numRuns: 50 },
    );
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { loadDataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { ReadRepository } from '@ingot/postgres';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { answerOf } from '../test/formatted.js';
import { endpointRead, FORMATS, loadEndpoints, readRequest, type Endpoint } from './index.js';

type Query = Record<string, string>;
const urlOf = (query: Query): string => `/data?${new URLSearchParams(query).toString()}`;

interface Item {
  time: string;
  name: string;
  value: number | null;
  device?: string;
}

describe('the endpoint data of the sensor dataset', () => {
  let database: TestDatabase;
  let reads: ReadRepository;
  let endpoint: Endpoint;
  beforeAll(async () => {
    database = await createTestDatabase();
    await database.query('create table silver.stg_readings (raw_id bigint, device text not null, reading_time timestamptz not null, reading_date date, metric_name text not null, metric_value float8 not null)');
    await database.query('create table gold.mart_daily_power (reading_date date not null, device text not null, metric_name text not null, metric_value numeric not null)');
    reads = repository();
    const data = (await loadEndpoints('sql', await loadDataset('sql/sensor'))).find(({ name }) => name === 'data');
    if (data === undefined) throw new Error('no endpoint');
    endpoint = data;
  });
  afterAll(async () => {
    await reads.close();
    await database.drop();
  });
  beforeEach(() => database.query('truncate silver.stg_readings, gold.mart_daily_power'));

  function repository(): ReadRepository {
    const silent = (): void => undefined;
    return new ReadRepository({
      url: database.url, name: 'ingot read', min: 0, max: 2, acquireTimeoutMs: 1_000, transactionSeconds: 20, slowMs: 10_000, log: { debug: silent, warn: silent, error: silent },
    });
  }
  const reading = (id: number, time: string, name: string, value: number, device = 'default'): Promise<unknown> =>
    database.query("insert into silver.stg_readings values ($1, $2, $3, ($3::timestamptz at time zone 'UTC')::date, $4, $5)", [id, device, time, name, value]);
  const power = (day: string, value: string, device = 'default'): Promise<unknown> => database.query("insert into gold.mart_daily_power values ($1, $2, 'Power', $3)", [day, device, value]);
  const get = async (query: Query, from = reads): Promise<Item[]> => {
    const read = await from.copyOut(endpointRead(endpoint, readRequest(endpoint, urlOf(query)), FORMATS.json));
    return JSON.parse(await answerOf(read, FORMATS.json, endpoint.omitNull)) as Item[];
  };
  const brief = (items: Item[]): string[] => items.map(({ time, name, value, device }) => [time.slice(5, 23), name, value, device].filter((part) => part !== undefined).join(' '));

  it('gives readings by time, ties in order of arrival, then the power of each day and device', async () => {
    await reading(2, '2022-04-14T13:10:18Z', 'Voltage', 1.35);
    await reading(9, '2022-04-14T13:10:17Z', 'Current', 12);
    await reading(8, '2022-04-14T13:10:17Z', 'Voltage', 1.34);
    await reading(3, '2022-04-13T13:10:17.0009Z', 'Current', 14, 'b');
    await power('2022-04-14', '17.485');
    await power('2022-04-13', '2', 'b');
    await power('2022-04-13', '1', 'a');
    expect(brief(await get({ from: '2022-04-13', to: '2022-04-14' }))).toEqual([
      '04-13T13:10:17.000 Current 14 b', '04-14T13:10:17.000 Voltage 1.34', '04-14T13:10:17.000 Current 12', '04-14T13:10:18.000 Voltage 1.35',
      '04-13T00:00:00.000 Power 1 a', '04-13T00:00:00.000 Power 2 b', '04-14T00:00:00.000 Power 17.485',
    ]);
  });

  it('includes both ends, and a day of which any part is in the range', async () => {
    for (const [i, time] of ['2022-04-13T23:59:59.999999Z', '2022-04-14T00:00:00Z', '2022-04-14T23:59:59.999999Z', '2022-04-15T00:00:00Z'].entries()) await reading(i, time, 'Voltage', i);
    for (const day of ['2022-04-13', '2022-04-14', '2022-04-15']) await power(day, day.slice(-2));
    const values = async (from: string, to: string): Promise<(number | null)[]> => (await get({ from, to })).map(({ value }) => value);
    expect(await values('2022-04-14', '2022-04-14')).toEqual([1, 2, 14]);
    expect(await values('2022-04-14T00:00:00Z', '2022-04-15T00:00:00Z')).toEqual([1, 2, 3, 14, 15]);
    expect(await values('2022-04-13T23:59:59.9999991Z', '2022-04-14T12:00')).toEqual([1, 14]);
    expect(await values('2022-04-14T12:00', '2022-04-14T13:00')).toEqual([14]);
    expect(await values('2022-04-14T01:00:00+02:00', '2022-04-14T01:59:59.999999+02:00')).toEqual([0, 13]);
    expect(await values('2022-04-16', '2022-04-17')).toEqual([]);
  });

  it('filters readings and power by name and by device', async () => {
    await reading(1, '2022-04-14T01:00:00Z', 'Voltage', 1);
    await reading(2, '2022-04-14T02:00:00Z', 'Voltage', 2, 'a');
    await reading(3, '2022-04-14T03:00:00Z', "it's \\", 3, 'a');
    await power('2022-04-14', '4');
    await power('2022-04-14', '5', 'a');
    const values = async (query: Query): Promise<(number | null)[]> => (await get({ from: '2022-04-14', to: '2022-04-14', ...query })).map(({ value }) => value);
    expect(await values({ name: 'Power' })).toEqual([5, 4]);
    expect(await values({ name: 'Voltage' })).toEqual([1, 2]);
    expect(await values({ device: 'a' })).toEqual([2, 3, 5]);
    expect(await values({ device: 'default', name: 'Voltage' })).toEqual([1]);
    expect(await values({ name: "it's \\" })).toEqual([3]);
    expect(await values({ name: "' or true --" })).toEqual([]);
  });

  it('survives power beyond the range of float8', async () => {
    const [top] = await database.query<{ product: string }>("select (1e308::numeric * 1e308::numeric)::text as product");
    await power('2022-04-10', top?.product ?? '');
    await power('2022-04-11', '1e-400');
    await power('2022-04-12', '-1.7976931348623157e308');
    await power('2022-04-13', '-1.7976931348623158e308');
    await power('2022-04-14', '5e-324');
    expect((await get({ from: '2022-04-10', to: '2022-04-14' })).map(({ value }) => value)).toEqual([null, 0, -1.7976931348623157e308, null, 5e-324]);
  });

  describe('when the planner may run everything in parallel', () => {
    const FORCED = 'parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0; min_parallel_index_scan_size = 0; max_parallel_workers_per_gather = 4; enable_gathermerge = off';
    let statement: string;
    beforeEach(async () => {
      await database.query("insert into silver.stg_readings select i, 'default', '2022-01-01T00:00:00Z'::timestamptz + i * interval '100 ms', '2022-01-01', 'Voltage', i from generate_series(1, 100000) i order by random()");
      await database.query("insert into gold.mart_daily_power select '2022-01-01'::date + i, 'default', 'Power', i from generate_series(0, 5000) i");
      await database.query('create index if not exists by_time on silver.stg_readings (reading_time); create index if not exists by_date on gold.mart_daily_power (reading_date)');
      await database.query('analyze silver.stg_readings, gold.mart_daily_power');
      const { query, copy } = endpointRead(endpoint, readRequest(endpoint, urlOf({ from: '2022-01-01', to: '2040-01-01' })), FORMATS.json);
      statement = copy([{ name: 'time', type: 1184 }, { name: 'name', type: 25 }, { name: 'value', type: 701 }, { name: 'device', type: 25 }], []);
      statement = /^copy \((.*)\) to stdout/s.exec(statement)?.[1] ?? '';
      expect(query).not.toBe('');
    });
    const plan = async (parallelAppend: 'on' | 'off'): Promise<string> => {
      const client = await database.session();
      await client.query(`set ${FORCED.replaceAll('; ', '; set ')}; set enable_parallel_append = ${parallelAppend}`);
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${statement}`);
      await client.end();
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    };

    it('an append of ordered arms is parallel unless told otherwise: the failing shape', async () => {
      expect(await plan('on')).toMatch(/Gather[^]*Parallel Append/);
      const serial = await plan('off');
      expect(serial).not.toMatch(/Parallel Append/);
      expect(serial.trimStart()).toMatch(/^(Result|Append)/); // a Gather above the append would mix the arms; below an arm's merge it keeps the order
    });

    it('the rows come arm by arm, in order', async () => {
      for (const setting of FORCED.split('; ')) await database.query(`alter database ${database.name} set ${setting}`);
      const forced = repository(); // new sessions: the settings of a database reach no others
      const items = await get({ from: '2022-01-01', to: '2040-01-01' }, forced);
      await forced.close();
      await database.query(`alter database ${database.name} reset all`);
      expect(items).toHaveLength(105_001);
      expect(items.slice(0, 100_000).map(({ value }) => value)).toEqual(Array.from({ length: 100_000 }, (_, i) => i + 1));
      expect(items.slice(100_000).map(({ value }) => value)).toEqual(Array.from({ length: 5_001 }, (_, i) => i));
    });
  });

  it('streams 100,000 rows to a slow reader with flat memory', async () => {
    await database.query("insert into silver.stg_readings select i, 'default', '2022-01-01T00:00:00Z'::timestamptz + i * interval '1 s', '2022-01-01', repeat('Voltage', 10), i from generate_series(1, 100000) i");
    const read = await reads.copyOut(endpointRead(endpoint, readRequest(endpoint, urlOf({ from: '2022-01-01', to: '2040-01-01' })), FORMATS.json));
    let taken = 0;
    let held = 0;
    const slow = new Writable({
      highWaterMark: 16_384,
      write(chunk: Buffer, _, done) {
        taken += chunk.length;
        held = Math.max(held, reads.status.spool.memoryBytes);
        setTimeout(done, 5);
      },
    });
    await pipeline(read, FORMATS.json.encoder(read.columns, endpoint.omitNull), slow);
    expect(taken).toBeGreaterThan(12_000_000);
    expect(held).toBeLessThan(600_000); // the rest of what Postgres sent and the reader has not taken is on disk
    expect(read.times.spooledBytes).toBeGreaterThan(5_000_000);
  });
});

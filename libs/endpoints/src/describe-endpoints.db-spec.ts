import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { formatPlace, type Dataset, type Model, type Source } from '@ingot/datasets';
import { inTransaction } from '@ingot/postgres';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from 'pg';
import { checkEndpoints, describeEndpoints } from './describe-endpoints.js';
import type { DescribedEndpoint, Endpoint } from './endpoint.js';
import { loadEndpoints } from './load-endpoints.js';

const model = (relation: string, more: Partial<Model> = {}): Model => ({ relation, materialized: 'incremental', query: { mentions: [] }, ...more }) as unknown as Model;
const view = (relation: string, reads: string): Model => model(relation, { materialized: 'view', query: { mentions: [{ relation: reads }] } as never });
const DATASET = {
  name: 'sensor',
  sources: [{ relation: 'bronze.raw' } as Source],
  seeds: [{ relation: 'seeds.kinds' }],
  models: [model('silver.t'), view('gold.clock', 'silver.t'), view('gold.plain', 'silver.t'), view('gold.raw', 'bronze.raw')],
} as unknown as Dataset;
const PARAMETERS = `parameters:
  at: { type: timestamp, description: a moment }
  day: { type: date, description: a day }
  name: { type: text, description: a name }
  low: { type: number, description: a bound }
  id: { type: integer, description: a number }
  flag: { type: boolean, description: yes or no }
  bucket: { type: enum, values: [hour, day], description: a bucket }
  names: { type: list, of: text, description: names }
  ids: { type: list, of: integer, description: numbers }`;

describe('the database is asked about endpoints', () => {
  let database: TestDatabase;
  let client: Client;
  let folder: string;
  let files = 0;
  beforeAll(async () => {
    database = await createTestDatabase();
    await database.query(`
      create table bronze.raw (id bigint, line text);
      create schema if not exists seeds;
      create table seeds.kinds (kind text);
      create table silver.t (raw_id bigint, device text, at timestamptz, day date, value float8, note json, amount numeric, _run_id bigint);
      create view gold.clock as select * from silver.t where at < now();
      create view gold.plain as select * from silver.t;
      create view gold.raw as select * from bronze.raw`);
    client = await database.session();
    folder = await mkdtemp(path.join(tmpdir(), 'ingot-describe-'));
  });
  afterAll(async () => {
    await database.drop();
    await rm(folder, { recursive: true });
  });

  async function load(sql: string, header = ''): Promise<Endpoint> {
    const root = path.join(folder, String(files++), 'sql');
    await mkdir(path.join(root, 'sensor', 'endpoints'), { recursive: true });
    const used = PARAMETERS.split('\n').filter((line, i) => i === 0 || new RegExp(`:${line.trim().split(':')[0]}\\b`).test(sql));
    await writeFile(path.join(root, 'sensor', 'endpoints', 'x.sql'), `/* ---\npath: /x\ndescription: For a test.\n${used.length > 1 ? `${used.join('\n')}\n` : ''}${header}--- */\n${sql}\n`);
    return (await loadEndpoints(root, DATASET))[0]!;
  }
  const describeOne = async (sql: string, header = ''): Promise<DescribedEndpoint> => {
    const endpoint = await load(sql, header);
    return (await inTransaction(client, '', () => describeEndpoints(client, [endpoint])))[0]!;
  };
  const problems = async (sql: string, header = ''): Promise<string[]> => (await describeOne(sql, header)).problems.map((problem) => `${formatPlace(problem)} ${problem.message}`);

  it('knows every type of parameter and result', async () => {
    const { columns, problems: none } = await describeOne(`select raw_id, at, day, value, note, amount, 'x' as label, null as nothing, array[1, 2] as list
from silver.t
where at >= :at and day = :day and device = :name and value > :low and raw_id <> :id and (:flag or :bucket = 'day') and device = any(:names) and raw_id = any(:ids)`);
    expect(none).toEqual([]);
    expect(columns.map(({ name, type }) => [name, type])).toEqual([
      ['raw_id', 20], ['at', 1184], ['day', 1082], ['value', 701], ['note', 114], ['amount', 1700], ['label', 25], ['nothing', 25], ['list', 1007],
    ]);
  });

  it('sees the columns of *', async () => {
    expect((await describeOne('select * from silver.t')).columns.map(({ name }) => name)).toEqual(['raw_id', 'device', 'at', 'day', 'value', 'note', 'amount', '_run_id']);
  });

  it.each<[string, string, string[]]>([
    ['a column that is not there, behind parameters and wide characters', "select 'é🚀' as a, :name as b,\n  :name || vaule as c from silver.t", ['sql/sensor/endpoints/x.sql:8:12 column "vaule" does not exist (Perhaps you meant to reference the column "t.value".)']],
    ['the first word behind a parameter', 'select :name as a, vaule from silver.t', ['sql/sensor/endpoints/x.sql:7:20 column "vaule" does not exist (Perhaps you meant to reference the column "t.value".)']],
    ['a parameter of the wrong type', 'select raw_id from silver.t\nwhere raw_id = :name', ['sql/sensor/endpoints/x.sql:8:14 operator does not exist: bigint = text (No operator matches the given name and argument types. You might need to add explicit type casts.)']],
    ['a table that is not there yet', 'select x from silver.gone', []],
    ['two columns of one name in *', 'select *, device from silver.t', ['sql/sensor/endpoints/x.sql:5:1 the result has two columns device']],
  ])('places %s', async (_, sql, expected) => {
    if (!sql.includes('gone')) return expect(await problems(sql)).toEqual(expected);
    const gone = { ...DATASET, models: [...DATASET.models, model('silver.gone')] };
    const root = path.join(folder, 'gone', 'sql');
    await mkdir(path.join(root, 'sensor', 'endpoints'), { recursive: true });
    await writeFile(path.join(root, 'sensor', 'endpoints', 'x.sql'), `/* ---\npath: /x\ndescription: For a test.\n--- */\n${sql}\n`);
    const endpoints = await loadEndpoints(root, gone);
    expect((await inTransaction(client, '', () => checkEndpoints(client, endpoints))).map(({ line, column, message }) => [line, column, message])).toEqual([[5, 15, 'relation "silver.gone" does not exist']]);
  });

  it('knows of omit_null what only the database can tell', async () => {
    expect(await problems('select * from silver.t', 'omit_null: [devise]\n')).toEqual(['sql/sensor/endpoints/x.sql:6:1 omit_null: the result has no column devise; did you mean device?']);
  });

  it('looks at models where they stand for a trial, and places what is wrong in the file all the same', async () => {
    await database.query('create schema trial; create table trial.t as select raw_id, device from silver.t');
    const good = await load('select t.device, :name as a from silver.t where raw_id = :id');
    const bad = await load("select 'é' as a,\n  :name as b, t.value, gold.clock.at from silver.t, gold.clock".replace('gold.clock.at', 'clock.at'));
    const inTrial = (relation: string): string => relation.replace('silver.', 'trial.');
    const found = await inTransaction(client, '', () => checkEndpoints(client, [bad, good], inTrial));
    expect(found.map(({ line, column, message }) => [line, column, message])).toEqual([[8, 15, 'column t.value does not exist']]);
    expect(await inTransaction(client, '', () => checkEndpoints(client, [bad, good]))).toEqual([]);
  });

  it('leaves the transaction it works in as it was', async () => {
    const [bad, good] = [await load('select gone from silver.t'), await load('select 1 as a from silver.t')];
    await client.query('begin; create table public.kept ()');
    const described = await describeEndpoints(client, [bad, good]);
    expect(described.map(({ columns, cacheable }) => [columns.length, cacheable])).toEqual([[0, false], [1, true]]);
    await client.query('commit');
    expect(await database.query("select to_regclass('public.kept') is not null as kept, to_regclass('pg_temp.endpoint_tree')::text as tree")).toEqual([{ kept: true, tree: null }]);
  });

  it('gives up on a connection that is gone', async () => {
    const other = await database.session();
    other.on('error', () => undefined);
    const endpoint = await load('select 1 as a from silver.t');
    await other.query('begin');
    await database.query('select pg_terminate_backend($1)', [(other as unknown as { processID: number }).processID]);
    await expect(describeEndpoints(other, [endpoint])).rejects.toThrow();
  });

  const cacheable = async (statements: readonly string[]): Promise<Map<string, boolean | string>> => {
    const endpoints: Endpoint[] = [];
    for (const sql of statements) endpoints.push(await load(sql));
    const described = await inTransaction(client, '', () => describeEndpoints(client, endpoints));
    return new Map(described.map(({ cacheable: same, problems: [problem] }, i) => [statements[i]!, problem?.message ?? same]));
  };

  it('knows statements that give the same until the next run', async () => {
    const statements = [
      'select at, value from silver.t where at between :at and :at and day = :day',
      "select date_trunc('hour', at) as hour, date_bin('1 hour', at, '2000-01-01') as bin, count(*) as n, at::date as d from silver.t group by 1, 2, 4",
      "select (at at time zone 'UTC')::date as d, extract(epoch from at) as e, to_char(at, 'YYYY') as y, at + interval '1 day' as next from silver.t",
      "select concat(device, value) as c, format('%s', value) as f, device || value as g, to_json(t) as j, json_agg(t) over () as l, jsonb_build_object('a', at) as o from silver.t",
      'select row_number() over (order by raw_id) as n, first_value(value) over (order by at) as f from silver.t',
      "select at + coalesce(:bucket, '1h')::interval as a from silver.t",
      'select age(at, at) as a, value::text::numeric as v, raw_id::int as i, day::timestamptz as d, day < at as b from silver.t',
      "select * from silver.t where device = any(:names) and device ~ '^a' order by at",
      'select t.kind from seeds.kinds t', 'select device from gold.plain', 'select g::date from generate_series(:at::timestamptz, :at, :name::interval) g, silver.t'.replace(', :name::interval', ", interval '1 day'"),
      "select 'renow' as a, device as \"current\" from silver.t",
    ];
    expect(await cacheable(statements)).toEqual(new Map(statements.map((sql) => [sql, true])));
  });

  it('asks for no more rights than there are', async () => {
    await database.query(`revoke temporary on database ${database.name} from public, current_user, ingot_run`);
    const other = await database.session();
    const endpoint = await load('select device from silver.t');
    const [described] = await inTransaction(other, '', () => describeEndpoints(other, [endpoint]));
    expect([described!.cacheable, described!.columns.length]).toEqual([false, 1]);
    await database.query(`grant temporary on database ${database.name} to ingot_run`);
  });

  it('takes any other statement for one that may give something else', async () => {
    const statements = [
      'select now() as a from silver.t', 'select current_date as a from silver.t', 'select localtimestamp(0) as a from silver.t', 'select clock_timestamp() as a', 'select statement_timestamp() as a',
      'select transaction_timestamp() as a', 'select at from silver.t where at > now() - interval \'1 day\'', 'select age(at) as a from silver.t', 'select age(day) as a from silver.t',
      'select random() as a from silver.t', 'select gen_random_uuid() as a', "select 'now'::timestamptz as a from silver.t", "select date 'today' as a", "select at from silver.t where at > timestamptz ' Tomorrow 04:05'",
      'select :name::timestamptz as a from silver.t', 'select device::date as a from silver.t', 'select array[device]::date[] as a from silver.t', "select (note ->> 'at')::timestamp as a from silver.t",
      'select current_user as a from silver.t', "select current_setting('work_mem') as a from silver.t", "select pg_relation_size('silver.t') as a from silver.t", 'select ingot.try_timestamptz(device) as a from silver.t',
      'select line from bronze.raw', 'select line from gold.raw', 'select device from gold.clock', 'select (select max(now()) from seeds.kinds) as a from silver.t',
      'with w as (select now() as n) select n from w, silver.t', 'select count(*) filter (where at < now()) as a from silver.t', 'select device from silver.t order by random()',
      'select case when value > 0 then clock_timestamp() end as a from silver.t', 'select r.a from json_to_record(\'{"a":"x"}\') as r(a date)',
      'select row(raw_id, device) as a from silver.t', // no view can have such a column
    ];
    expect(await cacheable(statements)).toEqual(new Map(statements.map((sql) => [sql, false])));
  });
});

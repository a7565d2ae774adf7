import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { apply, isApplied } from '../src/apply.js';
import { checkCluster } from '../src/cluster-identity.js';
import { readPlan } from '../src/plan.js';
import { run } from '../src/run.js';
import { differences } from './consistency.js';
import { SAMPLE, sampleDataset } from './sample-project.js';

let db: TestDatabase;
let client: Client;
beforeEach(async () => {
  db = await createTestDatabase();
  client = await db.session();
});
afterEach(() => db.drop());

const replaced = (file: string, from: string | RegExp, to: string) => {
  const text = SAMPLE[file]!.replace(from, to);
  if (text === SAMPLE[file]) throw new Error(`${file} holds no ${String(from)}`);
  return { [file]: text };
};
const runOnce = async (files?: Dataset) => {
  await db.query(`insert into bronze.raw (device, line) values ('a', '2030-01-01 V 2'), ('a', '2030-01-01 C 3')`);
  return run(client, await readPlan(client, files ?? await sampleDataset()), { maxRows: 100 });
};
/** Everything apply makes, as text that changes when any of it is made again. */
const catalogue = () =>
  db.query(`select c.oid::text, c.relfilenode::text, c.xmin::text, n.nspname || '.' || c.relname as name from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where n.nspname in ('bronze', 'silver', 'gold') order by 4`);

describe('apply', () => {
  it('makes bronze partitioned by ingest_xid, with a BRIN, a default partition and two ahead', async () => {
    await apply(client, await sampleDataset());
    const columns = await db.query(`select attname as name, format_type(atttypid, -1) as type, attnotnull as required, pg_get_expr(adbin, adrelid) as value
      from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum where attrelid = 'bronze.raw'::regclass and attnum > 0 order by attnum`);
    expect(columns).toEqual([
      { name: 'id', type: 'bigint', required: true, value: `nextval('bronze.raw_id'::regclass)` },
      { name: 'received_at', type: 'timestamp with time zone', required: true, value: 'now()' },
      { name: 'ingest_xid', type: 'bigint', required: true, value: '(txid_current() + 0)' },
      { name: 'device', type: 'text', required: false, value: null },
      { name: 'precision', type: 'text', required: false, value: null },
      { name: 'line', type: 'text', required: true, value: null },
    ]);
    const indexes = await db.query<{ def: string; options: string[] }>(`select pg_get_indexdef(c.oid) as def, reloptions as options from pg_class as c where c.relkind = 'i' and c.relnamespace = 'bronze'::regnamespace and c.relname like 'raw%'`);
    expect(indexes).toHaveLength(4);
    for (const { def, options } of indexes) {
      expect(def).toContain('USING brin (ingest_xid)');
      expect(options).toEqual(['autosummarize=on']);
    }
    await db.query(`insert into bronze.raw (line) values ('x')`);
    expect(await db.query(`select tableoid::regclass::text as place from bronze.raw`)).toEqual([{ place: 'bronze.raw_first' }]);
  });

  it('makes tables with the types of their SELECT, _run_id, keys, indexes, tests and comments', async () => {
    await apply(client, await sampleDataset(replaced('silver/stg.sql', 'increment_on: bronze.raw\n', 'increment_on: bronze.raw\nindexes: [[day, metric]]\n')));
    expect(await db.query(`select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) as columns from pg_attribute where attrelid = 'silver.daily'::regclass and attnum > 0`)).toEqual([
      { columns: 'day date, device text, metric text, n bigint, total numeric, least double precision, most double precision, _run_id bigint' },
    ]);
    expect((await db.query<{ def: string }>(`select pg_get_indexdef(indexrelid) as def from pg_index where indrelid in ('silver.stg'::regclass, 'silver.daily'::regclass, 'gold.summary'::regclass) order by 1`)).map(({ def }) => def)).toEqual([
      'CREATE INDEX stg_day_metric_idx ON silver.stg USING btree (day, metric)',
      `CREATE INDEX stg_run_id_idx ON silver.stg USING brin (_run_id) WITH (autosummarize='on')`,
      'CREATE UNIQUE INDEX daily_day_device_metric_key ON silver.daily USING btree (day, device, metric) NULLS NOT DISTINCT',
      'CREATE UNIQUE INDEX summary_device_metric_key ON gold.summary USING btree (device, metric) NULLS NOT DISTINCT',
    ]);
    expect(await db.query(`select obj_description('silver.daily'::regclass) as text`)).toEqual([{ text: 'sums' }]);
    expect(await db.query(`select conname as name, convalidated as validated from pg_constraint where conrelid = 'silver.stg'::regclass and contype = 'c'`)).toEqual([{ name: expect.stringMatching(/^ingot_test_.*_not_null_silver_stg_value$/), validated: false }]);
  });

  it('changes nothing the second time, and takes two at once', async () => {
    const dataset = await sampleDataset();
    const other = await db.session();
    await Promise.all([apply(client, dataset), apply(other, dataset)]);
    const before = await catalogue();
    expect(await isApplied(client, dataset)).toBe(true);
    await apply(client, dataset);
    expect(await catalogue()).toEqual(before);
  });

  it('makes changed and new models anew as long as nothing has run', async () => {
    await apply(client, await sampleDataset());
    await apply(client, await sampleDataset({ ...replaced('silver/daily.sql', 'max(value) as most', 'max(value::text::numeric) as most'), 'gold/view.sql': '/* ---\nmaterialized: view\n--- */\nselect day, most from silver.daily\n' }));
    expect(await db.query(`select format_type(atttypid, -1) as type from pg_attribute where attrelid = 'gold.view'::regclass and attname = 'most'`)).toEqual([{ type: 'numeric' }]);
  });

  it('applies comments, data tests, indexes and views to a dataset that has run', async () => {
    await apply(client, await sampleDataset());
    await runOnce();
    const view = (columns: string) => `/* ---\nmaterialized: view\n--- */\nselect ${columns} from silver.daily\n`;
    await apply(client, await sampleDataset({ ...replaced('silver/daily.sql', 'description: sums', 'description: other words'), 'gold/view.sql': view('day, n') }));
    const outer = '/* ---\nmaterialized: view\n--- */\nselect * from gold.view\n';
    const changed = await sampleDataset({
      ...replaced('silver/stg.sql', 'data_tests: [not_null]', 'data_tests: []'),
      ...replaced('silver/daily.sql', 'unique_key:', 'indexes: [[metric]]\nunique_key:'),
      'gold/view.sql': view('metric, day'),
      'gold/z_outer.sql': outer,
    });
    await apply(client, changed);
    await apply(client, changed);
    expect(await db.query('select * from gold.z_outer order by metric')).toMatchObject([{ metric: 'C' }, { metric: 'V' }]);
    expect(await db.query(`select 1 as index where to_regclass('silver.daily_metric_idx') is not null`)).toHaveLength(1);
    expect(await db.query(`select from pg_constraint where conrelid = 'silver.stg'::regclass and contype = 'c'`)).toHaveLength(0);
    await apply(client, await sampleDataset({ 'gold/view.sql': view('day'), 'gold/z_outer.sql': outer })); // a view others read loses a column
    expect(await db.query('select * from gold.z_outer')).toHaveLength(2);
    expect(await db.query(`select 1 as index where to_regclass('silver.daily_metric_idx') is not null`)).toHaveLength(0);
  });

  it('leaves the table of a removed model and says so once; when its file is back, so are its rows', async () => {
    await apply(client, await sampleDataset());
    await runOnce();
    const without = await sampleDataset({ 'gold/summary.sql': undefined });
    const notices: string[] = [];
    await apply(client, without, (line) => notices.push(line));
    await apply(client, without, (line) => notices.push(line));
    expect(notices).toEqual(['gold.summary has no file any more; it stays in the database as it is, and no run writes it']);
    expect(await db.query('select from gold.summary')).not.toHaveLength(0);
    await runOnce(without);
    await apply(client, await sampleDataset());
    expect(await differences(db, await sampleDataset())).toEqual({});
  });

  it.each([
    ['a type that differs', replaced('silver/stg.sql', 'data_type: double precision', 'data_type: numeric'), 'sql/sample/silver/stg.sql:13:11: silver.stg.value is declared numeric, but the SELECT gives double precision'],
    ['a column that does not exist', replaced('silver/stg.sql', 'nullif(split_part(line', 'nullif(split_port(line'), /^sql\/sample\/silver\/stg.sql:17:112: silver.stg: function split_port\(text, unknown, integer\) does not exist/],
    ['a sum of floats', replaced('silver/daily.sql', 'sum(value::text::numeric)', 'sum(abs(value))'), 'sql/sample/silver/daily.sql:9:1: silver.daily.total is a sum of double precision, which depends on the order of rows'],
  ])('refuses %s, at its place', async (_what, changes, message) => {
    await expect((async () => apply(client, await sampleDataset(changes)))()).rejects.toThrow(message);
    expect(await db.query('select from ingot.datasets')).toHaveLength(0);
  });

  it('does not take over or drop what others have made', async () => {
    await db.query('create table gold.power (n int); create table silver.other (n int)');
    await expect(apply(client, await sampleDataset())).rejects.toThrow('a table gold.power exists already that Ingot has not made');
    await db.query('drop table gold.power');
    await apply(client, await sampleDataset());
    await db.query('create view public.report as select power from gold.power');
    const changed = await sampleDataset(replaced('silver/daily.sql', 'max(value) as most', 'max(value + 1) as most'));
    await expect(apply(client, changed)).rejects.toThrow(/gold.power is to be made anew, but cannot drop table gold.power because other objects depend on it: view public.report/);
  });

  it('does not run a dataset twice into rows after all of this', async () => {
    const dataset = await sampleDataset();
    await apply(client, dataset);
    await runOnce();
    await apply(client, dataset);
    await runOnce();
    expect(await differences(db, dataset)).toEqual({});
  });
});

describe('checkCluster', () => {
  it('takes the cluster of the watermarks, and refuses another with one line', async () => {
    await checkCluster(client);
    await db.query('update ingot.cluster set system_identifier = system_identifier + 1'); // as in a dump restored elsewhere
    const error = await checkCluster(client).catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ name: 'ClusterIdentityError' });
    expect((error as Error).message).toMatch(/^This database was restored from another PostgreSQL cluster .*$/);
  });
});

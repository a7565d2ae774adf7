import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { createTestDatabase, startTestCluster, type TestCluster, type TestDatabase } from '@ingot/testing';
import { apply } from '../src/apply.js';
import { listPartitions } from '../src/bronze-partitions.js';
import { adoptCluster, checkCluster } from '../src/cluster-identity.js';
import { readPlan } from '../src/plan.js';
import { run } from '../src/run.js';
import { differences } from './consistency.js';
import { burnTransactions, restoreInto } from './restore.js';
import { sampleDataset } from './sample-project.js';

const SOURCE_COUNTER = 8_000;
const HIGHER_COUNTER = 30_000;

let dataset: Dataset;
let clusters: { source: TestCluster; lower: TestCluster; higher: TestCluster };
let opened: TestDatabase[] = [];

beforeAll(async () => {
  dataset = await sampleDataset();
  const [source, lower, higher] = await Promise.all([startTestCluster({ durable: false }), startTestCluster({ durable: false }), startTestCluster({ durable: false })]);
  clusters = { source, lower, higher };
});
afterAll(() => Promise.all(Object.values(clusters).map((cluster) => cluster.stop())));
afterEach(async () => {
  await Promise.all(opened.map((database) => database.drop()));
  opened = [];
});

async function open(cluster: TestCluster): Promise<TestDatabase> {
  const database = await createTestDatabase(cluster.url);
  opened.push(database);
  await apply(await database.session(), dataset);
  return database;
}

const write = (database: TestDatabase, ...lines: string[]) => database.query(`with f as (insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'bronze.raw', ${lines.length})) insert into bronze.raw (device, line) select 'a', unnest($1::text[])`, [lines]);
const counter = async (database: TestDatabase) => Number((await database.query<{ now: string }>('select pg_snapshot_xmax(pg_current_snapshot())::text as now'))[0]!.now);
const values = async (database: TestDatabase) => (await database.query<{ value: number }>('select value from silver.stg order by value')).map(({ value }) => value);

async function refresh(database: TestDatabase) {
  const client = await database.session();
  return run(client, await readPlan(client, dataset), { maxRows: 1_000_000 });
}

/** Lines 1 to 4 seen, 5 in flight when the watermark was taken and committed since, 6 after it, 7 not committed. */
async function history(): Promise<TestDatabase> {
  const database = await open(clusters.source);
  await burnTransactions(database, Math.max(0, SOURCE_COUNTER - (await counter(database))));
  await write(database, '2030-01-01 V 1', '2030-01-01 C 2');
  await refresh(database);
  const [late, never] = [await database.session(), await database.session()];
  const insert = (line: string) => `begin; insert into bronze.raw (device, line) values ('a', '${line}')`;
  await late.query(insert('2030-01-01 V 5'));
  await never.query(insert('2030-01-01 V 7'));
  await write(database, '2030-01-01 V 3', '2030-01-01 C 4');
  await refresh(database);
  await late.query('commit');
  await write(database, '2030-01-02 V 6');
  const [state] = await database.query<{ xip: number }>('select cardinality(snapshot_xip) as xip from ingot.datasets');
  expect(state!.xip).toBe(2);
  return database;
}

async function restored(cluster: TestCluster, atLeast = 0): Promise<TestDatabase> {
  const source = await history();
  const target = await open(cluster);
  await restoreInto(target, source);
  await burnTransactions(target, Math.max(0, atLeast - (await counter(target))));
  return target;
}

describe('a database restored on another cluster', () => {
  it.each([
    ['a lower', () => restored(clusters.lower), (base: bigint) => base > 0n],
    ['a higher', () => restored(clusters.higher, HIGHER_COUNTER), (base: bigint) => base < 0n],
  ])('with %s transaction counter sees every row it had not seen exactly once', async (_counter, make, signOf) => {
    const target = await make();
    const client = await target.session();
    await expect(checkCluster(client)).rejects.toThrow(/was restored from another PostgreSQL cluster .* Run `ingot migrate`, which moves them\.$/);
    const base = await adoptCluster(client);
    expect(signOf(base!)).toBe(true);
    await checkCluster(client);
    expect(await adoptCluster(client)).toBeUndefined();

    expect(await refresh(target)).toMatchObject({ outcome: 'succeeded', rowsIn: 2, cut: false });
    expect(await values(target)).toEqual([1, 2, 3, 4, 5, 6]);
    const open = await target.session();
    await open.query(`begin; insert into bronze.raw (device, line) values ('a', '2030-01-03 V 8')`);
    await write(target, '2030-01-03 C 9');
    expect(await refresh(target)).toMatchObject({ rowsIn: 1 });
    await open.query('commit');
    expect(await refresh(target)).toMatchObject({ rowsIn: 1 });
    expect(await refresh(target)).toMatchObject({ rowsIn: 0 });
    expect(await values(target)).toEqual([1, 2, 3, 4, 5, 6, 8, 9]);
    expect(await differences(target, dataset)).toEqual({});
  });

  // The embedded server brings no pg_dump; where a whole PostgreSQL is named, its own is the judge of restoreInto().
  const pgDump = path.join(process.env.INGOT_TEST_PG_BIN ?? '', 'pg_dump');
  (process.env.INGOT_TEST_PG_BIN !== undefined && existsSync(pgDump) ? it : it.skip)('is the same with a dump made by pg_dump', async () => {
    const source = await history();
    const target = await createTestDatabase(clusters.lower.url);
    opened.push(target);
    await target.query('drop schema gold, silver, bronze, ingot cascade; drop table public.ingot_migrations');
    for (const [program, ...args] of [[pgDump, '--file', `${clusters.source.dir}.sql`, source.url], [path.join(path.dirname(pgDump), 'psql'), '--quiet', '--no-psqlrc', '--set', 'ON_ERROR_STOP=1', '--file', `${clusters.source.dir}.sql`, target.url]]) {
      expect(spawnSync(program!, args, { encoding: 'utf8' })).toMatchObject({ status: 0 });
    }
    const client = await target.session();
    await expect(checkCluster(client)).rejects.toThrow('was restored from another PostgreSQL cluster');
    await adoptCluster(client);
    await write(target, '2030-01-03 V 8');
    expect(await refresh(target)).toMatchObject({ rowsIn: 3 });
    expect(await values(target)).toEqual([1, 2, 3, 4, 5, 6, 8]);
    expect(await differences(target, dataset)).toEqual({});
  });

  it('hands out ids above those it has, writes above every stored transaction, and past no partition', async () => {
    const target = await restored(clusters.lower);
    await target.query(`select setval('bronze.raw_id', 1, false)`);
    await target.query(`insert into ingot.plans (dataset, identity, host, pid) values ('sample', 'i', 'h', 1)`);
    await target.query(`insert into ingot.shadows (dataset, relation, mark_xmax) values ('sample', 'silver.stg', 5000000)`);
    const client = await target.session();
    await adoptCluster(client);
    await write(target, '2030-01-09 V 10');
    const [row] = await target.query<{ above: boolean; ids: boolean; part: string; flush: boolean }>(
      `select ingest_xid > 5000000 as above, id > (select max(id) from bronze.raw where line not like '2030-01-09%') as ids, tableoid::regclass::text as part,
         (select max(ingest_xid) from bronze.flushes) = ingest_xid as flush
       from bronze.raw where line like '2030-01-09%'`,
    );
    expect(row).toEqual({ above: true, ids: true, flush: true, part: expect.not.stringMatching(/default/) });
    const { ranges } = await listPartitions(client, 'bronze.raw');
    const now = BigInt((await target.query<{ now: string }>('select pg_snapshot_xmax(pg_current_snapshot())::text::bigint + xid_base as now from ingot.cluster'))[0]!.now);
    expect(ranges.filter(({ lower }) => lower !== null && lower > now)).toHaveLength(2);
    expect(await refresh(target)).toMatchObject({ rowsIn: 3 });
  });

  it('makes a range of a default partition that holds rows', async () => {
    const target = await restored(clusters.lower);
    await target.query(`insert into bronze.raw (device, line, ingest_xid) values ('a', '2030-01-04 V 11', 90000000)`);
    expect(await target.query('select count(*)::int as n from bronze.raw_default')).toEqual([{ n: 1 }]);
    await adoptCluster(await target.session());
    expect(await target.query('select count(*)::int as n from bronze.raw_default')).toEqual([{ n: 0 }]);
    await write(target, '2030-01-04 C 12');
    expect(await target.query(`select count(*)::int as n from bronze.raw_default`)).toEqual([{ n: 0 }]);
    expect(await refresh(target)).toMatchObject({ rowsIn: 4 });
    expect(await values(target)).toEqual([1, 2, 3, 4, 5, 6, 11, 12]);
  });

  it('is moved once by two starters, after whoever still writes with the old numbers, and while no run works', async () => {
    const target = await restored(clusters.lower);
    const [writer, runner] = [await target.session(), await target.session()];
    await writer.query(`begin; insert into bronze.raw (device, line) values ('a', '2030-01-05 V 13')`);
    await runner.query(`begin; select from ingot.datasets for update`);
    const starters = [await target.session('starter'), await target.session('starter')].map((client) => adoptCluster(client));
    const waits = async (what: string) => {
      for (let found = false; !found; ) found = (await target.query(`select from pg_stat_activity where datname = current_database() and application_name = 'starter' and wait_event_type = 'Lock' and query ~ '${what}'`)).length > 0;
    };
    await waits('from ingot.datasets');
    await runner.query('commit');
    await waits('^lock table');
    await writer.query('commit');
    const bases = await Promise.all(starters);
    expect(bases.filter((base) => base !== undefined)).toHaveLength(1);
    await write(target, '2030-01-05 C 14');
    expect(await refresh(target)).toMatchObject({ rowsIn: expect.any(Number) });
    expect(await refresh(target)).toMatchObject({ rowsIn: 0 });
    expect(await target.query(`select (select max(ingest_xid) from bronze.raw where line like '% C 14') > (select ingest_xid from bronze.raw where line like '% V 13') as above`)).toEqual([{ above: true }]);
  });

  it('leaves everything as it was when a table stays in use', async () => {
    const target = await restored(clusters.lower);
    const reader = await target.session();
    await reader.query('begin; lock table bronze.raw in access share mode');
    const before = await target.query('select * from ingot.cluster');
    const client = await target.session();
    await client.query(`set lock_timeout = '1ms'`);
    const dying = adoptCluster(client);
    dying.catch(() => undefined);
    for (let cut = false; !cut; ) cut = (await target.query(`select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query ~ '^lock table'`)).length > 0;
    await expect(dying).rejects.toMatchObject({ code: '57014' });
    expect(await target.query('select * from ingot.cluster')).toEqual(before);
    await reader.query('rollback');
    await adoptCluster(client);
    expect(await refresh(target)).toMatchObject({ rowsIn: 2 });
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { listPartitions } from '../src/bronze-partitions.js';
import { sourceFreshness } from '../src/data-tests/source-freshness.js';
import { liveProject, replaced, someLines, type LiveProject } from './apply/live-project.js';
import { sampleDataset } from './sample-project.js';

const NOT_ALLOWED = '42501'; // insufficient_privilege
const FLUSH = '01900000-0000-7000-8000-000000000001';

const TABLE_SEED = { 'seeds/rooms.csv': 'device,room\na,kitchen\n', 'seeds/rooms.yml': 'description: rooms\nunique_key: [device]\ncolumns:\n  - {name: device, data_type: text}\n  - {name: room, data_type: text}\n' };

describe('the roles of the services', () => {
  let project: LiveProject & { dataset: Awaited<ReturnType<typeof sampleDataset>> };
  let as: Record<'ingest' | 'read' | 'run', Client>;
  beforeAll(async () => {
    project = await liveProject(TABLE_SEED);
    await project.flush(someLines(20));
    await project.runAll(project.dataset);
    const { db } = project;
    as = { ingest: await db.session('ingest', 'ingest'), read: await db.session('read', 'read'), run: await db.session('run', 'run') };
    // What an analyst with rights of his own may have left: a function that writes, and one that lends its owner's rights.
    await db.query(`
      create function public.writes() returns int language sql volatile as $$ insert into gold.power (day, device, power, _run_id) values ('2031-01-01', 'x', 1, 1) returning 1 $$;
      create function public.counts() returns bigint language sql stable security definer as $$ select count(*) from silver.stg $$`);
  });
  afterAll(() => project.db.drop());

  /** Each in a transaction of its own that ends in ROLLBACK, writable whatever the login's default is. */
  async function refusal(client: Client, statement: string): Promise<string> {
    await client.query('begin read write');
    try {
      await client.query(statement);
      return 'done';
    } catch (error) {
      return String((error as { code?: string }).code);
    } finally {
      await client.query('rollback');
    }
  }
  const refused = (statements: readonly string[]) => statements.map((statement) => [statement] as const);

  const NOBODY = [
    'select * from ingot.secrets', 'select * from ingot.api_keys', 'delete from ingot.api_keys', `update ingot.cluster set xid_base = 1`,
    'delete from bronze.raw', `update bronze.raw set line = ''`, 'truncate bronze.raw', 'drop table bronze.raw', 'alter table bronze.raw add column x int', 'alter table bronze.raw owner to current_user',
    'delete from bronze.flushes', 'truncate bronze.flushes', `update bronze.flushes set ingest_xid = 1`, 'create table bronze.mine (x int)', 'create table ingot.mine (x int)', 'create table public.mine (x int)',
    'create schema mine', 'drop schema gold cascade', `alter table bronze.raw detach partition bronze.raw_default`, `insert into bronze.raw_default (line) values ('x')`, 'drop function ingot.grant_rights()',
    'delete from ingot.datasets', `insert into ingot.datasets (name) values ('mine')`, 'delete from ingot.runs', `select setval('bronze.raw_id', 1)`,
    'set role ingot', 'set role postgres', 'grant ingot_run to current_user', 'create role mine', 'alter role current_user superuser', 'create extension dblink', 'create extension file_fdw',
    `copy (select 1) to program 'true'`, `copy bronze.raw (line) from program 'echo 1 V 1'`, `copy (select 1) to '/tmp/ingot-never'`, `copy bronze.raw (line) from '/etc/passwd'`, `select pg_read_file('/etc/passwd')`,
    `select pg_ls_dir('/')`, `select lo_import('/etc/passwd')`, 'select pg_reload_conf()', 'select pg_switch_wal()', `create function public.mine() returns int language sql security definer as 'select 1'`,
    'create function public.mine() returns int language c as $$x$$', 'create publication mine for all tables', 'create event trigger mine on ddl_command_end execute function public.writes()',
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'ingot' limit 1`, 'create materialized view gold.mine as select 1',
  ];

  describe('ingest', () => {
    it.each(refused([
      ...NOBODY,
      'select * from bronze.raw', 'select line from bronze.raw', 'select * from bronze.flushes', 'select source from bronze.flushes', 'insert into bronze.raw (line) values ($$1 V 1$$) returning line', 'copy bronze.raw to stdout',
      'select * from silver.stg', 'select * from gold.power', 'select * from seeds.rooms', 'select * from ingot.runs', 'select * from ingot.quarantine', 'select * from ingot.datasets', 'select * from ingot.idempotency_keys',
      'select flush_id from ingot.idempotency_keys', 'delete from ingot.idempotency_keys', `update ingot.idempotency_keys set status = 1`, `update bronze.flushes set source = 'x'`, 'insert into gold.power (power) values (1)',
      'create temporary table mine (x int)', 'select public.writes()', 'set role ingot_run', 'set role ingot_read', `lock table bronze.raw in access exclusive mode`,
    ]))('may not: %s', async (statement) => {
      expect(await refusal(as.ingest, statement)).toBe(NOT_ALLOWED);
    });

    it('may store a flush with its ledgers, and settle it', async () => {
      const { ingest } = as;
      await ingest.query(`begin; insert into bronze.flushes (flush_id, source, lines, bytes) values ('${FLUSH}', 'bronze.raw', 1, 5)`);
      const key = `insert into ingot.idempotency_keys as k (device, key, body_hash, flush_id, status) values ('a', 'k', 'x', '${FLUSH}', 200) on conflict (device, key) do nothing returning k.device, k.key, k.body_hash`;
      expect((await ingest.query(key)).rowCount).toBe(1);
      expect((await ingest.query(`select device, key, body_hash from ingot.idempotency_keys where device = 'a'`)).rowCount).toBe(1);
      await ingest.query(`insert into bronze.raw (device, line) values ('a', '2030-02-01 V 1'); commit`);
      expect((await ingest.query(`update bronze.flushes set lines = lines where flush_id = '${FLUSH}' returning lines`)).rows).toEqual([{ lines: 1 }]);
    });
  });

  describe('read', () => {
    it.each(refused([
      ...NOBODY,
      'insert into gold.power (power) values (1)', 'update silver.stg set value = 0', 'delete from gold.power', 'truncate gold.power', 'drop table gold.power',
      'select * from silver.stg for update', 'lock table silver.stg in row exclusive mode', 'create table gold.mine (x int)', 'create temporary table mine (x int)', 'create view silver.mine as select 1 as x',
      `insert into bronze.raw (line) values ('x')`, `select nextval('bronze.raw_id')`, 'select public.writes()', 'select * from ingot.idempotency_keys', 'select * from bronze.flushes', `update ingot.quarantine set replay = true`,
      `update ingot.datasets set run_id = 0`, 'set role ingot_run', 'set role ingot_ingest', 'alter table gold.power owner to current_user',
    ]))('may not: %s', async (statement) => {
      expect(await refusal(as.read, statement)).toBe(NOT_ALLOWED);
    });

    it('sees models, seeds and sources, and what ran', async () => {
      for (const relation of ['silver.stg', 'silver.daily', 'gold.power', 'seeds.rooms', 'bronze.raw', 'ingot.datasets', 'ingot.runs', 'ingot.run_steps', 'ingot.quarantine']) {
        await as.read.query(`select from ${relation} limit 1`);
      }
      expect((await as.read.query<{ n: number }>('select count(*)::int as n from silver.stg')).rows[0]!.n).toBeGreaterThan(0);
    });
  });

  describe('run', () => {
    it.each(refused([
      ...NOBODY.filter((statement) => statement !== 'drop schema gold cascade' && !statement.startsWith('create materialized')),
      `insert into bronze.raw (line) values ('x')`, `insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'x', 1)`, 'select * from bronze.raw for update', `update bronze.flushes set lines = 0`,
      'select * from ingot.idempotency_keys', 'lock table bronze.raw in exclusive mode', 'update seeds.rooms set room = null', 'create table seeds.mine (x int)', 'update ingot.seeds set code_hash = null', 'delete from ingot.shadows', 'set role ingot_ingest',
    ]))('may not: %s', async (statement) => {
      expect(await refusal(as.run, statement)).toBe(NOT_ALLOWED);
    });

    it('looks for the newest line in each partition, in those made ahead of the counter too', async () => {
      const { dataset, client } = project;
      for (const partition of [...(await listPartitions(client, 'bronze.raw')).ranges, { name: 'raw_default' }]) await as.run.query(`select from bronze.${partition.name} limit 1`);
      await client.query(`create table bronze.raw_later (like bronze.raw including defaults); alter table bronze.raw attach partition bronze.raw_later for values from (9000000000) to (9000000001)`);
      await as.run.query('select from bronze.raw_later');
      await expect(as.read.query('select from bronze.raw_later')).rejects.toMatchObject({ code: NOT_ALLOWED });
      await expect(as.run.query('insert into bronze.raw_later (line) values (1)')).rejects.toMatchObject({ code: NOT_ALLOWED });
      expect(await sourceFreshness(as.run, dataset.sources[0]!)).toMatchObject({ newest: expect.any(String) });
    });

    it('owns silver and gold with what is in them, and nothing else', async () => {
      const { rows } = await as.run.query(
        `select distinct nspname, pg_get_userbyid(nspowner) as schema_owner, pg_get_userbyid(relowner) as owner from pg_class as c join pg_namespace as n on n.oid = relnamespace
         where nspname in ('bronze', 'silver', 'gold', 'ingot', 'seeds') and relkind in ('r', 'p', 'v') order by 1`,
      );
      const owned = (nspname: string, owner: string) => ({ nspname, schema_owner: owner, owner });
      expect(rows).toEqual([owned('bronze', 'ingot'), owned('gold', 'ingot_run'), owned('ingot', 'ingot'), owned('seeds', 'ingot'), owned('silver', 'ingot_run')]);
    });
  });

  it.each(['ingest', 'read', 'run'] as const)('%s may not change the settings of the server', async (login) => {
    await expect(as[login].query('alter system set fsync = off')).rejects.toMatchObject({ code: NOT_ALLOWED });
  });

  it('none of the logins has a power of its own', async () => {
    const roles = await project.db.query(`select rolname from pg_roles where rolname ~ '^(ingot|test)_(ingest|read|run)$' and (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls)`);
    expect(roles).toEqual([]);
  });

  it('read what apply makes: a new model, and one that took the place of another', async () => {
    const rebuilt = replaced('silver/stg.sql', "split_part(line, ' ', 2) as metric", "lower(split_part(line, ' ', 2)) as metric");
    const more = await sampleDataset({ ...TABLE_SEED, ...rebuilt, 'gold/devices.sql': '/* ---\ndescription: devices\nmaterialized: table\nunique_key: [device]\n--- */\nselect device, count(*) as n from silver.stg group by 1\n', 'gold/seen.sql': '/* ---\ndescription: a view\nmaterialized: view\n--- */\nselect device from gold.devices\n' });
    await apply(project.client, more);
    await project.flush(['2030-03-01 V 7'], 'b');
    await project.runAll(more);
    const read = async (text: string): Promise<unknown[]> => (await as.read.query<Record<string, unknown>>(text)).rows;
    expect(await read(`select device from gold.seen where device = 'b'`)).toEqual([{ device: 'b' }]);
    expect(await read(`select distinct metric from silver.stg where device = 'b'`)).toEqual([{ metric: 'v' }]);
    expect(await refusal(as.read, 'delete from gold.devices')).toBe(NOT_ALLOWED);
    expect(await project.differences(more)).toEqual({});
  });
});

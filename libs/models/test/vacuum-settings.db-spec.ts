import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestCluster, type TestCluster } from '@ingot/testing';
import { listPartitions } from '../src/bronze-partitions.js';
import { maintain } from '../src/maintenance.js';
import { liveProject } from './apply/live-project.js';
import { closePartition } from './retention/closed-bronze.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster({ durable: false, settings: { autovacuum_naptime: '1s' } });
});
afterAll(() => cluster.stop());

let project: Awaited<ReturnType<typeof liveProject>>;
beforeEach(async () => {
  project = await liveProject({}, cluster.url);
});
afterEach(() => project.db.drop());

const NEVER = ['autovacuum_vacuum_insert_threshold=-1'];

const keep = () => maintain(project.client, project.dataset, { historyDays: 30 });
const optionsOf = async (table: string) => (await project.db.query<{ options: string[] | null }>('select reloptions as options from pg_class where oid = $1::regclass', [table]))[0]?.options;

describe('autovacuum', () => {
  it('leaves bronze alone while it grows, and comes to silver', async () => {
    await keep();
    await project.db.query(`insert into bronze.raw (device, line) select 'a', '2030-01-01 V ' || g from generate_series(1, 150000) as g`);
    await project.runAll(project.dataset);
    const visited = async () => (await project.db.query<{ name: string }>(`select relname as name from pg_stat_user_tables where autovacuum_count > 0 and schemaname in ('bronze', 'silver') and n_live_tup > 100000`)).map(({ name }) => name);
    for (const end = Date.now() + 60_000; !(await visited()).includes('stg') && Date.now() < end; ) await sleep(100);
    await sleep(2_500); // two more rounds of autovacuum, which takes all tables that are due
    expect(await visited()).toEqual(['stg']);
  });

  it('is given a bronze partition back when that is closed', async () => {
    await keep();
    const names = (await listPartitions(project.client, 'bronze.raw')).ranges.map(({ name }) => name);
    for (const name of [...names, 'raw_default']) expect(await optionsOf(`bronze.${name}`)).toEqual(NEVER);
    const closed = await closePartition(project, project.dataset);
    await keep();
    expect(await optionsOf(`bronze.${closed}`)).toBeNull();
    const { ranges } = await listPartitions(project.client, 'bronze.raw');
    for (const { name } of ranges.filter((range) => range.name !== closed)) expect(await optionsOf(`bronze.${name}`)).toEqual(NEVER);
  });

  it('keeps what people have set', async () => {
    await project.db.query('alter table bronze.raw_first set (autovacuum_vacuum_insert_threshold = 5000); alter table bronze.raw_default set (autovacuum_enabled = off)');
    await keep();
    expect(await optionsOf('bronze.raw_first')).toEqual(['autovacuum_vacuum_insert_threshold=5000']);
    expect(await optionsOf('bronze.raw_default')).toEqual(['autovacuum_enabled=off']);
  });

  it('of a table in use is seen to the next time, that of the others now', async () => {
    const holder = await project.db.session();
    await holder.query('begin; lock table bronze.raw_first in share update exclusive mode');
    await keep();
    expect(await optionsOf('bronze.raw_first')).toBeNull();
    expect(await optionsOf('bronze.raw_default')).toEqual(NEVER);
    await holder.query('commit');
    await keep();
    expect(await optionsOf('bronze.raw_first')).toEqual(NEVER);
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { apply } from '../src/apply.js';
import { dayWidth, listPartitions } from '../src/bronze-partitions.js';
import { BrinSummary } from '../src/brin-summary.js';
import { withLock } from '../src/dataset-lock.js';
import { maintain } from '../src/maintenance.js';
import { readPlan } from '../src/plan.js';
import { run } from '../src/run.js';
import { readState } from '../src/watermark.js';
import { differences } from './consistency.js';
import { sampleDataset } from './sample-project.js';

let db: TestDatabase;
let client: Client;
let dataset: Dataset;
beforeEach(async () => {
  db = await createTestDatabase();
  client = await db.session();
  dataset = await sampleDataset();
  await apply(client, dataset);
});
afterEach(() => db.drop());

const KEEP = { historyDays: 30 };
const place = () => db.query<{ place: string; n: number }>('select tableoid::regclass::text as place, count(*)::int as n from bronze.raw group by 1 order by 1');
const write = (xid: bigint | 'now' = 'now') =>
  xid === 'now' ? db.query(`insert into bronze.raw (line) values ('2030-01-01 V 1')`) : db.query(`insert into bronze.raw (ingest_xid, line) values ($1, '2030-01-01 V 1')`, [xid.toString()]);

describe('partitions', () => {
  it('are not made when there are enough', async () => {
    expect(await maintain(client, dataset, KEEP)).toMatchObject({ partitionsMade: [], absorbed: [] });
  });

  it('are made ahead, with the index, when the counter has come nearer', async () => {
    const { ranges } = await listPartitions(client, 'bronze.raw');
    await db.query(`alter table bronze.raw detach partition bronze.${ranges[2]?.name}`);
    await db.query(`drop table bronze.${ranges[2]?.name}`);
    const { partitionsMade } = await maintain(client, dataset, KEEP);
    expect(partitionsMade).toEqual([ranges[2]?.name]);
    expect(await db.query(`select reloptions as options from pg_class where relname like $1 and relkind = 'i'`, [`${partitionsMade[0]}%`])).toEqual([{ options: ['autosummarize=on'] }]);
    expect((await listPartitions(client, 'bronze.raw')).ranges).toEqual(ranges);
  });

  it('wait for the next time while a run reads the table', async () => {
    const { ranges } = await listPartitions(client, 'bronze.raw');
    await db.query(`drop table bronze.${ranges[2]?.name}`);
    const reader = await db.session();
    await reader.query('begin; select from bronze.raw');
    await expect(maintain(client, dataset, KEEP)).rejects.toMatchObject({ code: '55P03' });
    await reader.query('commit');
    expect((await maintain(client, dataset, KEEP)).partitionsMade).toHaveLength(1);
  });

  it('take over a default partition that holds rows: none moves, none is lost, and the next ones attach', async () => {
    const { ranges } = await listPartitions(client, 'bronze.raw');
    const end = ranges.at(-1)!.upper;
    await write();
    await write(end + 5n);
    await write(end + 7n);
    expect(await place()).toEqual([{ place: 'bronze.raw_default', n: 2 }, { place: 'bronze.raw_first', n: 1 }]);
    const [file] = await db.query(`select pg_relation_filenode('bronze.raw_default') as node`);
    expect((await maintain(client, dataset, KEEP)).absorbed).toEqual([`raw_p${end}`]);
    expect(await place()).toEqual([{ place: 'bronze.raw_first', n: 1 }, { place: `bronze.raw_p${end}`, n: 2 }]);
    expect(await db.query(`select pg_relation_filenode('bronze.raw_p${end}') as node`)).toEqual([file]);
    await write(10n ** 15n);
    expect(await maintain(client, dataset, KEEP)).toMatchObject({ absorbed: [expect.stringMatching(/^raw_p\d+$/)] });
    expect(await db.query('select from only bronze.raw_default')).toEqual([]);
    expect(await maintain(client, dataset, KEEP)).toMatchObject({ absorbed: [], partitionsMade: [] });
    expect(await db.query(`select conname from pg_constraint where conname = 'ingest_xid_range'`)).toEqual([]);
  });

  it('are exchanged by one session at a time: what two of them left made later rows look like bad data', async () => {
    const end = (await listPartitions(client, 'bronze.raw')).ranges.at(-1)!.upper;
    await write(end + 5n);
    const other = await db.session();
    const absorbed = await withLock(other, dataset.name, async () => (await maintain(client, dataset, KEEP)).absorbed);
    expect(absorbed).toEqual([]);
    const both = await Promise.all([client, other].map((session) => maintain(session, dataset, KEEP)));
    expect(both.flatMap((report) => report.absorbed)).toHaveLength(1);
    expect(await db.query(`select conname from pg_constraint where conname = 'ingest_xid_range'`)).toEqual([]);
    await write(10n ** 15n);
  });

  it('go on from an attempt that was cut short', async () => {
    const end = (await listPartitions(client, 'bronze.raw')).ranges.at(-1)!.upper;
    await write(end + 5n);
    await db.query(`alter table bronze.raw_default add constraint ingest_xid_range check (ingest_xid < ${end + 6n}) not valid`);
    expect((await maintain(client, dataset, KEEP)).absorbed).toHaveLength(1);
  });

  it('are a day wide by the rate of the last day', async () => {
    expect(await dayWidth(client, dataset.name, 5_000n)).toBe(1_000_000n);
    await db.query(`insert into ingot.runs (dataset, run_id, status, started_at, finished_at, xid) values ('sample', 1, 'succeeded', now() - interval '1 hour', now() - interval '1 hour', 5000)`);
    const width = await dayWidth(client, dataset.name, 5_000n + 3_600n * 100n); // 100 a second
    expect(Number(width)).toBeGreaterThan(8_600_000);
    expect(Number(width)).toBeLessThan(8_660_000);
  });

  it('are read across by a run', async () => {
    const end = (await listPartitions(client, 'bronze.raw')).ranges.at(-1)!.upper;
    await write();
    const plan = await readPlan(client, dataset);
    await run(client, plan, { maxRows: 10 });
    await write(end + 5n); // ahead of every snapshot: not taken yet, and not lost
    await write();
    expect(await run(client, plan, { maxRows: 10 })).toMatchObject({ rowsIn: 1 });
  });
});

describe('the ledgers', () => {
  const flush = (id: string) => db.query(`insert into bronze.flushes (flush_id, source, lines) values ($1, 'bronze.raw', 1)`, [id]);
  const old = () => uuidv7({ msecs: Date.now() - 2 * 3_600_000 });

  it('lose flush rows that the watermark is past, when nobody can still ask for them', async () => {
    await flush(old());
    await flush(uuidv7());
    const plan = await readPlan(client, dataset);
    const [flushed] = await db.query<{ xid: string }>('select max(ingest_xid) as xid from bronze.flushes');
    // Transactions in other databases of the server hold the watermark back, too.
    for (let past = false; !past; ) {
      await run(client, plan, { maxRows: 10 });
      const { seen } = (await readState(client, dataset.name))!;
      past = seen.xip.every((xid) => xid > BigInt(flushed!.xid));
    }
    await flush(old()); // not taken by a run yet
    expect((await maintain(client, dataset, KEEP)).flushesDeleted).toBe(1);
    expect(await db.query('select from bronze.flushes')).toHaveLength(2);
  });

  it('lose keys after 24 hours and runs after the days asked for, but never the last one', async () => {
    const key = (hours: number) =>
      db.query(`insert into ingot.idempotency_keys (device, key, body_hash, flush_id, status, created_at) values ('a', $1::int::text, '', gen_random_uuid(), 200, now() - make_interval(hours => $1::int))`, [hours]);
    await key(23);
    await key(25);
    await db.query(`insert into ingot.runs (dataset, run_id, status, started_at, finished_at) select 'sample', n, 'succeeded', now() - interval '40 days', now() - interval '40 days' from generate_series(1, 6000) as n`);
    await db.query(`insert into ingot.run_steps select id, 1, 'm', 'append', 0, 0, 0 from ingot.runs`);
    expect(await maintain(client, dataset, KEEP)).toMatchObject({ keysDeleted: 1, runsDeleted: 5_999 });
    expect(await db.query('select run_id from ingot.runs join ingot.run_steps on run = id')).toEqual([{ run_id: '6000' }]);
    expect(await maintain(client, dataset, KEEP)).toMatchObject({ keysDeleted: 0, runsDeleted: 0 });
  });
});

describe('BrinSummary', () => {
  it.each(['share update exclusive', 'exclusive'])('summarises full ranges of bronze and of growing tables once, and passes over a table with a lock in mode %s', async (mode) => {
    await db.query(`insert into bronze.raw (device, line) select 'a', '2030-01-01 V ' || g from generate_series(1, 40000) as g`);
    await run(client, await readPlan(client, dataset), { maxRows: 100_000 });
    const left = async (table: string, index: string) => (await db.query<{ n: number }>(`select brin_summarize_new_values('${index}') as n, '${table}' as t`))[0]?.n;
    const summary = new BrinSummary();
    const holder = await db.session();
    await holder.query(`begin; lock table silver.stg in ${mode} mode`);
    expect(await summary.summarise(client, ['bronze.raw'], ['silver.stg'])).toBe(false);
    // What is left for brin_summarize_new_values is the last range, not full, of each.
    expect(await left('bronze.raw_first', 'bronze.raw_first_ingest_xid_idx')).toBeLessThanOrEqual(1);
    await holder.query('commit');
    expect(await summary.summarise(client, ['bronze.raw'], ['silver.stg'])).toBe(true);
    expect(await left('silver.stg', 'silver.stg_run_id_idx')).toBeLessThanOrEqual(1);
    expect(await differences(db, dataset)).toEqual({});
  });
});

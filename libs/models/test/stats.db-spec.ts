import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { apply } from '../src/apply.js';
import { maintain } from '../src/maintenance.js';
import { readPlan } from '../src/plan.js';
import { run } from '../src/run.js';
import { readBacklogs } from '../src/stats/backlog.js';
import { readDatasetStats } from '../src/stats/dataset-stats.js';
import { readModelStates } from '../src/stats/model-states.js';
import { readSourceCounts, sumUpFlushes } from '../src/stats/source-counts.js';
import { readState } from '../src/watermark.js';
import { SAMPLE, sampleDataset, STOPPED_BY_DATA } from './sample-project.js';

const RAW = 'bronze.raw';
const HOUR = 3_600_000;

let db: TestDatabase;
let client: Client;
let dataset: Dataset;
beforeAll(async () => {
  db = await createTestDatabase();
  client = await db.session();
  dataset = await sampleDataset();
  await apply(client, dataset);
  await db.query('create table public.first as select * from ingot.datasets');
});
beforeEach(async () => {
  await db.query('truncate bronze.raw, bronze.flushes, silver.stg, silver.daily, gold.power, gold.summary, ingot.source_counts, ingot.quarantine, ingot.runs cascade');
  await db.query('update ingot.datasets as d set run_id = 0, snapshot_xmax = first.snapshot_xmax, snapshot_xip = first.snapshot_xip from public.first as first');
});
afterAll(() => db.drop());

/** As ingest writes it: `lines` rows and their flush row, in one transaction when `by` has one open. */
async function flush(lines: number, { by = client, bytes = 10 * lines, rows = lines, madeAt = Date.now(), source = RAW }: { by?: Client; bytes?: number; rows?: number; madeAt?: number; source?: string } = {}): Promise<void> {
  await by.query(
    `with f as (insert into bronze.flushes (flush_id, source, lines, bytes) values ($1, $2, $3, $4))
     insert into bronze.raw (line) select '2030-01-01 V 1' from generate_series(1, $5)`,
    [uuidv7({ msecs: madeAt }), source, lines, bytes, rows],
  );
}
const stored = async () => {
  const { lines, bytes } = (await readSourceCounts(client, [RAW])).get(RAW)!;
  return [Number(lines), Number(bytes)];
};
const ledger = async () => (await db.query<{ n: number }>('select count(*)::int as n from bronze.flushes'))[0]!.n;

describe('what a source has stored', () => {
  it('is counted once, also what commits after it was begun before the sum', async () => {
    const [early, late] = [await db.session(), await db.session()];
    await early.query('begin');
    await flush(2, { by: early });
    await late.query('begin');
    await flush(3, { by: late });
    await late.query('commit');
    expect(await stored()).toEqual([3, 30]);
    await sumUpFlushes(client, [RAW]);
    expect(await stored()).toEqual([3, 30]);
    await early.query('commit'); // its transaction is older than one that is in the sum
    expect(await stored()).toEqual([5, 50]);
    await sumUpFlushes(client, [RAW]);
    await sumUpFlushes(client, [RAW]);
    expect(await stored()).toEqual([5, 50]);
  });

  it('leaves out fences, other sources and what was rolled back', async () => {
    await flush(4);
    await flush(-1, { bytes: 0, rows: 0 });
    await flush(7, { source: 'bronze.other', rows: 0 });
    const other = await db.session();
    await other.query('begin');
    await flush(9, { by: other });
    await other.query('rollback');
    await sumUpFlushes(client, [RAW]);
    expect(await stored()).toEqual([4, 40]);
    expect((await readSourceCounts(client, [RAW])).get(RAW)!.since).toBeNull();
  });

  /** Runs until the watermark is past every flush: transactions in other databases of the server hold it back, too. */
  async function runPast(): Promise<void> {
    const [flushed] = await db.query<{ xid: string }>('select max(ingest_xid) as xid from bronze.flushes');
    for (let past = false; !past; ) {
      await run(client, await readPlan(client, dataset), { maxRows: 100 });
      past = (await readState(client, dataset.name))!.seen.xip.every((xid) => xid > BigInt(flushed!.xid));
    }
  }

  it('stays when the rows of the ledger go, and none goes that is not in the sum', async () => {
    await flush(2, { madeAt: Date.now() - 3 * HOUR });
    await runPast();
    const open = await db.session();
    await open.query('begin');
    await flush(3, { by: open, madeAt: Date.now() - 3 * HOUR });
    const first = await maintain(client, dataset, { historyDays: 30 });
    await open.query('commit');
    expect(first).toMatchObject({ flushesDeleted: 1 });
    await runPast();
    expect([await ledger(), await stored()]).toEqual([1, [5, 50]]);
    expect(await maintain(client, dataset, { historyDays: 30 })).toMatchObject({ flushesDeleted: 1 });
    expect([await ledger(), await stored()]).toEqual([0, [5, 50]]);
  });

  it('is exact also when the ledger is summed up and cleared while it is read', async () => {
    await flush(2, { madeAt: Date.now() - 3 * HOUR });
    await run(client, await readPlan(client, dataset), { maxRows: 100 });
    const reader = await db.session();
    const query = reader.query.bind(reader) as (...given: unknown[]) => Promise<unknown>;
    reader.query = (async (text: string, ...rest: unknown[]) => {
      const result = await query(text, ...rest);
      // Again while a transaction of another test, in another database, is older than the flush.
      while (text.includes('from ingot.source_counts') && (await ledger()) > 0) {
        await run(client, await readPlan(client, dataset), { maxRows: 100 });
        await maintain(client, dataset, { historyDays: 30 });
      }
      return result;
    }) as never;
    expect((await readSourceCounts(reader, [RAW])).get(RAW)).toMatchObject({ lines: 2n, bytes: 20n });
    expect(await ledger()).toBe(0);
  });

  it('is summed up by one of several at once', async () => {
    for (let i = 0; i < 20; i++) await flush(1);
    const sessions = await Promise.all(Array.from({ length: 4 }, () => db.session()));
    for (let i = 0; i < 5; i++) {
      await flush(1);
      await Promise.all(sessions.map((session) => sumUpFlushes(session, [RAW])));
    }
    expect(await stored()).toEqual([25, 250]);
  });
});

describe('the backlog', () => {
  const backlog = async () => (await readBacklogs(client, dataset, (await readState(client, 'sample'))!.seen)).get(RAW)!;

  it('is what no run has taken, with the age of the oldest', async () => {
    expect(await backlog()).toEqual({ lines: 0, isExact: true, ageMs: 0 });
    await db.query(`insert into bronze.raw (line, received_at) values ('2030-01-01 V 1', now() - interval '90 s'), ('2030-01-01 V 2', now())`);
    const found = await backlog();
    expect(found).toMatchObject({ lines: 2, isExact: true });
    expect(found.ageMs / 1_000).toBeCloseTo(90, -1);
    await run(client, await readPlan(client, dataset), { maxRows: 100 });
    expect(await backlog()).toEqual({ lines: 0, isExact: true, ageMs: 0 });
  });

  it('is told exactly by the flush ledger when it is large, else as "at least"', async () => {
    await flush(25_000);
    expect(await backlog()).toMatchObject({ lines: 25_000, isExact: true });
    await db.query('delete from bronze.flushes');
    expect(await backlog()).toMatchObject({ lines: 10_001, isExact: false });
  });
});

describe('the figures of a dataset', () => {
  it('are undefined for one that the database does not hold', async () => {
    expect(await readDatasetStats(client, await sampleDataset({}, 'other'))).toBeUndefined();
  });

  it('tell the last success, the last failure and whether it is over', async () => {
    expect(await readDatasetStats(client, dataset)).toMatchObject({ runId: null, watermarkAt: null, lastSuccess: null, lastFailure: null, isApplied: true });
    await flush(2);
    await run(client, await readPlan(client, dataset), { maxRows: 100 });
    const [{ id }] = (await db.query<{ id: number }>(`insert into ingot.runs (dataset, status, started_at, finished_at, error) values ('sample', 'failed', now(), now(), '{"model":"silver.stg","message":"no"}') returning id::float8 as id`)) as [{ id: number }];
    const failing = await readDatasetStats(client, dataset);
    expect(failing).toMatchObject({ runId: 1n, lastSuccess: { runId: 1, rowsIn: 2, cut: false }, lastFailure: { id, model: 'silver.stg', message: 'no', attempts: 1, isOpen: true } });
    expect(failing!.sources).toMatchObject([{ stored: { lines: 2n, bytes: 20n, since: null }, quarantined: { rows: 0, isExact: true }, backlog: { lines: 0 }, freshness: { outcome: 'passed' } }]);
    await run(client, await readPlan(client, dataset), { maxRows: 100 });
    expect(await readDatasetStats(client, dataset)).toMatchObject({ runId: 2n, lastFailure: { id, isOpen: false } });
    expect(await readDatasetStats(client, await sampleDataset(STOPPED_BY_DATA))).toMatchObject({ isApplied: false });
  });

  it('count quarantine to a bound', async () => {
    const put = (n: number) => db.query(`insert into ingot.quarantine (dataset, model, input, input_row, reasons, run_id, code_hash) select 'sample', 'silver.stg', '${RAW}', '{}', '{x}', 1, 'x' from generate_series(1, $1)`, [n]);
    await put(3);
    expect((await readDatasetStats(client, dataset))!.sources[0]!.quarantined).toEqual({ rows: 3, isExact: true });
    await put(10_000);
    expect((await readDatasetStats(client, dataset))!.sources[0]!.quarantined).toEqual({ rows: 10_000, isExact: false });
  });
});

describe('the states of models', () => {
  it('tell whether their code is applied and what the last run did to each', async () => {
    await flush(2);
    await run(client, await readPlan(client, dataset), { maxRows: 100 });
    const now = await readModelStates(client, dataset);
    expect(now.get('silver.stg')).toMatchObject({ code: 'applied', lastStep: { runId: 1, rowsWritten: 2, rowsDeleted: 0, quarantined: 0 }, refreshedAt: null });
    const changed = await readModelStates(client, await sampleDataset({ 'silver/stg.sql': SAMPLE['silver/stg.sql']!.replace("' ', 2) as", "' ', 2) || '' as"), 'gold/new.sql': '/* ---\nmaterialized: view\n--- */\nselect day from silver.stg\n' }));
    expect([...changed].map(([name, { code }]) => [name, code])).toEqual(expect.arrayContaining([['silver.stg', 'changed'], ['silver.daily', 'applied'], ['gold.new', 'not applied']]));
    expect(changed.get('gold.new')).toMatchObject({ appliedHash: null, lastStep: null });
  });
});

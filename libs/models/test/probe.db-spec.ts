import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, startTestCluster, type TestCluster, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { hasUnseen } from '../src/probe.js';
import { readState, unseenRows } from '../src/watermark.js';
import { sampleDataset } from './sample-project.js';

describe('the idle probe', () => {
  // A server of its own: transaction ids and WAL are those of all its databases.
  let cluster: TestCluster;
  let db: TestDatabase;
  let client: Client;
  beforeAll(async () => {
    cluster = await startTestCluster({ durable: false });
    db = await createTestDatabase(cluster.url);
    client = await db.session();
    await apply(client, await sampleDataset());
  });
  afterAll(async () => {
    await db.drop();
    await cluster.stop();
  });

  const seenNow = async () => (await readState(client, 'sample'))!.now;

  it('sees a committed row outside the watermark, and nothing else', async () => {
    const before = await seenNow();
    expect(await hasUnseen(client, ['bronze.raw'], before)).toBe(false);
    await db.query(`insert into bronze.raw (line) values ('x')`);
    expect(await hasUnseen(client, ['bronze.raw'], before)).toBe(true);
    expect(await hasUnseen(client, ['bronze.raw'], await seenNow())).toBe(false);
    expect(await hasUnseen(client, [], before)).toBe(false);
  });

  it('sees a row whose transaction was open when the watermark was taken, once it commits', async () => {
    const writer = await db.session();
    await writer.query('begin');
    await writer.query(`insert into bronze.raw (line) values ('late')`);
    await db.query(`insert into bronze.raw (line) values ('early')`); // so that the late one is below xmax
    const seen = await seenNow();
    expect(seen.xip).toHaveLength(1);
    expect(await hasUnseen(client, ['bronze.raw'], seen)).toBe(false);
    await writer.query('commit');
    expect(await hasUnseen(client, ['bronze.raw'], seen)).toBe(true);
  });

  it('takes no transaction id, no row lock and writes no WAL', async () => {
    const seen = await seenNow();
    await hasUnseen(client, ['bronze.raw'], seen);
    const state = async () => (await db.query<{ lsn: string; next: string }>('select pg_current_wal_insert_lsn()::text as lsn, pg_snapshot_xmax(pg_current_snapshot())::text as next'))[0];
    // The server's background processes write too: one quiet stretch is proof enough.
    for (let attempt = 1; ; attempt++) {
      const before = await state();
      for (let i = 0; i < 100; i++) expect(await hasUnseen(client, ['bronze.raw'], seen)).toBe(false);
      const after = await state();
      if (attempt < 20 && JSON.stringify(after) !== JSON.stringify(before)) continue;
      expect(after).toEqual(before);
      break;
    }
    await client.query('begin');
    await client.query(`set local enable_seqscan = off`);
    await client.query(`select exists (select from bronze.raw where ${unseenRows('ingest_xid', seen)})`);
    const { rows } = await client.query('select pg_current_xact_id_if_assigned() as xid');
    await client.query('commit');
    expect(rows).toEqual([{ xid: null }]);
  });

  it('reads the newest partitions by their BRIN, also when statistics say the table is small', async () => {
    const seen = await seenNow();
    await client.query('analyze bronze.raw');
    await client.query('set enable_seqscan = off');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain select exists (select from bronze.raw where ${unseenRows('ingest_xid', { ...seen, xip: [seen.xmax - 1n] })})`);
    await client.query('reset enable_seqscan');
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('Bitmap Index Scan');
    expect(plan).not.toContain('Seq Scan');
  });

  it('and a run after it read what is new, of a table never analysed too, when a transaction was open before', async () => {
    const other = await createTestDatabase(cluster.url);
    try {
      const session = await other.session();
      await apply(session, await sampleDataset());
      for (let flush = 0; flush < 10; flush++) await other.query(`insert into bronze.raw (line) select 'a line as long as lines are ' || i from generate_series(1, 30000) as i`);
      await other.query(`select brin_summarize_new_values('bronze.raw_first_ingest_xid_idx')`);
      const open = await other.session();
      await open.query(`begin; insert into bronze.raw (line) values ('late')`);
      await other.query(`insert into bronze.raw (line) values ('seen')`);
      const { now: seen } = (await readState(session, 'sample'))!;
      await other.query(`insert into bronze.raw (line) values ('new')`);
      await open.query('commit');
      const { now } = (await readState(session, 'sample'))!;
      expect(seen.xip).toHaveLength(1);
      await session.query('set enable_seqscan = off');
      const { rows } = await session.query<{ 'QUERY PLAN': string }>(`explain (analyze, costs off, timing off, summary off) select from bronze.raw where ${unseenRows('ingest_xid', seen, now)}`);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/rows=2(\.00)? loops=1/);
      expect(Number(/Rows Removed by Index Recheck: (\d+)/.exec(plan)?.[1])).toBeLessThan(30_000);
      expect(plan).not.toContain('Rows Removed by Filter');
    } finally {
      await other.drop();
    }
  });
});

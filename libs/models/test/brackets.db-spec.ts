import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadDataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { readPlan, type Plan } from '../src/plan.js';
import { run } from '../src/run.js';
import { hasUnseen } from '../src/probe.js';
import { readState, unseenRows } from '../src/watermark.js';
import { sampleDataset } from './sample-project.js';

// What was seen to fail before the rules of engine.md 2 replaced it, and is pinned by no other test.

let db: TestDatabase;
let client: Client;
let plan: Plan;
beforeEach(async () => {
  db = await createTestDatabase();
  client = await db.session();
  const dataset = await sampleDataset();
  await apply(client, dataset);
  plan = await readPlan(client, dataset);
});
afterEach(() => db.drop());

const lines = (rows: number) => db.query(`insert into bronze.raw (device, line) select 'a', '2030-01-01 V 1' from generate_series(1, ${rows})`);
const refresh = async () => {
  const result = await run(client, plan, { maxRows: 1_000_000 });
  if (result.outcome !== 'succeeded') throw new Error(result.outcome);
  return result;
};

/** How often the partitions of bronze.raw were read whole, as seen from the sessions before. */
async function wholeReads(): Promise<number> {
  await client.query('select pg_stat_force_next_flush()');
  const [row] = await db.query<{ n: number }>(`select sum(seq_scan)::int as n from pg_stat_user_tables where schemaname = 'bronze' and relname like 'raw\\_%'`);
  return row!.n;
}

describe('the probe', () => {
  // Told by its statistics that a third of the rows match, the planner expects the first of them soon, and they are last.
  it('reads no partition whole, whatever the planner knows of it', async () => {
    await lines(40_000);
    await refresh();
    const { seen } = (await readState(client, 'sample'))!;
    await lines(20_000);
    await db.query('analyze bronze.raw');
    const probe = `select exists (select from bronze.raw where ${unseenRows('ingest_xid', seen)})`;
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${probe}`);
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('Seq Scan'); // what it would do
    const before = await wholeReads();
    expect(await hasUnseen(client, ['bronze.raw'], seen)).toBe(true);
    expect(await wholeReads()).toBe(before);
  });
});

describe('the increment', () => {
  // `>= xmin and not pg_visible_in_snapshot(...)` reads everything since the oldest open transaction again.
  it('is as cheap while a transaction stays open as without it', async () => {
    const open = await db.session('open');
    await open.query(`begin; insert into bronze.raw (line) values ('2030-01-01 V 1')`);
    for (let i = 0; i < 4; i++) {
      await lines(20_000);
      await refresh();
    }
    await db.query('analyze bronze.raw');
    await db.query(`select brin_summarize_new_values(indexrelid) from pg_index as i join pg_class as c on c.oid = i.indexrelid where c.relname like '%ingest_xid%' and c.relkind = 'i' and i.indrelid in (select inhrelid from pg_inherits where inhparent = 'bronze.raw'::regclass)`);
    await lines(10);
    const state = await readState(client, 'sample');
    const own = await open.query<{ xid: string }>('select txid_current() as xid');
    expect(state!.seen.xip).toContain(BigInt(own.rows[0]!.xid));
    // Transactions of other databases on the server may be there, too, each with a range of pages that would be read.
    const seen = { ...state!.seen, xip: [BigInt(own.rows[0]!.xid)] };
    await client.query('set enable_seqscan = off');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain (analyze, buffers, costs off, timing off, summary off) select count(*) from bronze.raw where ${unseenRows('ingest_xid', seen)}`);
    const text = rows.map((row) => row['QUERY PLAN']).join('\n');
    const pages = Number(/Buffers: shared hit=(\d+)/.exec(text)?.[1]);
    const whole = Number((await db.query<{ pages: string }>(`select sum(pg_relation_size(inhrelid)) / 8192 as pages from pg_inherits where inhparent = 'bronze.raw'::regclass`))[0]!.pages);
    expect(whole).toBeGreaterThan(500);
    // The range of the open transaction's row, at the beginning, and the newest; a range is 128 pages.
    expect(pages).toBeLessThan(300);
    await open.query('rollback');
  });

  it('is read without compiling it', async () => {
    await client.query('set jit = on');
    const settings: unknown[] = [];
    const send = client.query.bind(client) as (...args: unknown[]) => Promise<{ rows: unknown[] }>;
    Object.assign(client, {
      query: async (...args: unknown[]) => {
        if (typeof args[0] === 'string' && /count.*"bronze"\."raw"/.test(args[0])) settings.push((await send('show jit')).rows[0]);
        return send(...args);
      },
    });
    await lines(1);
    await refresh();
    expect(settings).toEqual([{ jit: 'off' }]);
  });
});

describe('the id of a line', () => {
  // An identity column of a table that is attached afterwards hands out 1 again.
  it('occurs once in all partitions, whichever table the line is written to', async () => {
    await lines(3);
    const partitions = await db.query<{ id: string }>(
      `select pg_get_expr(adbin, adrelid) as id from pg_inherits join pg_attribute on attrelid = inhrelid and attname = 'id' left join pg_attrdef on adrelid = attrelid and adnum = attnum where inhparent = 'bronze.raw'::regclass`,
    );
    expect(partitions).toEqual(Array.from({ length: 4 }, () => ({ id: `nextval('bronze.raw_id'::regclass)` })));
    const { tableoid } = (await db.query<{ tableoid: string }>('select distinct tableoid::regclass::text from bronze.raw'))[0]!;
    await db.query(`insert into ${tableoid} (line) values ('2030-01-01 V 1')`);
    await lines(3);
    expect(await db.query('select count(*)::int as lines, count(distinct id)::int as ids from bronze.raw')).toEqual([{ lines: 7, ids: 7 }]);
  });
});

describe('sums of sql/sensor', () => {
  // float8::numeric keeps 15 digits.
  it('keep all digits of a reading', async () => {
    const sensor = await loadDataset('sql/sensor');
    await apply(client, sensor);
    await db.query(`insert into bronze.raw_readings (line) values ('1900000000 Voltage 1.2345678901234567')`);
    await run(client, await readPlan(client, sensor), { maxRows: 10 });
    expect(await db.query('select total from silver.int_daily_metric')).toEqual([{ total: '1.2345678901234567' }]);
  });
});

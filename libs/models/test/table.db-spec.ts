import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPool, type ConnectionPool } from '@ingot/postgres';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Dataset } from '@ingot/datasets';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { DatasetRunner } from '../src/dataset-runner.js';
import type { RunnerLog } from '../src/runner-log.js';
import { readPlan, type Plan } from '../src/plan.js';
import { run } from '../src/run.js';
import { RunSession } from '../src/run-session.js';
import { isRefreshDue } from '../src/tables/table-refreshes.js';
import { differences } from './consistency.js';
import { sampleDataset } from './sample-project.js';

let db: TestDatabase;
let client: Client;
let pool: ConnectionPool;
beforeEach(async () => {
  db = await createTestDatabase();
  client = await db.session();
  pool = createPool({ url: db.url, name: 'runs', max: 3, acquireTimeoutMs: 5_000, settings: { jit: 'off' }, onError: () => undefined });
});
afterEach(async () => {
  await pool.end();
  await db.drop();
});

const tableOf = (select: string, keys = '') => `/* ---\nmaterialized: table\n${keys}--- */\n${select}\n`;
const ONLY_STG = { 'gold/power.sql': undefined, 'gold/summary.sql': undefined, 'silver/daily.sql': undefined };

async function opened(changes: Readonly<Record<string, string | undefined>>): Promise<{ dataset: Dataset; plan: Plan }> {
  const dataset = await sampleDataset({ ...ONLY_STG, ...changes });
  await apply(client, dataset);
  return { dataset, plan: await readPlan(client, dataset) };
}
const write = (...lines: string[]) => db.query(`insert into bronze.raw (device, line) select 'a', unnest($1::text[])`, [lines]);
async function runOf(plan: Plan, relation: string): Promise<[written: number, deleted: number]> {
  const result = await run(client, plan, { maxRows: 1_000 });
  if (result.outcome !== 'succeeded') throw new Error(result.outcome);
  const step = result.steps.find(({ model }) => model === relation)!;
  return [step.rowsWritten, step.rowsDeleted];
}
const tuples = (relation: string) => db.query<{ key: string; place: string; run: string }>(`select metric as key, ctid::text || ' ' || xmin::text as place, _run_id as run from ${relation} order by 1, 2`);

describe('a table', () => {
  it('with a key: rows whose text differs are replaced, others stay the same tuples of the same run', async () => {
    const { dataset, plan } = await opened({ 'gold/t.sql': tableOf('select metric, count(*) as n, jsonb_agg(value order by value)::json as all_values from silver.stg group by metric', 'unique_key: [metric]\n') });
    await write('2030-01-01 V 1', '2030-01-01 C 2', '2030-01-01 X 3');
    expect(await runOf(plan, 'gold.t')).toEqual([3, 0]);
    const before = await tuples('gold.t');
    await write('2030-01-02 V 1');
    expect(await runOf(plan, 'gold.t')).toEqual([1, 1]);
    const after = await tuples('gold.t');
    expect(after.filter(({ key }) => key !== 'V')).toEqual(before.filter(({ key }) => key !== 'V'));
    expect(after.find(({ key }) => key === 'V')?.run).toBe('2');
    expect(await db.query(`select n, all_values from gold.t where metric = 'V'`)).toEqual([{ n: '2', all_values: [1, 1] }]);
    expect(Object.keys(await differences(db, { ...dataset, models: dataset.models.filter(({ relation }) => relation !== 'gold.t') }))).toEqual([]);
  });

  it('without a key: as many equal rows as the result has, whatever their types', async () => {
    // 1.0 is no longer 1.00, json has no equality, and two equal rows are two rows.
    const { plan } = await opened({ 'gold/t.sql': tableOf("select metric, to_json(value) as j, case when (select count(*) from silver.stg) > 3 then 1.00 else 1.0 end as shown from silver.stg where value <> 9") });
    await write('2030-01-01 V 1', '2030-01-01 V 1', '2030-01-01 C 2');
    expect(await runOf(plan, 'gold.t')).toEqual([3, 0]);
    const before = await tuples('gold.t');
    await write('2030-01-02 V 1');
    expect(await runOf(plan, 'gold.t')).toEqual([4, 3]); // all are shown as 1.00 now
    expect(await db.query('select metric, shown::text, count(*)::int as n from gold.t group by 1, 2 order by 1')).toEqual([{ metric: 'C', shown: '1.00', n: 1 }, { metric: 'V', shown: '1.00', n: 3 }]);
    const kept = await tuples('gold.t');
    expect(kept).not.toEqual(before);
    await db.query(`update silver.stg set value = 9 where raw_id = 1`);
    await write('2030-01-02 X 9');
    expect(await runOf(plan, 'gold.t')).toEqual([0, 1]); // one of three equal rows goes, the two others are not touched
    const left = await tuples('gold.t');
    expect(left).toHaveLength(3);
    expect(kept.filter(({ place }) => left.some((row) => row.place === place))).toHaveLength(3);
  });

  it('is never seen empty or locked by readers while a run writes it, nor truncated', async () => {
    const { plan } = await opened({ 'gold/t.sql': tableOf('select metric, count(*) as n from silver.stg group by metric', 'unique_key: [metric]\n') });
    await write('2030-01-01 V 1');
    await run(client, plan, { maxRows: 1_000 });
    const reader = await db.session();
    await reader.query(`begin isolation level repeatable read; set local lock_timeout = '1s'`);
    expect((await reader.query('select n from gold.t')).rows).toEqual([{ n: '1' }]);
    const [before] = await db.query<{ node: number }>(`select pg_relation_filenode('gold.t') as node`);
    await write('2030-01-01 V 2');
    expect(await runOf(plan, 'gold.t')).toEqual([1, 1]); // the reader's lock does not stop it
    expect((await reader.query('select n from gold.t')).rows).toEqual([{ n: '1' }]);
    await reader.query('commit');
    expect(await db.query(`select pg_relation_filenode('gold.t') as node`)).toEqual([before]);
  });

  it('fails the run when its result has a key twice', async () => {
    const { plan } = await opened({ 'gold/t.sql': tableOf('select metric, value from silver.stg', 'unique_key: [metric]\n') });
    await write('2030-01-01 V 1', '2030-01-01 V 2');
    await expect(run(client, plan, { maxRows: 1_000 })).rejects.toThrow('gold.t: data test unique of metric failed: Key (metric)=(V) already exists.');
  });

  it('is left alone by a run in which nothing it reads has changed, through views too', async () => {
    const { plan } = await opened({
      'silver/other.sql': tableOf("select 1 as one"),
      'silver/seen.sql': '/* ---\nmaterialized: view\n--- */\nselect metric, value from silver.stg\n',
      'gold/t.sql': tableOf('select s.metric, count(*) as n from silver.seen as s cross join silver.other group by s.metric'),
      'gold/clock.sql': tableOf('select metric, now() as at from silver.stg'),
      'gold/today.sql': tableOf("select metric, 'today'::date as at from silver.stg"),
    });
    await write('2030-01-01 V 1');
    expect(await runOf(plan, 'gold.t')).toEqual([1, 0]);
    await db.query('update gold.t set n = 7'); // what a table that is computed again would put right
    expect(await runOf(plan, 'gold.t')).toEqual([0, 0]);
    expect(await db.query('select run_id from ingot.table_refreshes order by relation')).toEqual(['2', '2', '2', '2'].map((run_id) => ({ run_id })));
    const computed = await db.query<{ relation: string }>(`select relation from ingot.table_refreshes where computed_at = (select max(computed_at) from ingot.table_refreshes) order by 1`);
    expect(computed.map(({ relation }) => relation)).toEqual(['gold.clock', 'gold.today']); // time passes without any new line
    await write('2030-01-01 V 1');
    expect(await runOf(plan, 'gold.t')).toEqual([1, 1]);
    expect(await db.query('select n from gold.t')).toEqual([{ n: '2' }]);
  });

  it('is computed again when a run was missed in between, and after each apply', async () => {
    const { plan } = await opened({ 'gold/t.sql': tableOf('select count(*) as n from silver.stg') });
    await write('2030-01-01 V 1');
    await run(client, plan, { maxRows: 1_000 });
    await db.query('update gold.t set n = 7; update ingot.datasets set run_id = run_id + 1'); // as publishing does
    expect(await runOf(plan, 'gold.t')).toEqual([1, 1]);
    await db.query(`update gold.t set n = 7; update ingot.table_refreshes set code_hash = 'of earlier files'`);
    expect(await runOf(plan, 'gold.t')).toEqual([1, 1]);
  });

  it('reading bronze itself is computed in every run: retention says nothing of the rows it drops', async () => {
    const { plan } = await opened({ 'gold/t.sql': tableOf('select count(*) as n from bronze.raw') });
    await write('2030-01-01 V 1', '2030-01-01 V 2');
    await run(client, plan, { maxRows: 1_000 });
    await db.query('delete from bronze.raw where id = 1');
    expect(await runOf(plan, 'gold.t')).toEqual([1, 1]);
  });
});

describe('a table with refresh', () => {
  const TIMED = { 'gold/t.sql': tableOf('select count(*) as n from silver.stg', 'refresh: { every: 1h }\n') };

  it('is skipped until it is due, whatever is new', async () => {
    const { plan } = await opened(TIMED);
    await write('2030-01-01 V 1');
    expect(await runOf(plan, 'gold.t')).toEqual([1, 0]);
    await write('2030-01-01 V 1');
    expect(await runOf(plan, 'gold.t')).toEqual([0, 0]);
    await db.query(`update ingot.table_refreshes set computed_at = now() - interval '61 minutes'`);
    expect(await runOf(plan, 'gold.t')).toEqual([1, 1]);
    expect(await db.query('select n from gold.t')).toEqual([{ n: '2' }]);
  });

  it('that is due makes an idle look start a run; the look itself locks and writes nothing', async () => {
    const { dataset } = await opened(TIMED);
    const session = new RunSession({ pool, dataset, maxRows: 1_000 });
    await write('2030-01-01 V 1');
    await session.run();
    expect((await session.look()).found).toBe('covered');
    await db.query(`update ingot.table_refreshes set computed_at = now() - interval '61 minutes'`);
    expect((await session.look()).found).toBe('due');
    await client.query('begin read only');
    expect(await isRefreshDue(client, dataset)).toBe(true);
    const { rows } = await client.query(`select pg_current_xact_id_if_assigned() as xid, mode from pg_locks where pid = pg_backend_pid() and relation = 'ingot.table_refreshes'::regclass`);
    await client.query('commit');
    expect(rows).toEqual([{ xid: null, mode: 'AccessShareLock' }]);

    const quiet = () => undefined;
    const log: RunnerLog = { debug: quiet, info: quiet, warn: quiet, error: quiet };
    const runner = new DatasetRunner({ pool, dataset, log, maxRows: 1_000, historyDays: 30 });
    try {
      expect(await runner.catchUp({ timeoutMs: 0 })).toMatchObject({ fresh: true }); // every line is covered
      await runner.tick();
    } finally {
      await runner.close();
    }
    expect((await session.look()).found).toBe('covered');
  });
});

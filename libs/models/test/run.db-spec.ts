import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { connect } from '@ingot/postgres';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import fc from 'fast-check';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { readPlan, type Plan } from '../src/plan.js';
import { run, type RunResult } from '../src/run.js';
import { differences } from './consistency.js';
import { sampleDataset } from './sample-project.js';

let db: TestDatabase;
let dataset: Dataset;
let plan: Plan;
let runner: Client;
const ALL = { maxRows: 1_000_000 };

beforeEach(async () => {
  db = await createTestDatabase();
  dataset = await sampleDataset();
  runner = await db.session('runner');
  await runner.query('set jit = off');
  await apply(runner, dataset);
  plan = await readPlan(runner, dataset);
});
afterEach(() => db.drop());

/** One flush as ingest writes it: its ledger row, then its lines, in the session's transaction. */
async function flush(client: Client, lines: readonly string[], device: string | null = null): Promise<void> {
  await client.query(`insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'bronze.raw', $1)`, [lines.length]);
  await client.query('insert into bronze.raw (device, line) select $1, unnest($2::text[])', [device, lines]);
}

async function flushed(lines: readonly string[]): Promise<void> {
  const client = await db.session();
  await client.query('begin');
  await flush(client, lines);
  await client.query('commit');
  await client.end();
}

const succeeded = (result: RunResult) => {
  if (result.outcome !== 'succeeded') throw new Error(`the run was ${result.outcome}`);
  return result;
};
const bronzeIds = () => db.query<{ id: string }>('select id from bronze.raw order by id').then((rows) => rows.map(({ id }) => id));
const silverIds = () => db.query<{ id: string }>('select raw_id as id from silver.stg order by raw_id').then((rows) => rows.map(({ id }) => id));
const expectExact = async () => {
  expect(await silverIds()).toEqual(await bronzeIds());
  expect(await differences(db, dataset)).toEqual({});
};

describe('a run', () => {
  it('refreshes the whole graph, numbers its rows and is recorded with its steps', async () => {
    await flushed(['2030-01-01 V 2', '2030-01-01 C 3', '2030-01-02 V 1']);
    const first = succeeded(await run(runner, plan, ALL));
    expect(first).toMatchObject({ runId: 1n, rowsIn: 3, cut: false });
    await flushed(['2030-01-01 V 4']);
    expect(succeeded(await run(runner, plan, ALL))).toMatchObject({ runId: 2n, rowsIn: 1 });
    expect(await db.query('select power::float8, _run_id from gold.power')).toEqual([]); // the device is null: USING drops it
    expect(await db.query(`select n, total::float8, least, most, _run_id from silver.daily order by 1 desc`)).toEqual([
      { n: '2', total: 6, least: 2, most: 4, _run_id: '2' },
      { n: '1', total: 3, least: 3, most: 3, _run_id: '1' },
      { n: '1', total: 1, least: 1, most: 1, _run_id: '1' },
    ]);
    const runs = await db.query(`select run_id, status, rows_in, cut, xid is not null as xid, finished_at >= started_at as timed, code_hash = $1 as hash from ingot.runs order by id`, [dataset.codeHash]);
    expect(runs).toEqual([
      { run_id: '1', status: 'succeeded', rows_in: '3', cut: false, xid: true, timed: true, hash: true },
      { run_id: '2', status: 'succeeded', rows_in: '1', cut: false, xid: true, timed: true, hash: true },
    ]);
    expect(await db.query(`select position, model, strategy, rows_written, rows_deleted from ingot.run_steps join ingot.runs on runs.id = run where run_id = 2 order by position`)).toEqual([
      { position: 1, model: 'silver.stg', strategy: 'append', rows_written: '1', rows_deleted: '0' },
      { position: 2, model: 'silver.daily', strategy: 'accumulate', rows_written: '1', rows_deleted: '0' },
      { position: 3, model: 'gold.power', strategy: 'delete+insert', rows_written: '0', rows_deleted: '0' },
      { position: 4, model: 'gold.summary', strategy: 'delete+insert', rows_written: '2', rows_deleted: '2' },
    ]);
    await expectExact();
  });

  it('writes its row of the dataset also when it finds nothing', async () => {
    expect(succeeded(await run(runner, plan, ALL))).toMatchObject({ runId: 1n, rowsIn: 0 });
    expect(succeeded(await run(runner, plan, ALL))).toMatchObject({ runId: 2n, rowsIn: 0 });
  });

  // `where id > (select max(raw_id) from silver.stg)` would lose the late row: its id is the lower one.
  it('takes a row that commits late, once', async () => {
    const late = await db.session();
    await late.query('begin');
    await flush(late, ['2030-01-01 V 1']);
    await flushed(['2030-01-01 V 2']);
    expect(succeeded(await run(runner, plan, ALL)).rowsIn).toBe(1);
    await late.query('commit');
    const [row] = await db.query<{ naive: string; all: string }>('select count(*) filter (where id > (select max(raw_id) from silver.stg)) as naive, count(*) as all from bronze.raw');
    expect(row).toEqual({ naive: '0', all: '2' });
    expect(succeeded(await run(runner, plan, ALL)).rowsIn).toBe(1);
    expect(succeeded(await run(runner, plan, ALL)).rowsIn).toBe(0);
    await expectExact();
  });

  it('starts again when its snapshot is older than the last commit', async () => {
    await flushed(['2030-01-01 V 1']);
    // Between the runner's first statement, which takes the snapshot, and its lock on the row, another run commits.
    const other = await db.session();
    const query = runner.query.bind(runner) as (text: unknown, values?: unknown) => Promise<unknown>;
    let snapshots = 0;
    Object.assign(runner, {
      query: async (text: unknown, values?: unknown) => {
        if (typeof text === 'string' && text.includes('pg_try_advisory_xact_lock') && ++snapshots === 1) {
          await query('select 1');
          succeeded(await run(other, plan, ALL));
        }
        return query(text, values);
      },
    });
    expect(succeeded(await run(runner, plan, ALL))).toMatchObject({ runId: 2n, rowsIn: 0 });
    expect(snapshots).toBe(2);
    await expectExact();
  });

  it('locks the row of the dataset before it computes anything', async () => {
    await flushed(['2030-01-01 V 1']);
    const rival = await db.session();
    await rival.query('begin; select from ingot.datasets for update');
    const steps: string[] = [];
    const running = run(runner, plan, { ...ALL, onStep: ({ model }) => steps.push(model) });
    const waiting = () => db.query<{ query: string }>(`select query from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`);
    let [waiter] = await waiting();
    while (waiter === undefined) [waiter] = await waiting();
    expect(waiter.query).toContain('from ingot.datasets as d');
    expect(steps).toEqual([]);
    await rival.query('commit');
    expect(succeeded(await running).rowsIn).toBe(1);
  });

  it('leaves the work to the one that holds the lock', async () => {
    await flushed(Array.from({ length: 50 }, (_, i) => `2030-01-0${1 + (i % 9)} V ${i}`));
    const others = await Promise.all(Array.from({ length: 4 }, () => db.session()));
    const results: RunResult[] = [];
    for (let round = 0; round < 8; round++) {
      await flushed(['2030-01-01 C 1', '2030-01-01 V 1']);
      results.push(...(await Promise.all([runner, ...others].map((client) => run(client, plan, ALL)))));
    }
    const runs = results.flatMap((result) => (result.outcome === 'succeeded' ? [result] : []));
    expect(runs.reduce((sum, { rowsIn }) => sum + rowsIn, 0)).toBe(50 + 16);
    expect(new Set(runs.map(({ runId }) => runId)).size).toBe(runs.length);
    await expectExact();
  });

  it('is bounded by the flush that reaches the number, and takes one larger flush whole', async () => {
    for (let i = 0; i < 5; i++) await flushed(['2030-01-01 V 1', '2030-01-01 C 1']);
    await flushed(Array.from({ length: 30 }, () => '2030-01-02 V 1'));
    await flushed(['2030-01-03 V 1']);
    const rows: [number, boolean][] = [];
    for (let more = true; more; ) {
      const { rowsIn, cut } = succeeded(await run(runner, plan, { maxRows: 4 }));
      rows.push([rowsIn, cut]);
      more = cut;
    }
    expect(rows).toEqual([[4, true], [4, true], [32, true], [1, false]]);
    await expectExact();
  });

  it('takes rows written by other means along', async () => {
    await db.query(`insert into bronze.raw (line) values ('2030-01-01 V 1')`);
    expect(succeeded(await run(runner, plan, { maxRows: 1 })).rowsIn).toBe(1);
    await expectExact();
  });

  it('changes nothing when it dies between two statements, and reads its increment again', async () => {
    await flushed(['2030-01-01 V 1']);
    await run(runner, plan, ALL);
    await flushed(['2030-01-01 V 5', '2030-01-01 C 7']);
    const victim = await connect({ url: db.url, name: 'victim' });
    const { rows } = await victim.query<{ pid: number }>('select pg_backend_pid() as pid');
    // A row lock on what the second step updates stops the run when the first one has written its rows.
    const blocker = await db.session();
    await blocker.query(`begin; select from silver.daily for update`);
    const dying = run(victim, plan, ALL);
    dying.catch(() => undefined);
    await waitFor(`select from pg_stat_activity where pid = ${rows[0]?.pid} and wait_event_type = 'Lock'`);
    await db.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await expect(dying).rejects.toThrow(/terminat/);
    await blocker.query('rollback');
    await victim.end().catch(() => undefined);
    expect(await silverIds()).toHaveLength(1);
    expect(await db.query('select run_id from ingot.datasets')).toEqual([{ run_id: '1' }]);
    expect(succeeded(await run(runner, plan, ALL))).toMatchObject({ runId: 2n, rowsIn: 2 });
    await expectExact();
  });

  it('does not run with other files than were applied', async () => {
    const other = await sampleDataset({ 'gold/view.sql': '/* ---\nmaterialized: view\n--- */\nselect day from gold.power\n' });
    expect(other.codeHash).not.toBe(dataset.codeHash);
    expect(await run(runner, { ...plan, dataset: other }, ALL)).toEqual({ outcome: 'not-applied' });
    expect(await db.query('select run_id from ingot.datasets')).toEqual([{ run_id: '0' }]);
  });

  it('takes the rows of every random history of real transactions once', async () => {
    const writers = await Promise.all(Array.from({ length: 4 }, () => db.session()));
    const open = new Set<Client>();
    const step = fc.record({ writer: fc.nat(3), act: fc.constantFrom('write', 'write', 'commit', 'rollback', 'run', 'savepoint'), lines: fc.integer({ min: 1, max: 4 }), maxRows: fc.integer({ min: 1, max: 9 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
        for (const { writer, act, lines, maxRows } of steps) {
          const client = writers[writer]!;
          if (act === 'run') {
            succeeded(await run(runner, plan, { maxRows }));
            continue;
          }
          if (!open.has(client)) await client.query('begin');
          open.add(client);
          if (act === 'savepoint') await client.query('savepoint s');
          if (act === 'write' || act === 'savepoint') await flush(client, Array.from({ length: lines }, (_, i) => `2030-01-0${1 + writer} ${i % 2 === 0 ? 'V' : 'C'} ${lines}`), writer === 0 ? null : `d${writer}`);
          if (act === 'commit' || act === 'rollback') {
            await client.query(act);
            open.delete(client);
          }
        }
        for (const client of open) await client.query('commit');
        open.clear();
        while (succeeded(await run(runner, plan, { maxRows: 3 })).cut);
        await expectExact();
      }),
      { numRuns: 25 },
    );
  });
});

async function waitFor(text: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if ((await db.query(text)).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never came: ${text}`);
}

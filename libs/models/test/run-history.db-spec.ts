import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { mergeRuns } from '../src/run-history/merge-runs.js';
import { RunFailure } from '../src/run-failure.js';
import { recordFailure } from '../src/run-ledger.js';

let db: TestDatabase;
let client: Client;
beforeAll(async () => {
  db = await createTestDatabase();
  client = await db.session();
  await db.query(`insert into ingot.datasets (name) values ('d'), ('other')`);
});
afterAll(() => db.drop());
beforeEach(() => db.query('truncate ingot.runs restart identity cascade'));

/** One run a second, of two steps, ending `ago` before the last whole ten minutes. */
async function runs(count: number, ago: string, more = '', dataset = 'd'): Promise<void> {
  await db.query(
    `with made as (
       insert into ingot.runs (dataset, run_id, status, started_at, finished_at, duration_ms, rows_in, code_hash)
       select $1, n + (select coalesce(max(run_id), 0) from ingot.runs where dataset = $1), 'succeeded', at - interval '5 ms', at, 5, 10, 'c'
       from generate_series(1, $2::int) as n, lateral (select date_bin('10 minutes', now() - $3::interval, 'epoch') + n * interval '1 s' as at) as t
       returning id
     )
     insert into ingot.run_steps (run, position, model, strategy, rows_written, rows_deleted, duration_ms, rows_in, rows_out, quarantined, filtered, replayed)
     select id, p, 'm' || p, 'append', 10, 1, 2, case p when 1 then 10 end, case p when 1 then 9 end, case p when 1 then 0 end, case p when 1 then 1 end, case p when 1 then 0 end from made, generate_series(1, 2) as p`,
    [dataset, count, ago],
  );
  if (more !== '') await db.query(more);
}
const records = () => db.query<{ ids: string; runs: number }>(`select coalesce(first_run_id, run_id) || '-' || run_id as ids, runs from ingot.runs where dataset = 'd' order by id`);

describe('mergeRuns', () => {
  it('adds up the uneventful runs of ten minutes, after an hour', async () => {
    await runs(300, '3 hours');
    await runs(2, '2 hours');
    await runs(2, '50 minutes');
    await runs(3, '3 hours', '', 'other');
    expect(await mergeRuns(client, 'd')).toBe(300);
    expect(await db.query(`select run_id, first_run_id, runs, rows_in, duration_ms, finished_at - started_at as span from ingot.runs where dataset = 'd' order by id`)).toEqual([
      { run_id: '300', first_run_id: '1', runs: 300, rows_in: '3000', duration_ms: 1_500, span: expect.objectContaining({ minutes: 4, seconds: 59 }) },
      { run_id: '302', first_run_id: '301', runs: 2, rows_in: '20', duration_ms: 10, span: expect.anything() },
      { run_id: '303', first_run_id: null, runs: 1, rows_in: '10', duration_ms: 5, span: expect.anything() },
      { run_id: '304', first_run_id: null, runs: 1, rows_in: '10', duration_ms: 5, span: expect.anything() },
    ]);
    expect(await db.query(`select position, model, strategy, rows_written, rows_deleted, duration_ms, rows_in, rows_out, quarantined, filtered, replayed from ingot.run_steps where run = 300 order by position`)).toEqual([
      { position: 1, model: 'm1', strategy: 'append', rows_written: '3000', rows_deleted: '300', duration_ms: 600, rows_in: '3000', rows_out: '2700', quarantined: '0', filtered: '300', replayed: '0' },
      { position: 2, model: 'm2', strategy: 'append', rows_written: '3000', rows_deleted: '300', duration_ms: 600, rows_in: null, rows_out: null, quarantined: null, filtered: null, replayed: null },
    ]);
    expect(await mergeRuns(client, 'd')).toBe(0);
    expect(await db.query(`select count(*)::int as n from ingot.runs where dataset = 'other'`)).toEqual([{ n: 3 }]);
  });

  it.each([
    ['failed', `status = 'failed', run_id = null, error = '{}'`],
    ['is a publication', `kind = 'publication'`],
    ['was cut', 'cut = true'],
    ['was slow', 'duration_ms = 5001'],
    ['was large', 'rows_in = 100001'],
  ])('keeps a run that %s, and those on both sides of it apart', async (_why, change) => {
    await runs(7, '3 hours', `update ingot.runs set ${change} where id = 4`);
    await mergeRuns(client, 'd');
    expect((await records()).map(({ ids, runs: n }) => ids ?? n)).toEqual(['1-3', change.includes('failed') ? 1 : '4-4', '5-7']);
  });

  it('keeps a run that put rows aside, and runs of other code apart', async () => {
    await runs(6, '3 hours', `update ingot.run_steps set quarantined = 1, filtered = 0 where run = 3 and position = 1; update ingot.runs set code_hash = 'new' where id > 4`);
    await mergeRuns(client, 'd');
    expect((await records()).map(({ ids }) => ids)).toEqual(['1-2', '3-3', '4-4', '5-6']);
  });

  it('keeps a run with a test that warned, and drops results of tests that passed with their runs', async () => {
    await runs(5, '3 hours', `insert into ingot.test_results (run, test, scope, outcome, failures, duration_ms) select id, 't', 'whole table', case id when 3 then 'warned' else 'passed' end, 0, 1 from ingot.runs`);
    await mergeRuns(client, 'd');
    expect((await records()).map(({ ids }) => ids)).toEqual(['1-2', '3-3', '4-5']);
    expect(await db.query('select run::int from ingot.test_results order by run')).toEqual([{ run: 2 }, { run: 3 }, { run: 5 }]);
  });

  it('goes on with what an earlier merge has left, and is safe beside itself', async () => {
    await runs(4, '3 hours');
    const second = await db.session();
    await Promise.all([mergeRuns(client, 'd'), mergeRuns(second, 'd')]);
    expect(await records()).toEqual([{ ids: '1-4', runs: 4 }]);
    await runs(2, '3 hours');
    await mergeRuns(client, 'd');
    expect(await records()).toEqual([{ ids: '1-6', runs: 6 }]);
    expect(await db.query(`select sum(rows_written)::int as n, count(*)::int as steps from ingot.run_steps`)).toEqual([{ n: 120, steps: 2 }]);
  });
});

describe('recordFailure', () => {
  const fail = (reason: string, line = 1, code = 'c') => recordFailure(client, 'd', code, new Date(Date.now() - 50), new RunFailure('m', { file: 'f', line, column: 1 }, reason, '22P02', undefined));
  const attempts = () => db.query<{ message: string; attempts: number }>(`select error ->> 'message' as message, attempts from ingot.runs where status = 'failed' order by id`);

  it('counts up failures that come in turn, each on its own record', async () => {
    for (let i = 0; i < 3; i++) {
      await fail('A');
      await fail('B');
    }
    expect(await attempts()).toEqual([{ message: 'A', attempts: 3 }, { message: 'B', attempts: 3 }]);
  });

  it('takes messages that differ in their numbers for one, and keeps the newest', async () => {
    await fail('process 17 waits');
    await fail('process 4711 waits');
    await fail('process 4711 waits', 2);
    await fail('process 4711 waits', 2, 'other code');
    expect(await attempts()).toEqual([{ message: 'process 4711 waits', attempts: 2 }, { message: 'process 4711 waits', attempts: 1 }, { message: 'process 4711 waits', attempts: 1 }]);
  });

  it('begins a new record after a success', async () => {
    await fail('A');
    await db.query(`insert into ingot.runs (dataset, run_id, status, started_at, finished_at) values ('d', 1, 'succeeded', now(), now())`);
    await fail('A');
    await fail('A');
    expect((await attempts()).map(({ attempts: n }) => n)).toEqual([1, 2]);
  });

  it('is one record also for two processes that fail at once', async () => {
    const others = await Promise.all([1, 2, 3, 4].map(() => db.session()));
    const failure = new RunFailure('m', { file: 'f', line: 1, column: 1 }, 'A', undefined, undefined);
    await Promise.all(others.map((session) => recordFailure(session, 'd', 'c', new Date(), failure)));
    expect((await attempts()).map(({ attempts: n }) => n)).toEqual([4]);
  });
});

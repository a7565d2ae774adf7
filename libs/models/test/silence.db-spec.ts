import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { createPool, type ConnectionPool } from '@ingot/postgres';
import { createTestDatabase, openProxy, type Proxy, type TestDatabase } from '@ingot/testing';
import { apply } from '../src/apply.js';
import { DatasetRunner } from '../src/dataset-runner.js';
import type { RunnerLog } from '../src/runner-log.js';
import { differences } from './consistency.js';
import { sampleDataset } from './sample-project.js';

let db: TestDatabase;
let proxy: Proxy;
let pool: ConnectionPool;
let dataset: Dataset;
let runner: DatasetRunner;
let errors: string[];

beforeEach(async () => {
  db = await createTestDatabase();
  proxy = await openProxy(db.url);
  dataset = await sampleDataset();
  await apply(await db.session(), dataset);
  pool = createPool({ url: proxy.url, name: 'runner', max: 3, acquireTimeoutMs: 2_000, settings: { jit: 'off' }, onError: () => undefined });
  errors = [];
  const quiet = () => undefined;
  const log: RunnerLog = { debug: quiet, info: quiet, warn: quiet, error: (_details, message) => void errors.push(message) };
  runner = new DatasetRunner({ pool, dataset, log, maxRows: 1_000, historyDays: 30 });
});
afterEach(async () => {
  await runner.close();
  await pool.end();
  await proxy.close();
  await db.drop();
});
const write = () =>
  db.query(`with flush as (insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'bronze.raw', 1))
            insert into bronze.raw (device, line) values ('a', '2030-01-01 V 1')`);
/** Ticks as the schedule does, until the rows are there. */
async function untilRows(count: number): Promise<number> {
  const start = performance.now();
  for (;;) {
    await runner.tick();
    const [found] = await db.query<{ n: number }>('select count(*)::int as n from silver.stg');
    if (found?.n === count) return performance.now() - start;
    if (performance.now() - start > 15_000) throw new Error('it never came');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

it('the runner runs again after its idle connections went silent', async () => {
  for (const each of await Promise.all([pool.connect(), pool.connect(), pool.connect()])) each.release();
  await write();
  await untilRows(1);
  proxy.swallow();
  await write();
  const start = performance.now();
  expect(await runner.catchUp({ timeoutMs: 0 })).toMatchObject({ fresh: false, reason: 'unavailable' });
  expect(performance.now() - start).toBeLessThan(1_500);
  for (const each of await Promise.all([pool.connect(), pool.connect(), pool.connect()])) each.release();
  proxy.swallow();
  expect(await untilRows(2)).toBeLessThan(10_000);
  expect(errors).toEqual(['the database cannot be reached']);
  expect(await differences(db, dataset)).toEqual({});
});

it('the runner runs again after the connection went silent amid a run', async () => {
  await write();
  const blocker = await db.session();
  await blocker.query('begin; lock table silver.stg in access exclusive mode');
  const running = runner.tick();
  const waits = `select from pg_stat_activity where datname = current_database() and application_name like 'runner%' and wait_event_type = 'Lock'`;
  while ((await db.query(waits)).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  proxy.swallow();
  const start = performance.now();
  await blocker.query('rollback');
  await running;
  await untilRows(1);
  expect(performance.now() - start).toBeLessThan(10_000);
  expect(errors).toEqual(['the database cannot be reached']);
  expect(await differences(db, dataset)).toEqual({});
});

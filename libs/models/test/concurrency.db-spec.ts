import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connect, createPool, type ConnectionPool } from '@ingot/postgres';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { apply } from '../src/apply.js';
import { DatasetRunner } from '../src/dataset-runner.js';
import { findHolder, tryLock, waitForLock, withLock } from '../src/dataset-lock.js';
import { readPlan } from '../src/plan.js';
import { run } from '../src/run.js';
import { runUntilCaughtUp } from '../src/run-until-caught-up.js';
import { differences } from './consistency.js';
import { sampleDataset } from './sample-project.js';

let db: TestDatabase;
const pools: ConnectionPool[] = [];
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end()));
  await db.drop();
});

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const pool = () => {
  const made = createPool({ url: db.url, name: 'service', max: 3, acquireTimeoutMs: 5_000, settings: { jit: 'off' }, onError: () => undefined });
  pools.push(made);
  return made;
};
const until = async (text: string) => {
  while ((await db.query(text)).length === 0);
};
const waiting = (name: string) => until(`select from pg_stat_activity where datname = current_database() and application_name ~ '^${name}' and wait_event_type = 'Lock'`);

describe('two services and a command line on one database', () => {
  it('take every row once between them, one at a time', async () => {
    const dataset = await sampleDataset();
    await apply(await db.session(), dataset);
    const services = [pool(), pool()].map((sessions) => new DatasetRunner({ pool: sessions, dataset, log: silent, maxRows: 40, historyDays: 1 }));
    const commandLine = await db.session('ingot run');
    const writers = await Promise.all([1, 2, 3].map(() => db.session()));
    const writing = writers.map(async (client, w) => {
      for (let n = 0; n < 40; n++) await client.query(`with f as (insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'bronze.raw', 2)) insert into bronze.raw (device, line) select 'd${w}', d || ' ' || m || ' ${n}' from unnest(array['2030-01-0${1 + (n % 9)}']) as d, unnest(array['V', 'C']) as m`);
    });
    const over = Promise.all(writing).then(() => true);
    while (!(await Promise.race([over, Promise.resolve(false)]))) {
      const results = await Promise.all([services[0]!.tick(), services[1]!.tick(), runUntilCaughtUp(commandLine, dataset, { maxRows: 40, waitMs: Infinity })]);
      expect(results[2]).toMatchObject({ outcome: 'succeeded' });
    }
    await runUntilCaughtUp(commandLine, dataset, { maxRows: 40, waitMs: Infinity });
    await Promise.all(services.map((service) => service.close()));
    expect(await db.query('select count(*)::int as n, count(distinct raw_id)::int as lines from silver.stg')).toEqual([{ n: 240, lines: 240 }]);
    expect(await differences(db, dataset)).toEqual({});
    const [books] = await db.query<{ runs: number; last: number; rows: number; failed: number }>(
      `select count(*) filter (where status = 'succeeded')::int as runs, max(run_id)::int as last, sum(rows_in)::int as rows, count(*) filter (where status = 'failed')::int as failed from ingot.runs`,
    );
    expect(books).toEqual({ runs: books!.last, last: books!.last, rows: 240, failed: 0 });
  });

  it('start a run again that met a deadlock', async () => {
    const dataset = await sampleDataset();
    const client = await db.session('runs');
    await apply(client, dataset);
    const plan = await readPlan(client, dataset);
    await run(client, plan, { maxRows: 10 }); // makes the session's temporary tables
    await db.query(`insert into bronze.raw (device, line) values ('a', '2030-01-01 V 1')`);
    // Whose patience ends first gives way; only a superuser may say how long it lasts.
    const url = Object.assign(new URL(process.env.INGOT_TEST_SERVER_URL!), { pathname: new URL(db.url).pathname }).toString();
    const rival = await connect({ url, name: 'rival', settings: { deadlock_timeout: '60s' } });
    await rival.query('begin; lock table gold.summary in access exclusive mode');
    const steps: string[] = [];
    const running = run(client, plan, { maxRows: 10, onStep: ({ model }) => steps.push(model) });
    await waiting('runs');
    await rival.query('lock table silver.stg in access exclusive mode');
    await rival.query('commit');
    await rival.end();
    expect(await running).toMatchObject({ outcome: 'succeeded', runId: 2n });
    expect(steps.filter((model) => model === 'silver.stg')).toHaveLength(2);
    expect(await db.query('select count(*)::int as n from silver.stg')).toEqual([{ n: 1 }]);
  });

  it('start a run again whose snapshot is older than the last commit', async () => {
    const dataset = await sampleDataset();
    const client = await db.session('runs');
    await apply(client, dataset);
    const rival = await db.session('rival');
    await rival.query(`begin; update ingot.datasets set updated_at = now()`);
    const running = run(client, await readPlan(client, dataset), { maxRows: 10 });
    await waiting('runs');
    await db.query(`insert into bronze.raw (device, line) values ('a', '2030-01-01 V 1')`);
    await rival.query('commit');
    expect(await running).toMatchObject({ outcome: 'succeeded', rowsIn: 1 }); // the first attempt could not see the line
  });
});

describe('the lock of a dataset', () => {
  it('says who holds it and since when, for as long as it is held', async () => {
    const [holder, other] = [await db.session('ingot apply'), await db.session('ingot run')];
    const name = async () => (await holder.query<{ name: string }>(`select current_setting('application_name') as name`)).rows[0]!.name;
    const who = { name: 'ingot apply', pid: process.pid, host: expect.any(String), since: expect.any(Date) };
    expect(await findHolder(other, 'd')).toBeUndefined();
    await holder.query('begin');
    expect(await tryLock(holder, 'd')).toBe(true);
    expect(await tryLock(other, 'd')).toBe(false);
    expect(await findHolder(other, 'd')).toEqual(who);
    expect(await findHolder(other, 'e')).toBeUndefined();
    await holder.query('rollback');
    expect([await findHolder(other, 'd'), await name()]).toEqual([undefined, 'ingot apply']);

    await withLock(holder, 'd', async () => {
      expect(await findHolder(other, 'd')).toEqual(who);
      await holder.query('begin');
      await waitForLock(holder, 'd');
      expect(await findHolder(other, 'd')).toEqual(who);
      await holder.query('commit');
    });
    expect([await findHolder(other, 'd'), await name()]).toEqual([undefined, 'ingot apply']);
  });

  it('tells of a session that did not say where it is', async () => {
    const holder = await db.session('psql');
    await holder.query(`begin`);
    await waitForLock(holder, 'd');
    await holder.query(`set application_name = 'psql'`);
    expect(await findHolder(await db.session(), 'd')).toEqual({ name: 'psql', since: expect.any(Date) });
    await holder.query('rollback');
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { createPool, type ConnectionPool } from '@ingot/postgres';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { DatasetRunner, type DatasetRunnerOptions } from '../src/dataset-runner.js';
import type { RunnerLog } from '../src/runner-log.js';
import { tryLock } from '../src/dataset-lock.js';
import { differences } from './consistency.js';
import { sampleDataset, STOPPED_BY_DATA } from './sample-project.js';

let db: TestDatabase;
let client: Client;
let pool: ConnectionPool;
let dataset: Dataset;
let lines: { level: string; message: string }[];
let runners: DatasetRunner[];

beforeEach(async () => {
  db = await createTestDatabase();
  client = await db.session();
  dataset = await sampleDataset();
  await apply(client, dataset);
  pool = createPool({ url: db.url, name: 'runner', max: 4, acquireTimeoutMs: 1_000, settings: { jit: 'off' }, onError: () => undefined });
  lines = [];
  runners = [];
});
afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.close()));
  await pool.end();
  await db.drop();
});

function start(options: Partial<DatasetRunnerOptions> = {}): DatasetRunner {
  const at = (level: string) => (_details: object, message: string) => void lines.push({ level, message });
  const log: RunnerLog = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const runner = new DatasetRunner({ pool, dataset, log, maxRows: 1_000, historyDays: 30, ...options });
  runners.push(runner);
  return runner;
}
const write = async (count = 1, session?: Client) => {
  const text =
    `with flush as (insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'bronze.raw', $1))
     insert into bronze.raw (device, line) select 'a', '2030-01-01 V ' || g from generate_series(1, $1) as g`;
  await (session === undefined ? db.query(text, [count]) : session.query(text, [count]));
};
const rowsOf = (table: string) => pool.query(`select from ${table}`).then(({ rowCount }) => rowCount ?? 0);
const runIds = () => db.query<{ run_id: string }>('select run_id from ingot.runs order by id').then((rows) => rows.map(({ run_id }) => run_id));
const errors = () => lines.filter(({ level }) => level === 'error').map(({ message }) => message);
async function until(condition: () => boolean | Promise<boolean>, ms = 5_000): Promise<void> {
  for (const deadline = Date.now() + ms; Date.now() < deadline; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never came');
}

describe('wake and tick', () => {
  it('make one run of many wake-ups', async () => {
    const runner = start();
    for (let i = 0; i < 10; i++) {
      await write();
      runner.wake();
    }
    await until(async () => (await rowsOf('silver.stg')) === 10);
    expect((await runIds()).length).toBeLessThanOrEqual(2);
  });

  it('run nothing when nothing is unseen', async () => {
    const runner = start();
    await runner.tick();
    await runner.tick();
    expect(await runIds()).toEqual([]);
  });

  it('take a backlog in bounded runs', async () => {
    for (let i = 0; i < 5; i++) await write(10);
    await start({ maxRows: 20 }).tick();
    expect(await runIds()).toEqual(['1', '2', '3']);
    expect(await rowsOf('silver.stg')).toBe(50);
    expect(await differences(db, dataset)).toEqual({});
  });

  it('leave the work to another process, and look again', async () => {
    const other = await db.session();
    await other.query('begin');
    expect(await tryLock(other, dataset.name)).toBe(true);
    await write();
    const runner = start();
    await runner.tick();
    expect(await rowsOf('silver.stg')).toBe(0);
    await other.query('commit');
    await until(async () => (await rowsOf('silver.stg')) === 1);
    expect(errors()).toEqual([]);
  });

  it('do not run with other files than were applied; they say so once', async () => {
    const changed = await sampleDataset({ 'gold/view.sql': '/* ---\nmaterialized: view\n--- */\nselect day from silver.daily\n' });
    const runner = start({ dataset: changed });
    await write();
    await runner.tick();
    await runner.tick();
    expect(await rowsOf('silver.stg')).toBe(0);
    expect(errors()).toEqual(['the files of this process are not those the database was made by: run `ingot apply`, or start with the files that were applied']);
    expect(runner.standsStill).toBe('not-applied');
    expect(await runner.catchUp({ timeoutMs: 1_000 })).toMatchObject({ fresh: false, reason: 'not-applied' });
    await db.query('delete from bronze.raw');
    expect(await runner.catchUp({ timeoutMs: 1_000 })).toMatchObject({ fresh: true }); // no line is missing
    await runner.tick();
    expect(runner.standsStill).toBe('not-applied');
    await write();
    await apply(client, changed);
    await runner.tick();
    expect(await rowsOf('silver.stg')).toBe(1);
    expect(runner.standsStill).toBeUndefined();
  });

  it('back off after a failure, say where it lies, and go on when it can be done', async () => {
    dataset = await sampleDataset(STOPPED_BY_DATA);
    await apply(client, dataset);
    const runner = start();
    await write();
    await db.query(`insert into bronze.raw (line) values ('no-date V 1')`);
    await runner.tick();
    const failed = Date.now();
    for (let i = 0; i < 5; i++) {
      runner.wake();
      await runner.tick();
    }
    expect(errors()).toEqual(['run failed: sql/sample/silver/stg.sql:17:1: silver.stg: invalid input syntax for type date: "no-date"']);
    expect(await db.query('select attempts from ingot.runs')).toEqual([{ attempts: 1 }]);
    expect(await runner.catchUp({ timeoutMs: 1_000 })).toMatchObject({ fresh: false, reason: 'failing' });
    await db.query(`delete from bronze.raw where line like 'no-date%'`);
    await until(async () => (await rowsOf('silver.stg')) === 1);
    expect(Date.now() - failed).toBeGreaterThan(900);
    expect(await runner.catchUp({ timeoutMs: 1_000 })).toMatchObject({ fresh: true });
  });

  it('never throw, whatever the database does', async () => {
    const gone = createPool({ url: 'postgres://nobody@127.0.0.1:1/none', name: 'gone', max: 1, acquireTimeoutMs: 500, onError: () => undefined });
    const runner = start({ pool: gone });
    await runner.tick();
    await runner.tick();
    await runner.maintain();
    expect(errors()).toEqual(['the database cannot be reached']);
    expect(await runner.catchUp({ timeoutMs: 1_000 })).toEqual({ fresh: false, reason: 'unavailable' });
    await gone.end();
  });
});

describe('catchUp', () => {
  it('answers at once when everything is covered, without a run', async () => {
    const runner = start();
    expect(await runner.catchUp({ timeoutMs: 1_000 })).toMatchObject({ fresh: true });
    expect(await runner.catchUp({ timeoutMs: 0 })).toMatchObject({ fresh: true });
    expect(await runIds()).toEqual([]);
  });

  it('publishes what was committed before the call, also when another writer commits all the time', async () => {
    const runner = start();
    const other = await db.session();
    for (let i = 1; i <= 30; i++) {
      await write();
      const late = write(1, other);
      expect(await runner.catchUp({ timeoutMs: 5_000 })).toMatchObject({ fresh: true });
      expect(await rowsOf('silver.stg')).toBeGreaterThanOrEqual(2 * i - 1);
      await late;
    }
  });

  it('shares probes and runs among callers of one moment', async () => {
    const runner = start();
    const checks: Promise<void>[] = [];
    for (let i = 1; i <= 50; i++) {
      await write();
      checks.push(...[1, 2, 3].map(async () => {
        expect(await runner.catchUp({ timeoutMs: 5_000 })).toMatchObject({ fresh: true });
        expect(await rowsOf('silver.stg')).toBeGreaterThanOrEqual(i);
      }));
    }
    await Promise.all(checks);
    expect((await runIds()).length).toBeLessThanOrEqual(50);
  });

  it('waits for the run of another process', async () => {
    const [here, there] = [start(), start()];
    for (let i = 1; i <= 10; i++) {
      await write();
      const answers = await Promise.all([here, there].map((runner) => runner.catchUp({ timeoutMs: 5_000 })));
      expect(answers).toMatchObject([{ fresh: true }, { fresh: true }]);
      expect(await rowsOf('silver.stg')).toBe(i);
    }
  });

  it('shares looks among callers who do not wait, however many come: none older than the caller, and no run held up', async () => {
    const runner = start();
    await runner.tick();
    let most = 0;
    const watching = setInterval(() => (most = Math.max(most, pool.waitingCount)), 1);
    const before = Array.from({ length: 200 }, () => runner.catchUp({ timeoutMs: 0 }));
    await write();
    const after = await Promise.all(Array.from({ length: 200 }, () => runner.catchUp({ timeoutMs: 0 })));
    await Promise.all(before);
    clearInterval(watching);
    expect(most).toBeLessThanOrEqual(1);
    expect(new Set(after.map(({ reason }) => reason))).toEqual(new Set(['timeout']));
    expect(await runner.catchUp({ timeoutMs: 5_000 })).toMatchObject({ fresh: true });
  });

  it('gives up after the time it has, and does not wait at all when told so', async () => {
    const other = await db.session();
    await other.query('begin');
    await tryLock(other, dataset.name);
    await write();
    const runner = start();
    const before = Date.now();
    expect(await runner.catchUp({ timeoutMs: 150 })).toMatchObject({ fresh: false, reason: 'timeout' });
    expect(Date.now() - before).toBeGreaterThanOrEqual(140);
    expect(Date.now() - before).toBeLessThan(1_000);
    expect(await runner.catchUp({ timeoutMs: 0 })).toMatchObject({ fresh: false, reason: 'timeout' });
    await other.query('rollback');
  });

  it('does not wait for a backlog of more than one run, not even for the first run of it', async () => {
    for (let i = 0; i < 4; i++) await write(10);
    const blocker = await db.session();
    await blocker.query('begin; lock table silver.daily in share mode');
    const held = start({ maxRows: 10 });
    expect(await held.catchUp({ timeoutMs: 5_000 })).toMatchObject({ fresh: false, reason: 'backlog', runId: 0n });
    await blocker.query('rollback');
    await held.close();
    await db.query('delete from ingot.run_steps; delete from ingot.runs');
    for (let i = 0; i < 4; i++) await write(10);
    const runner = start({ maxRows: 10 });
    expect(await runner.catchUp({ timeoutMs: 5_000 })).toMatchObject({ fresh: false, reason: 'backlog' });
    await until(async () => (await rowsOf('silver.stg')) === 80);
    await runner.tick(); // ends with the loop: until it has looked once more, it may still say `backlog`
    expect(await runner.catchUp({ timeoutMs: 5_000 })).toMatchObject({ fresh: true, watermarkAt: expect.any(Date) });
  });
});

describe('what is told of the published rows', () => {
  const rowNow = async () => {
    const [row] = await db.query<{ run_id: string; publication: string; updated_at: Date }>('select run_id, publication, updated_at from ingot.datasets');
    return { runId: BigInt(row!.run_id), publication: BigInt(row!.publication), watermarkAt: row!.updated_at };
  };

  it('is the run, the publication and the moment of the row, read for each question', async () => {
    const [here, there] = [start(), start()];
    expect(await here.catchUp({ timeoutMs: 1_000 })).toEqual({ fresh: true, ...(await rowNow()) });
    for (let i = 0; i < 5; i++) {
      await write();
      expect(await here.catchUp({ timeoutMs: 5_000 })).toEqual({ fresh: true, ...(await rowNow()) });
      expect(await there.catchUp({ timeoutMs: 0 })).toEqual({ fresh: true, ...(await rowNow()) });
    }
    // Rows may change without a line: the number that says so must not come from memory.
    await db.query('update ingot.datasets set publication = publication + 1, run_id = run_id + 1, updated_at = clock_timestamp()');
    for (const runner of [here, there]) for (const timeoutMs of [0, 1_000]) expect(await runner.catchUp({ timeoutMs })).toEqual({ fresh: true, ...(await rowNow()) });
  });

  it('is right where the database has gone back to an earlier state', async () => {
    const runner = start();
    await write(3);
    expect(await runner.catchUp({ timeoutMs: 5_000 })).toMatchObject({ fresh: true });
    await db.query(`update ingot.datasets set run_id = 0, snapshot_xmax = 0; truncate silver.stg, silver.daily; delete from ingot.run_steps; delete from ingot.runs`);
    expect(await runner.catchUp({ timeoutMs: 0 })).toMatchObject({ fresh: false, reason: 'timeout', runId: 0n });
    expect(await runner.catchUp({ timeoutMs: 5_000 })).toMatchObject({ fresh: true, runId: 1n });
    expect(await rowsOf('silver.stg')).toBe(3);
  });

  it('is told of a stale answer too, and absent where the row was not read for the question', async () => {
    const other = await db.session();
    await other.query('begin');
    await tryLock(other, dataset.name);
    await write();
    const runner = start();
    expect(await runner.catchUp({ timeoutMs: 0 })).toEqual({ fresh: false, reason: 'timeout', ...(await rowNow()) });
    expect(await runner.catchUp({ timeoutMs: 100 })).toEqual({ fresh: false, reason: 'timeout', watermarkAt: (await rowNow()).watermarkAt });
    await other.query('rollback');
  });
});

describe('a process that leaves the runs to others', () => {
  it('asks them when somebody waits, and sees what they publish', async () => {
    const there = start();
    let asked = 0;
    const here = start({ askOthers: () => {
      asked++;
      there.wake(0);
    } });
    for (let i = 1; i <= 10; i++) {
      await write();
      expect(await here.catchUp({ timeoutMs: 5_000 })).toMatchObject({ fresh: true });
      expect(await rowsOf('silver.stg')).toBe(i);
    }
    expect(asked).toBeGreaterThanOrEqual(10);
    const before = asked;
    expect(await here.catchUp({ timeoutMs: 5_000 })).toMatchObject({ fresh: true });
    expect(asked).toBe(before);
  });

  it('never runs by itself', async () => {
    const here = start({ askOthers: () => undefined });
    await write();
    here.wake(0);
    await here.tick();
    expect(await here.catchUp({ timeoutMs: 100 })).toMatchObject({ fresh: false, reason: 'timeout' });
    expect(await here.catchUp({ timeoutMs: 0 })).toMatchObject({ fresh: false, reason: 'timeout' });
    expect(await runIds()).toEqual([]);
    expect(here.standsStill).toBeUndefined();
  });

  it('does not let a reader wait when the last run failed, or when more waits than one run takes', async () => {
    dataset = await sampleDataset(STOPPED_BY_DATA);
    await apply(client, dataset);
    const [here, there] = [start({ maxRows: 10, askOthers: () => undefined }), start()];
    await db.query(`insert into bronze.raw (line) values ('no-date V 1')`);
    await there.tick();
    const asked = Date.now();
    expect(await here.catchUp({ timeoutMs: 5_000 })).toMatchObject({ fresh: false, reason: 'failing', runId: 0n });
    expect(here.standsStill).toBe('failing');
    await db.query(`delete from bronze.raw where line like 'no-date%'; delete from ingot.runs`);
    for (let i = 0; i < 4; i++) await write(10);
    expect(await here.catchUp({ timeoutMs: 5_000 })).toMatchObject({ fresh: false, reason: 'backlog' });
    expect(Date.now() - asked).toBeLessThan(3_000);
    expect(here.standsStill).toBeUndefined();
  });
});

describe('close', () => {
  it('waits for the run under way', async () => {
    await write(200);
    const runner = start();
    const running = runner.tick();
    await runner.close();
    await running;
    runner.wake();
    expect(await runner.catchUp({ timeoutMs: 1_000 })).toMatchObject({ fresh: false, reason: 'stopping' });
    expect([0, 200]).toContain(await rowsOf('silver.stg'));
  });

  it('cancels a run that takes longer than the deadline; it leaves no trace', async () => {
    const blocker = await db.session();
    await blocker.query('begin; lock table silver.daily in share mode');
    await write();
    const runner = start();
    const running = runner.tick();
    await until(async () => (await db.query(`select from pg_stat_activity where application_name like 'runner %' and wait_event_type = 'Lock'`)).length === 1);
    const waiting = runner.catchUp({ timeoutMs: 5_000 });
    await runner.close(100);
    await running;
    expect(await waiting).toMatchObject({ fresh: false, reason: 'stopping' });
    await blocker.query('rollback');
    expect(await runIds()).toEqual([]);
    expect(await rowsOf('silver.stg')).toBe(0);
    expect(errors()).toEqual([]);
  });
});

it('maintains partitions and tells about it', async () => {
  await db.query(`drop table bronze.${(await db.query<{ name: string }>(`select relname as name from pg_class where relname ~ '^raw_p' and relkind = 'r' order by oid desc limit 1`))[0]?.name}`);
  await start().maintain();
  expect(lines).toEqual([{ level: 'info', message: 'partitions made ahead' }]);
  expect(start().probeEveryMs).toBe(2_000);
});

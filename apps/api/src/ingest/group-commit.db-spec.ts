import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, openProxy, type TestDatabase } from '@ingot/testing';
import { createLogger } from '../logger.js';
import type { Problem } from '../problem.js';
import { GroupCommit, type GroupCommitOptions } from './group-commit.js';
import { batch, RELATION, TABLE } from './test/bronze.js';


const code = (error: unknown): string => (error as Problem).code;
const outcomes = async (answers: Promise<{ replayed: boolean }>[]): Promise<string[]> =>
  (await Promise.allSettled(answers)).map((answer) => (answer.status === 'rejected' ? code(answer.reason) : answer.value.replayed ? 'replayed' : 'stored'));

describe('group commit', () => {
  let database: TestDatabase;
  let open: GroupCommit[];
  let flushed: string[];

  beforeEach(async () => {
    database = await createTestDatabase();
    await database.query(TABLE);
    open = [];
    flushed = [];
  });
  afterEach(async () => {
    await Promise.all(open.map((commit) => commit.close()));
    await database.drop();
  });

  function start(options: Partial<GroupCommitOptions> = {}): GroupCommit {
    const commit = new GroupCommit({
      url: database.urls.ingest,
      relation: RELATION,
      queueLimitBytes: 1 << 20,
      deadlineMs: 5_000,
      logger: createLogger('silent'),
      onFlushed: (relation) => flushed.push(relation),
      ...options,
    });
    open.push(commit);
    commit.start();
    return commit;
  }

  const stored = async (): Promise<string[]> => (await database.query<{ line: string }>(`select line from ${RELATION} order by line collate "C"`)).map((row) => row.line);

  it('refuses while a disk has too little room, and takes lines again when it has', async () => {
    let low = true;
    const commit = start({ isStorageLow: () => low });
    expect(await outcomes([commit.submit(batch('1 Voltage 1'))])).toEqual(['insufficient-storage']);
    low = false;
    expect(await outcomes([commit.submit(batch('2 Voltage 2'))])).toEqual(['stored']);
    expect(await stored()).toEqual(['2 Voltage 2']);
  });

  it('stores in sessions that wait for the disk, whatever the login, the database and the server say', async () => {
    await database.query(`alter database ${database.name} set synchronous_commit = off`);
    const commit = start();
    await commit.submit(batch('1 Voltage 1'));
    expect(commit.synchronousCommit).toBe('on');
  });

  it('stores each line of concurrent batches once, as received, with device and precision', async () => {
    const commit = start();
    const long = `1 Voltage 0.${'1'.repeat(4000)}`;
    await Promise.all([
      commit.submit(batch(' 1\tVoltage  1.5 \r\n\n2 Current 2\r\n', { device: 'a "b\\c' })),
      commit.submit({ ...batch('3 Voltage 3'), precision: 'ms' }),
      commit.submit(batch(`${long}\n`)),
    ]);
    const rows = await database.query(`select device, precision, line from ${RELATION} order by id`);
    expect(rows).toEqual([
      { device: 'a "b\\c', precision: null, line: ' 1\tVoltage  1.5 ' },
      { device: 'a "b\\c', precision: null, line: '2 Current 2' },
      { device: null, precision: 'ms', line: '3 Voltage 3' },
      { device: null, precision: null, line: long },
    ]);
    const flushes = await database.query(`select f.source, f.lines, f.ingest_xid = (select max(ingest_xid) from ${RELATION}) as same, substr(f.flush_id::text, 15, 1) as version from bronze.flushes f`);
    expect(flushes).toEqual([{ source: RELATION, lines: 4, same: true, version: '7' }]);
    expect(flushed).toEqual([RELATION]);
  });

  it('takes a batch larger than the socket buffer, and many of them', async () => {
    const commit = start({ queueLimitBytes: 1 << 26 });
    const big = batch(Array.from({ length: 40_000 }, (_, i) => `${i} Voltage ${i}.25`).join('\n'), { device: 'd'.repeat(128) });
    await Promise.all([commit.submit(big), commit.submit(big), commit.submit(big)]);
    expect(await database.query(`select count(*)::int as n, count(distinct line)::int as lines from ${RELATION}`)).toEqual([{ n: 120_000, lines: 40_000 }]);
  });

  it('close() answers what was taken, then refuses', async () => {
    const commit = start();
    const answers = Array.from({ length: 50 }, (_, i) => commit.submit(batch(`${i} a ${i}`)));
    await commit.close();
    expect(new Set(await outcomes(answers))).toEqual(new Set(['stored']));
    expect(await stored()).toHaveLength(50);
    expect(await outcomes([commit.submit(batch('1 a 1'))])).toEqual(['shutting-down']);
  });

  it('a full queue refuses at once, and takes again when it has drained', async () => {
    const commit = start({ queueLimitBytes: 1_000 });
    const blocker = await database.session();
    await blocker.query(`begin; lock table ${RELATION} in access exclusive mode`);
    const first: Promise<{ replayed: boolean }>[] = [];
    for (let i = 0; i < 2; i++) {
      first.push(commit.submit(batch(`${i} first 1`)));
      for (let tries = 0; commit.status.flushing <= i && tries < 200; tries++) await sleep(5);
    }
    expect(commit.status.flushing).toBe(2);
    const text = `1 b ${'1'.repeat(96)}`;
    const queued = Array.from({ length: 10 }, () => commit.submit(batch(text)));
    expect(commit.status.queueBytes).toBe(1_000);
    const before = performance.now();
    expect(await outcomes([commit.submit(batch('1 c 1'))])).toEqual(['overloaded']);
    expect(performance.now() - before).toBeLessThan(100);
    await blocker.query('commit');
    expect(new Set(await outcomes([...first, ...queued]))).toEqual(new Set(['stored']));
    expect(commit.status.queueBytes).toBe(0);
    expect(await outcomes([commit.submit(batch('1 d 1'))])).toEqual(['stored']);
  });

  it('batches that come while a flush is under way share the next one, unless they are many or it is slow', async () => {
    const commit = start({ queueLimitBytes: 16 << 20 });
    const many = '5 e 1\n'.repeat(15_000);
    const turn = (): Promise<unknown> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    /** How many flushes are under way when these have come behind a first one. */
    const behind = async (texts: string[]): Promise<number> => {
      const first = commit.submit(batch('1 a 1'));
      await turn();
      const others = texts.map((text) => commit.submit(batch(text)));
      await turn();
      const { flushing } = commit.status;
      await Promise.all([first, ...others]);
      return flushing;
    };
    await commit.submit(batch('0 warm 1'));
    // Once the second session is there, and when the first flush takes longer than the others take to arrive.
    let most = 0;
    for (const end = Date.now() + 10_000; most < 2 && Date.now() < end; ) most = await behind([many]);
    expect(most).toBe(2);
    expect(await behind(['2 b 1', '3 c 1', '4 d 1'])).toBeLessThan(2);

    const blocker = await database.session();
    await blocker.query(`begin; lock table ${RELATION}`);
    const waiting = [commit.submit(batch('6 f 1'))];
    await turn();
    waiting.push(commit.submit(batch('7 g 1')));
    for (const end = Date.now() + 5_000; commit.status.flushing < 2 && Date.now() < end; ) await sleep(10);
    expect(commit.status).toMatchObject({ flushing: 2, queueBatches: 0 });
    await blocker.query('commit');
    await Promise.all(waiting);
  });

  it('answers within the deadline when the table is blocked, and stores nothing of what it refused', async () => {
    const commit = start({ deadlineMs: 1_000 });
    const blocker = await database.session();
    await blocker.query(`begin; lock table ${RELATION} in access exclusive mode`);
    const before = performance.now();
    const answers = Array.from({ length: 6 }, async (_, i) => {
      await sleep(i * 20);
      return commit.submit(batch(`${i} a 1`));
    });
    const refused = await Promise.all(answers.map((answer) => answer.then(() => 'stored', (problem: Problem) => problem.members.outcome)));
    expect(new Set(refused)).toEqual(new Set(['not_stored']));
    expect(performance.now() - before).toBeLessThan(1_300);
    await blocker.query('rollback');
    await sleep(100);
    expect(await stored()).toEqual([]);
    await commit.submit(batch('7 a 1'));
    expect(await stored()).toEqual(['7 a 1']);
  });

  it('retries request by request when the data is refused: only the guilty one gets the error', async () => {
    await database.query(`alter table ${RELATION} add check (line not like '%bad%')`);
    const commit = start();
    const answers = ['1 good 1', '2 bad 1', '3 good 1', '4 bad 1'].map((text) => commit.submit(batch(text)));
    expect(await outcomes(answers)).toEqual(['stored', 'invalid-body', 'stored', 'invalid-body']);
    expect(await stored()).toEqual(['1 good 1', '3 good 1']);
  });

  it('runs a flush again whole when no partition takes its rows', async () => {
    await database.query('drop table bronze.raw_readings_default');
    const commit = start();
    const answer = outcomes([commit.submit(batch('1 a 1'))]);
    await sleep(200);
    await database.query(`create table bronze.raw_readings_default partition of ${RELATION} default`);
    expect(await answer).toEqual(['stored']);
    expect(await stored()).toEqual(['1 a 1']);
  });

  it('says 503, never 4xx, when the table is not there', async () => {
    const commit = start({ relation: 'bronze.nothing' });
    expect(await outcomes([commit.submit(batch('1 a 1'))])).toEqual(['database-unavailable']);
  });

  it('connects where every answer takes 400 ms', async () => {
    const proxy = await openProxy(database.url);
    proxy.delayMs = 200; // each way; with its password a login takes some 2 s
    const commit = start({ url: proxy.url });
    for (let answers = [''], tries = 0; answers[0] !== 'stored'; tries++) {
      answers = await outcomes([commit.submit(batch('1 a 1'))]);
      if (answers[0] === 'database-unavailable') await sleep(100);
      if (tries === 100) break;
    }
    await commit.close();
    await proxy.close();
    expect(await stored()).not.toEqual([]);
  });

  it('goes on when its idle connections are terminated', async () => {
    const commit = start({ url: database.url }); // who may end the sessions
    await commit.submit(batch('1 a 1'));
    await database.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ingot ingest' and datname = current_database()`);
    expect(await outcomes([commit.submit(batch('2 a 1'))])).toEqual(['stored']);
    expect(await stored()).toEqual(['1 a 1', '2 a 1']);
  });

  describe('with idempotency keys', () => {
    it('same key and body replays, same key and other body is a mismatch, other device is another key', async () => {
      const commit = start();
      expect(await outcomes([commit.submit(batch('1 a 1', { key: 'k' }))])).toEqual(['stored']);
      flushed = [];
      expect(await outcomes([commit.submit(batch('1 a 1', { key: 'k' }))])).toEqual(['replayed']);
      expect(await outcomes([commit.submit(batch('2 a 2', { key: 'k' }))])).toEqual(['idempotency-mismatch']);
      expect(flushed).toEqual([]);
      expect(await outcomes([commit.submit(batch('1 a 1', { key: 'k', device: 'other' })), commit.submit(batch('3 a 3'))])).toEqual(['stored', 'stored']);
      expect(await stored()).toEqual(['1 a 1', '1 a 1', '3 a 3']);
      const keys = await database.query(`select k.device, k.status, exists (select from bronze.flushes f where f.flush_id = k.flush_id) as flush from ingot.idempotency_keys k order by 1`);
      expect(keys).toEqual([{ device: 'default', status: 200, flush: true }, { device: 'other', status: 200, flush: true }]);
    });

    it('ten at once in each of two processes: stored once, the rest in flight or replayed', async () => {
      const processes = [start({ url: database.url }), start({ url: database.url })];
      await Promise.all(processes.map((commit, i) => commit.submit(batch(`${i} warm 1`))));
      const answers = await outcomes(Array.from({ length: 20 }, (_, i) => processes[i % 2]!.submit(batch('9 a 1', { key: 'k' }))));
      expect(answers.filter((answer) => answer === 'stored')).toHaveLength(1);
      expect(answers.every((answer) => ['stored', 'replayed', 'idempotency-in-flight'].includes(answer))).toBe(true);
      expect((await stored()).filter((line) => line === '9 a 1')).toHaveLength(1);
      expect(await outcomes([processes[0]!.submit(batch('9 a 1', { key: 'k' }))])).toEqual(['replayed']);
    });

    it('keys in opposite orders from two processes: one waits for the other, neither has to be run again', async () => {
      await database.query(`
        create sequence public.claims;
        create function public.slow() returns trigger language plpgsql as 'begin perform pg_catalog.pg_sleep(0.02), pg_catalog.nextval(''public.claims''); return new; end';
        create trigger slow before insert on ingot.idempotency_keys for each row execute function public.slow()`);
      const processes = [start({ url: database.url }), start({ url: database.url })];
      await Promise.all(processes.map((commit, i) => commit.submit(batch(`${i} warm 1`))));
      const keys = ['a', 'b', 'c', 'd', 'e'];
      const submit = (commit: GroupCommit, order: string[]): Promise<string[]> => outcomes(order.map((key) => commit.submit(batch(`1 ${key} 1`, { key }))));
      const answers = await Promise.all([submit(processes[0]!, keys), submit(processes[1]!, keys.toReversed())]);
      expect(answers.map((answer) => [...new Set(answer)]).flat().sort()).toEqual(['replayed', 'stored']);
      expect(await database.query(`select last_value::int as tried from public.claims`)).toEqual([{ tried: 10 }]);
      expect(await stored()).toHaveLength(7);
    });

    it('a key held by another process is in flight, and holds up nothing else of its flush', async () => {
      const holder = await database.session();
      await holder.query(`begin; insert into ingot.idempotency_keys values ('default', 'held', '\\x00', gen_random_uuid(), 200)`);
      const commit = start();
      const answers = await outcomes([
        commit.submit(batch('1 a 1')),
        commit.submit(batch('2 a 1', { key: 'held' })),
        commit.submit(batch('3 a 1', { key: 'free' })),
      ]);
      expect(answers).toEqual(['stored', 'idempotency-in-flight', 'stored']);
      await holder.query('rollback');
      expect(await outcomes([commit.submit(batch('2 a 1', { key: 'held' }))])).toEqual(['stored']);
      expect(await stored()).toEqual(['1 a 1', '2 a 1', '3 a 1']);
    });
  });
});

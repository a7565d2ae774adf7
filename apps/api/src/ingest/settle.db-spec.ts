import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { createLogger } from '../logger.js';
import type { Problem } from '../problem.js';
import { newFlush } from './flush.js';
import { GroupCommit, type GroupCommitOptions } from './group-commit.js';
import { fence, rerun } from './settle.js';
import { batch, RELATION, TABLE } from './test/bronze.js';


/** What becomes of the message that ends a flush, i.e. holds `commit`. */
type Cut =
  | 'before' // the server never sees it
  | 'during' // the server gets it, nobody waits for the answer
  | 'after' // the server's answer to COMMIT is kept back
  | 'hang'; // the server never sees it and the socket stays open

/** A TCP proxy to the server that cuts the connection of the next flushes around their COMMIT. */
class CuttingProxy {
  /** Applied to one flush each, in order. */
  cuts: Cut[] = [];
  /** While true, connections are accepted and nothing is passed on: a server that hangs. */
  frozen = false;
  /** While true, every connection is reset: nobody listens. */
  refusing = false;
  done = 0;
  /** What happens between the cut and the client's knowing of it. */
  onCut: () => Promise<unknown> = () => Promise.resolve();
  private readonly server: net.Server;
  private readonly sockets = new Set<net.Socket>();

  constructor(private readonly target: URL) {
    this.server = net.createServer((client) => this.pass(client));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String((this.server.address() as net.AddressInfo).port);
    return url.toString();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** The server goes away: open connections break and no new one comes up. */
  goAway(): void {
    this.refusing = true;
    for (const socket of this.sockets) socket.destroy();
  }

  private pass(client: net.Socket): void {
    if (this.refusing) return void client.resetAndDestroy();
    const server = net.connect(Number(this.target.port), this.target.hostname);
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => (client.destroy(), server.destroy()));
    }
    let cut: Cut | undefined;
    client.on('data', (chunk) => {
      if (this.frozen || cut === 'hang') return;
      if (cut === undefined && chunk.includes('; commit')) cut = this.cuts.shift();
      if (cut !== undefined) this.done++;
      if (cut === 'before') client.destroy();
      else if (cut === 'during') server.write(chunk, () => client.resetAndDestroy());
      else if (cut !== 'hang') server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (this.frozen) return;
      if (cut === 'after') {
        if (chunk.includes('COMMIT')) void this.onCut().then(() => client.resetAndDestroy());
      } else if (!client.destroyed) client.write(chunk);
    });
  }
}

describe('a connection lost around COMMIT', () => {
  let database: TestDatabase;
  let proxy: CuttingProxy;
  let url: string;
  const open: GroupCommit[] = [];

  beforeEach(async () => {
    database = await createTestDatabase();
    await database.query(TABLE);
    proxy = new CuttingProxy(new URL(database.url));
    url = await proxy.listen();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((commit) => commit.close()));
    await proxy.close();
    await database.drop();
  });

  function start(options: Partial<GroupCommitOptions> = {}): GroupCommit {
    const commit = new GroupCommit({ url, relation: RELATION, queueLimitBytes: 1 << 20, deadlineMs: 5_000, logger: createLogger('silent'), onFlushed: () => undefined, ...options });
    open.push(commit);
    commit.start();
    return commit;
  }

  const stored = async (): Promise<string[]> => (await database.query<{ line: string }>(`select line from ${RELATION} order by line collate "C"`)).map((row) => row.line);
  const flushes = async (): Promise<number[]> => (await database.query<{ lines: number }>('select lines from bronze.flushes order by flush_id')).map((row) => row.lines);
  const outcome = async (answer: Promise<{ replayed: boolean }>): Promise<unknown> => answer.then(({ replayed }) => (replayed ? 'replayed' : 'stored'), (problem: Problem) => problem.members.outcome ?? problem.code);

  it.each([['before'], ['during'], ['after'], ['hang']] as const)('%s: the flush is settled by its row, stored exactly once and acknowledged', async (cut) => {
    const commit = start();
    await commit.submit(batch('0 warm 1'));
    proxy.cuts = [cut];
    const answers = [commit.submit(batch('1 a 1\n2 a 1')), commit.submit(batch('3 a 1'))].map(outcome);
    if (cut === 'hang') expect(await Promise.all(answers)).toEqual(['not_stored', 'not_stored']); // its time is over when the hang is known: fenced
    else expect(await Promise.all(answers)).toEqual(['stored', 'stored']);
    expect(proxy.done).toBeGreaterThan(0);
    expect(await stored()).toEqual(cut === 'hang' ? ['0 warm 1'] : ['0 warm 1', '1 a 1', '2 a 1', '3 a 1']);
    expect(await flushes()).toEqual([1, cut === 'hang' ? -1 : 3]);
  });

  it.each([
    ['the database is read-only from then on', (name: string) => `alter database ${name} set default_transaction_read_only = on`],
    [
      'the disk is full from then on',
      () => `create function bronze.no_space() returns trigger language plpgsql as $$ begin raise exception 'No space left on device' using errcode = '53100'; end $$;
        create trigger no_space before insert or update on bronze.flushes for each row execute function bronze.no_space()`,
    ],
  ])('after, and %s: never called not stored, because it is', async (_, fault) => {
    const commit = start({ deadlineMs: 2_000 });
    await commit.submit(batch('0 warm 1'));
    proxy.cuts = ['after'];
    proxy.onCut = () => database.query(fault(database.name));
    expect(await outcome(commit.submit(batch('1 a 1')))).toBe('unknown');
    expect(await stored()).toEqual(['0 warm 1', '1 a 1']);
  });

  it.each([['before'], ['during'], ['after']] as const)('%s, and again on the second try: still exactly once', async (cut) => {
    const commit = start();
    await commit.submit(batch('0 warm 1'));
    proxy.cuts = [cut, cut, cut];
    expect(await outcome(commit.submit(batch('1 a 1')))).toBe('stored');
    expect(await stored()).toEqual(['0 warm 1', '1 a 1']);
  });

  it.each([['before'], ['during'], ['after']] as const)('%s, with a key: the client that tries again gets a replay', async (cut) => {
    const commit = start();
    await commit.submit(batch('0 warm 1'));
    proxy.cuts = [cut];
    expect(await Promise.all([outcome(commit.submit(batch('1 a 1', { key: 'k' }))), outcome(commit.submit(batch('2 a 1')))])).toEqual(['stored', 'stored']);
    expect(await outcome(commit.submit(batch('1 a 1', { key: 'k' })))).toBe('replayed');
    expect(await stored()).toEqual(['0 warm 1', '1 a 1', '2 a 1']);
  });

  it('an original that still runs is ended, and the second run stores', async () => {
    const commit = start();
    await commit.submit(batch('0 warm 1'));
    const blocker = await database.session();
    await blocker.query(`begin; lock table ${RELATION} in access exclusive mode`);
    proxy.cuts = ['during'];
    const answer = outcome(commit.submit(batch('1 a 1')));
    await sleep(400);
    const waiting = await database.query(`select application_name as who from pg_locks join pg_stat_activity using (pid) where not granted and relation = '${RELATION}'::regclass`);
    expect(waiting).toEqual([{ who: 'ingot settle' }]); // the second run; the original is gone
    await blocker.query('rollback');
    expect(await answer).toBe('stored');
    expect(await stored()).toEqual(['0 warm 1', '1 a 1']);
  });

  it('ends only what holds the id of the flush, nobody else', async () => {
    const bystander = await database.session('bystander');
    await bystander.query(`begin; insert into ingot.idempotency_keys values ('default', 'k', '\\x00', gen_random_uuid(), 200)`);
    const flush = newFlush(RELATION, [batch('1 a 1', { key: 'k' })]);
    await expect(rerun({ url, name: 'test' }, flush, performance.now() + 2_000)).rejects.toMatchObject({ code: '55P03' });
    expect((await bystander.query('select 1 as alive')).rows).toEqual([{ alive: 1 }]);
  });

  it('does not end a session that holds up the flush table for its own reasons', async () => {
    const bystander = await database.session('bystander');
    await bystander.query('begin; lock table bronze.flushes in access exclusive mode');
    expect(await fence({ url, name: 'test' }, newFlush(RELATION, [batch('1 a 1')]), performance.now() + 500)).toBeUndefined();
    expect((await bystander.query('select 1 as alive')).rows).toEqual([{ alive: 1 }]);
  });

  it('a server that hangs for longer than the deadline: unknown in time, at most once afterwards, and fenced', async () => {
    const commit = start({ deadlineMs: 1_500 });
    await commit.submit(batch('0 warm 1'));
    // Each has been asked for its synchronous_commit: before that a writer takes no flush.
    const writers = () => database.query(`select from pg_stat_activity where application_name = 'ingot ingest' and datname = current_database() and state = 'idle' and query <> ''`);
    while ((await writers()).length < 2) await sleep(10);
    await sleep(50); // their answers are on the way
    proxy.frozen = true;
    const before = performance.now();
    const inFlight = outcome(commit.submit(batch('1 a 1')));
    await sleep(50);
    const alsoInFlight = outcome(commit.submit(batch('2 a 1')));
    await sleep(50);
    const queued = outcome(commit.submit(batch('3 a 1')));
    expect(await queued).toBe('not_stored');
    expect(await Promise.all([inFlight, alsoInFlight])).toEqual(['unknown', 'unknown']);
    expect(performance.now() - before).toBeLessThan(1_900);
    const late = performance.now();
    expect(await outcome(commit.submit(batch('4 a 1')))).toBe('not_stored');
    expect(performance.now() - late).toBeLessThan(250);

    proxy.frozen = false;
    const back = performance.now();
    while ((await outcome(commit.submit(batch('5 a 1')))) !== 'stored' && performance.now() - back < 5_000) await sleep(50);
    expect(performance.now() - back).toBeLessThan(5_000);
    for (let tries = 0; (await flushes()).filter((lines) => lines === -1).length < 2 && tries < 50; tries++) await sleep(50);
    expect(await flushes()).toEqual([1, -1, -1, 1]);
    expect(await stored()).toEqual(['0 warm 1', '5 a 1']);
  });

  it('a fenced flush can no longer commit, a committed one is not fenced', async () => {
    const session = { url, name: 'test' };
    const soon = (): number => performance.now() + 2_000;
    const late = newFlush(RELATION, [batch('1 a 1')]);
    expect(await fence(session, late, soon())).toBe('fenced');
    expect(await rerun(session, late, soon())).toBe('fenced');
    const early = newFlush(RELATION, [batch('2 a 1')]);
    expect(await rerun(session, early, soon())).toBe('stored');
    expect(await fence(session, early, soon())).toBe('stored');
    expect(await stored()).toEqual(['2 a 1']);
  });

  it('a database that refuses connections: 503 not_stored at once with a flat queue, and back by itself', async () => {
    const commit = start();
    await commit.submit(batch('0 warm 1'));
    proxy.goAway();
    for (let tries = 0; commit.status.database === 'connected' && tries < 100; tries++) await sleep(10);
    const before = performance.now();
    for (let i = 0; i < 40; i++) {
      expect(await outcome(commit.submit(batch(`${i} b 1`)))).toBe('not_stored');
      expect(commit.status.queueBytes).toBe(0);
    }
    expect(performance.now() - before).toBeLessThan(1_000); // each at once: none waits for the next try to connect
    proxy.refusing = false;
    for (let tries = 0; commit.status.database !== 'connected' && tries < 100; tries++) await sleep(50);
    expect(await outcome(commit.submit(batch('1 c 1')))).toBe('stored');
    expect(await stored()).toEqual(['0 warm 1', '1 c 1']);
  });
});

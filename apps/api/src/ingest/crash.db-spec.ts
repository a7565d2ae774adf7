import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connect } from '@ingot/postgres';
import { createTestDatabase, startTestCluster, type TestCluster } from '@ingot/testing';
import { createLogger } from '../logger.js';
import type { Problem } from '../problem.js';
import { GroupCommit } from './group-commit.js';
import { batch, RELATION, TABLE } from './test/bronze.js';

const DEADLINE_MS = 3_000;

type Outcome = 'stored' | 'not_stored' | 'unknown';

/** Posts one unique line after another and writes down what it was told of each. */
class Client {
  readonly told = new Map<string, Outcome>();
  readonly slowestMs = { of: 0 };

  constructor(private readonly name: string) {}

  async post(commit: GroupCommit, going: () => boolean): Promise<void> {
    for (let i = 0; going(); i++) {
      const line = `${i} ${this.name} ${i}`;
      this.told.set(line, 'unknown');
      const before = performance.now();
      const outcome = await commit.submit(batch(line)).then(
        (): Outcome => 'stored',
        (problem: Problem) => problem.members.outcome as Outcome,
      );
      this.slowestMs.of = Math.max(this.slowestMs.of, performance.now() - before);
      this.told.set(line, outcome);
      if (outcome !== 'stored') await sleep(10);
    }
  }
}

describe('a server that crashes or hangs under load', () => {
  let cluster: TestCluster;
  let url: string;
  let commit: GroupCommit;
  let clients: Client[];
  let going: boolean;
  let posting: Promise<void[]>;

  beforeAll(async () => {
    cluster = await startTestCluster();
    ({ url } = await createTestDatabase(cluster.url));
    await query(TABLE);
  });
  afterAll(() => cluster.stop());

  beforeEach(async () => {
    await query(`truncate ${RELATION}, bronze.flushes`);
    commit = new GroupCommit({ url, relation: RELATION, queueLimitBytes: 1 << 20, deadlineMs: DEADLINE_MS, logger: createLogger('silent'), onFlushed: () => undefined });
    commit.start();
    clients = Array.from({ length: 8 }, (_, i) => new Client(`c${i}`));
    going = true;
    posting = Promise.all(clients.map((client) => client.post(commit, () => going)));
    await sleep(300);
  });
  afterEach(() => commit.close());

  async function query<Row extends object>(text: string): Promise<Row[]> {
    const client = await connect({ url, name: 'test' });
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  const told = (outcome: Outcome): string[] => clients.flatMap((client) => [...client.told].filter(([, is]) => is === outcome).map(([line]) => line));

  /** Every acknowledged line once, no line told `not_stored`, no unknown line twice, nothing that was never sent. */
  async function expectExactlyWhatWasTold(): Promise<void> {
    const stored = (await query<{ line: string }>(`select line from ${RELATION}`)).map((row) => row.line);
    const lines = new Set(stored);
    expect(stored).toHaveLength(lines.size);
    expect(told('stored').filter((line) => !lines.has(line))).toEqual([]);
    expect(told('not_stored').filter((line) => lines.has(line))).toEqual([]);
    const mayBeThere = new Set([...told('stored'), ...told('unknown')]);
    expect(stored.filter((line) => !mayBeThere.has(line))).toEqual([]);
  }

  const storedSince = async (count: number): Promise<void> => {
    for (let tries = 0; told('stored').length <= count && tries < 100; tries++) await sleep(50);
    expect(told('stored').length).toBeGreaterThan(count);
  };

  it.each([['stopImmediate'], ['kill']] as const)('%s: acknowledged lines are there once, refused ones are not, and it comes back by itself', async (crash) => {
    await cluster[crash]();
    for (let tries = 0; commit.status.database === 'connected' && tries < 100; tries++) await sleep(10);
    const late = new Client('late'); // the others may all be in flight, and then they are stored after all
    clients.push(late);
    const postingLate = late.post(commit, () => going);
    await sleep(100);
    expect(told('not_stored').length).toBeGreaterThan(0);
    const before = told('stored').length;
    await cluster.restart();
    await storedSince(before + 20);
    going = false;
    await Promise.all([posting, postingLate]);
    await expectExactlyWhatWasTold();
  });

  it('hangs (SIGSTOP) for longer than the deadline: answers in time, and what was told not_stored is not there after SIGCONT', async () => {
    cluster.pause();
    await sleep(DEADLINE_MS + 1_000);
    const before = told('stored').length;
    expect(Math.max(...clients.map((client) => client.slowestMs.of))).toBeLessThan(DEADLINE_MS + 500);
    expect(told('unknown').length).toBeGreaterThan(0);
    cluster.resume();
    await storedSince(before + 20);
    going = false;
    await posting;
    await commit.close();
    await expectExactlyWhatWasTold();
  });

  it('a hang shorter than the deadline loses nothing', async () => {
    cluster.pause();
    await sleep(800);
    cluster.resume();
    await storedSince(told('stored').length + 20);
    going = false;
    await posting;
    expect(told('unknown')).toEqual([]);
    await expectExactlyWhatWasTold();
  });
});

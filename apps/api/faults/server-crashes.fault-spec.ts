import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { startTestCluster, type TestCluster } from '@ingot/testing';
import type { Seen } from './load.js';
import { START_MS, patience, sized } from './options.js';
import { faultCase } from './record.js';
import { Stage } from './stage.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster();
}, START_MS);
afterAll(() => cluster.stop());

describe('PostgreSQL goes', () => {
  faultCase('3: pg_ctl stop -m immediate, and SIGKILL of the postmaster, while four writers post', async (record, random) => {
    const stage = await Stage.open({ cluster });
    try {
      const service = await stage.serve();
      const { pid } = service.process;
      const load = stage.load(random);
      let slowest = 0;
      for (; record.rounds < sized(4, 50); record.rounds++) {
        await load.untilAcknowledged(1, patience(5_000));
        await sleep(random.between(0, 200));
        const crashed = performance.now();
        await (record.rounds % 2 === 0 ? cluster.stopImmediate() : cluster.kill());
        while ((await readiness(stage)) !== 503) await sleep(20);
        slowest = Math.max(slowest, performance.now() - crashed);
        expect(slowest).toBeLessThan(patience(2_000));
        await cluster.restart();
        const since = performance.now();
        await stage.recover(record, since);
      }
      await load.stop();
      record.note(`not ready after at most ${Math.round(slowest)} ms`);
      expectOwnTrouble(load.seen);
      expect([stage.service?.process.pid, service.process.exitCode]).toEqual([pid, null]); // never restarted
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  }, 15);

  faultCase('4: SIGKILL of one backend, pg_terminate_backend of idle connections', async (record, random) => {
    const stage = await Stage.open({ cluster });
    try {
      await stage.serve();
      const load = stage.load(random);
      const reads: number[] = [];
      for (; record.rounds < sized(4, 40); record.rounds++) {
        await load.untilAcknowledged(1, patience(5_000));
        const isKill = record.rounds % 2 === 0;
        await (isKill ? killOneBackend(stage) : terminateIdleSessions(stage));
        const since = performance.now();
        reads.push(await status(stage, '/data?from=2030-01-01&to=2030-01-02'), await status(stage, '/stats'), await status(stage, '/health'));
        await stage.recover(record, since);
      }
      await load.stop();
      expect(reads.filter((code) => code !== 200 && code !== 503)).toEqual([]);
      expectOwnTrouble(load.seen);
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  }, 10);

  faultCase('5: PostgreSQL is down for a while', async (record, random) => {
    const stage = await Stage.open({ cluster });
    try {
      await stage.serve();
      const load = stage.load(random, { keyed: 'none', writers: 8 });
      await load.untilAcknowledged(10, patience(5_000));
      await cluster.stopFast();
      while ((await readiness(stage)) !== 503) await sleep(20);
      await sleep(500); // what was under way when it went has its answer
      const down = performance.now();
      let queued = 0;
      while (performance.now() - down < sized(6_000, 60_000)) {
        const { ingest } = (await (await fetch(`${stage.url}/health/ready`)).json()) as { ingest: Record<string, { queueBytes: number }> };
        queued = Math.max(queued, ...Object.values(ingest).map(({ queueBytes }) => queueBytes));
        await sleep(100);
      }
      const up = performance.now();
      await cluster.restart();
      const since = performance.now();
      await stage.recover(record, since);
      await load.stop();
      const meanwhile = load.seen.filter(({ at, milliseconds }) => at - milliseconds > down && at < up);
      expect(meanwhile.length).toBeGreaterThan(10);
      expect(meanwhile.filter((seen) => seen.status !== 503 || seen.retryAfter === undefined || seen.told !== 'not-stored')).toEqual([]);
      const times = meanwhile.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
      expect(times[Math.floor(times.length / 2)]).toBeLessThan(patience(250));
      expect(queued).toBe(0);
      record.rounds = 1;
      record.note(`${meanwhile.length} replies while it was down: all 503 with Retry-After, p99 ${Math.round(times[Math.floor(times.length * 0.99)] ?? 0)} ms; nothing queued`);
      expectOwnTrouble(load.seen);
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  }, 5);
});

/** Our trouble is never the client's fault, nor a bug: 200, 503 or a 409 of a key that is under way. */
function expectOwnTrouble(seen: readonly Seen[]): void {
  expect(seen.filter(({ status: code }) => ![200, 409, 503].includes(code))).toEqual([]);
}

async function status(stage: Stage, path: string): Promise<number> {
  const answer = await fetch(`${stage.url}${path}`);
  await answer.text();
  return answer.status;
}

const readiness = (stage: Stage): Promise<number> => status(stage, '/health/ready');

/** One that works, if there is one: the postmaster then ends all others and starts again by itself. */
async function killOneBackend(stage: Stage): Promise<void> {
  const pid = await firstPid(stage, `select pid from pg_stat_activity where ${OF_THE_SERVICE} order by state = 'idle', random() limit 1`);
  process.kill(pid, 'SIGKILL');
}

async function terminateIdleSessions(stage: Stage): Promise<void> {
  await firstPid(stage, `select pid, pg_terminate_backend(pid) from pg_stat_activity where ${OF_THE_SERVICE} and state = 'idle'`);
}

const OF_THE_SERVICE = `datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`;

/** Of the sessions that the statement gives. Asks until there are any: between two answers the service may have none, or none that is idle. */
async function firstPid(stage: Stage, text: string): Promise<number> {
  for (const begun = performance.now(); performance.now() - begun < patience(5_000); await sleep(5)) {
    const [session] = await stage.queryAll<{ pid: number }>(text);
    if (session !== undefined) return session.pid;
  }
  throw new Error(`no session to end: ${text}`);
}

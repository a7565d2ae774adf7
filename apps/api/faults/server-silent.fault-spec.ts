import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { openProxy, startTestCluster, type TestCluster } from '@ingot/testing';
import type { Seen } from './load.js';
import { START_MS, patience, sized } from './options.js';
import { faultCase } from './record.js';
import { Stage } from './stage.js';

const DEADLINE_MS = 3_000;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster();
}, START_MS);
afterAll(() => cluster.stop());

describe('PostgreSQL says nothing', () => {
  faultCase('6: PostgreSQL hangs (SIGSTOP), its sockets open', async (record, random) => {
    const stage = await Stage.open({ cluster, env: { INGOT_INGEST_DEADLINE_MS: String(DEADLINE_MS) } });
    try {
      await stage.serve();
      const load = stage.load(random, { writers: 8 });
      for (; record.rounds < sized(1, 2); record.rounds++) {
        await load.untilAcknowledged(5, patience(5_000));
        const sessions = await sessionsOf(stage);
        cluster.pause();
        const paused = performance.now();
        await sleep(sized(2 * DEADLINE_MS, 60_000));
        const resumed = performance.now();
        cluster.resume();
        await stage.recover(record, resumed);
        const during = load.seen.filter(({ at }) => at > paused && at < resumed);
        expectInTime(during);
        // Two flushes were in flight, of at most one request of each writer; whoever came later was refused.
        const unknown = during.filter(({ told }) => told === 'unknown').length;
        expect(unknown).toBeLessThanOrEqual(8);
        record.note(`${unknown} of ${during.length} requests answered \`unknown\``);
        await settled(async () => (await sessionsOf(stage)) <= sessions + 1, 'no more sessions than before'); // the pools have not leaked
      }
      await load.stop();
      await stage.judge(record);
    } finally {
      cluster.resume();
      await stage.close();
    }
  }, 6);

  faultCase('8: the way to PostgreSQL is a black hole, in both directions and in one', async (record, random) => {
    const stage = await Stage.open({ cluster, env: { INGOT_INGEST_DEADLINE_MS: String(DEADLINE_MS) } });
    try {
      await stage.serve();
      const load = stage.load(random, { writers: 8 });
      const holes = ['both', 'requests', 'answers'] as const;
      for (; record.rounds < sized(3, 12); record.rounds++) {
        await load.untilAcknowledged(5, patience(5_000));
        const hole = holes[record.rounds % holes.length] ?? 'both';
        const begun = performance.now();
        if (hole === 'both') Object.assign(stage.proxy, { silent: true });
        else stage.proxy.loses = hole;
        if (hole === 'both') stage.proxy.swallow();
        await sleep(DEADLINE_MS + 1_000);
        Object.assign(stage.proxy, { silent: false, loses: 'nothing' });
        const over = performance.now();
        await stage.recover(record, over);
        expectInTime(load.seen.filter(({ at }) => at > begun && at < over));
      }
      await load.stop();
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  }, 6);

  faultCase('8: clients vanish without a word in the middle of a body', async (record) => {
    const stage = await Stage.open({ cluster, env: { INGOT_HEADERS_TIMEOUT_SECONDS: '10', INGOT_REQUEST_TIMEOUT_SECONDS: '10' } });
    const front = await openProxy(`${stage.url}/`);
    try {
      await stage.serve();
      const vanished = await Promise.all(Array.from({ length: sized(20, 50) }, () => beginPost(front.url)));
      await settled(async () => (await openSockets(stage)) >= vanished.length, 'their sockets are taken', 10_000);
      front.swallow();
      for (const socket of vanished) socket.destroy(); // the service does not hear of it
      const since = performance.now();
      await stage.recover(record, since);
      await settled(async () => (await openSockets(stage)) < vanished.length / 2, 'their sockets are let go', 90_000);
      record.note(`half-open connections are let go after ${Math.round((performance.now() - since) / 1000)} s`);
      record.rounds = vanished.length;
      await stage.judge(record);
    } finally {
      await front.close();
      await stage.close();
    }
  }, 5);
});

function expectInTime(seen: readonly Seen[]): void {
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.filter(({ status }) => ![200, 409, 503].includes(status))).toEqual([]);
  expect(seen.filter(({ status, retryAfter }) => status === 503 && retryAfter === undefined)).toEqual([]);
  expect(Math.max(...seen.map(({ milliseconds }) => milliseconds))).toBeLessThan(DEADLINE_MS + patience(300));
}

const sessionsOf = async (stage: Stage): Promise<number> =>
  (await stage.query<{ n: number }>(`select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name like 'ingot%'`))[0]?.n ?? -1;

/** The head and half of the body of a POST; the rest never comes. */
function beginPost(url: string): Promise<net.Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname, () => {
      socket.write('POST /data HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n1893456000 Never 1', () => resolve(socket));
    });
    socket.once('error', reject);
  });
}

/** Connections that the service holds, by its own account. */
async function openSockets(stage: Stage): Promise<number> {
  const text = await (await fetch(`${stage.url}/metrics`)).text();
  return Number(/^ingot_http_requests_in_flight (\d+)/m.exec(text)?.[1] ?? -1);
}

async function settled(holds: () => Promise<boolean>, what: string, withinMs = patience(10_000)): Promise<void> {
  for (const end = performance.now() + withinMs; !(await holds()); await sleep(100)) if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
}

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@ingot/postgres';
import { startTestCluster, type TestCluster } from '@ingot/testing';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { START_MS, options, patience, sized } from './options.js';
import { post, toldBy, toldByError, type Answer } from './post.js';
import { faultCase, notRun, type CaseRecord } from './record.js';
import { Stage } from './stage.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster();
}, START_MS);
afterAll(() => cluster.stop());

interface Herd {
  readonly statuses: Record<string, number>;
  readonly milliseconds: readonly number[];
}

/**
 * Clients that all post at once, each again and without a pause until it is acknowledged.
 * @returns how often each status came (0: the connection ended first), and how long each client needed
 */
async function stampede(stage: Stage, clients: number, again: boolean): Promise<Herd> {
  const statuses: Record<string, number> = {};
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients });
  const one = async (client: number): Promise<number> => {
    const line = `1893456000 Voltage ${stage.ledger.nextValue()}`;
    const device = `client-${client}`;
    const request = stage.ledger.sending(device, [line]);
    const begun = performance.now();
    for (;;) {
      const answer = await post(`${stage.url}/data`, line, { 'x-device-id': device, 'idempotency-key': String(request) }, agent).catch((error: unknown) => error);
      const answered = typeof (answer as Answer).status === 'number';
      const status = answered ? (answer as Answer).status : 0;
      statuses[status] = (statuses[status] ?? 0) + 1;
      stage.ledger.told(request, answered ? toldBy(answer as Answer) : toldByError(answer));
      if (status === 200 || !again) return performance.now() - begun;
      if (performance.now() - begun > patience(30_000)) throw new Error(`a client is not acknowledged; so far: ${JSON.stringify(statuses)}`);
    }
  };
  try {
    return { statuses, milliseconds: (await Promise.all(Array.from({ length: clients }, (_, i) => one(i)))).sort((a, b) => a - b) };
  } finally {
    agent.destroy();
  }
}

describe('too many at once', () => {
  faultCase('9: 500 POSTs while 20 GETs hold a read pool of two', async (record) => {
    const stage = await Stage.open({ cluster, env: { INGOT_READ_POOL_MIN: '2', INGOT_READ_POOL_MAX: '2', INGOT_FRESHNESS_WAIT_MS: '0' } });
    const blocker = await connect({ url: stage.databaseUrl, name: 'blocker' });
    try {
      await stage.serve();
      for (; record.rounds < sized(1, 10); record.rounds++) {
        await blocker.query('begin; lock table silver.stg_readings in access exclusive mode'); // every read waits, and so do the runs
        const reads = Array.from({ length: 20 }, async () => {
          const answer = await fetch(`${stage.url}/data?from=2030-01-01&to=2030-01-02`);
          await answer.text();
          return answer.status === 503 && !answer.headers.has('retry-after') ? 0 : answer.status;
        });
        await sleep(200);
        const { statuses, milliseconds } = await stampede(stage, 500, false);
        expect(statuses).toEqual({ 200: 500 });
        record.note(`500 POSTs beside them: slowest ${Math.round(milliseconds.at(-1) ?? 0)} ms`);
        const shed = await Promise.race([Promise.all(reads).then(() => 'all'), sleep(patience(20_000), 'some wait for ever')]);
        expect(shed).toBe('all');
        expect(new Set(await Promise.all(reads))).toEqual(new Set([503])); // within their limits, not whenever the table is free
        await blocker.query('commit');
        for (const end = performance.now() + patience(10_000); (await fetch(`${stage.url}/data?from=2030-01-01&to=2030-01-02`)).status !== 200; await sleep(50)) expect(performance.now()).toBeLessThan(end);
      }
      await stage.judge(record);
    } finally {
      await blocker.end();
      await stage.close();
    }
  });

  faultCase('24: a thousand clients return at once after an outage, and do not pause between tries', async (record) => {
    const stage = await Stage.open({ cluster, direct: true });
    const clients = sized(300, 1_000);
    try {
      await stage.serve();
      for (; record.rounds < sized(1, 5); record.rounds++) {
        await cluster.stopImmediate();
        const herd = stampede(stage, clients, true);
        await cluster.restart();
        const since = performance.now();
        const { statuses, milliseconds } = await herd;
        record.recoveries.push(Math.round(performance.now() - since));
        expect(Object.keys(statuses).filter((status) => !['0', '200', '409', '503'].includes(status))).toEqual([]);
        expect(statuses[200]).toBe(clients);
        record.note(`${clients} clients, answers by status ${JSON.stringify(statuses)}, the last acknowledged after ${Math.round(milliseconds.at(-1) ?? 0)} ms`);
      }
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  }, 5);

  faultCase('24: ten times more than can be stored, whether it is answered or not', async (record) => {
    const stage = await Stage.open({ cluster, env: { INGOT_BODY_LIMIT_BYTES: '65536', INGOT_QUEUE_LIMIT_BYTES: '262144' } });
    try {
      await stage.serve();
      // A slow PostgreSQL sets the capacity, so that it is the same on every machine: some ten requests of a thousand lines a second.
      stage.proxy.only = 'ingot ingest';
      stage.proxy.delayMs = 200;
      const seconds = sized(6, 300);
      const peak = await closedLoop(stage, 16, Math.min(seconds, 20));
      const flood = await openLoop(stage, 10 * peak.perSecond, seconds);
      const since = performance.now();
      await stage.recover(record, since);
      record.rounds = 1;
      const { good, shed, other, shedMs } = flood;
      record.note(`peak ${peak.perSecond.toFixed(1)} requests of 1,000 lines a second; at ten times as many ${(good / seconds).toFixed(1)} a second stored, ${shed} refused in ${Math.round(shedMs)} ms (p99)`);
      expect(other).toEqual([]);
      expect(shed).toBeGreaterThan(good);
      expect(good / seconds).toBeGreaterThan((options.long ? 0.8 : 0.5) * peak.perSecond);
      expect(shedMs).toBeLessThan(patience(100));
      stage.proxy.delayMs = 0;
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  }, 12);

  const EMFILE = '24: the service has no file descriptors left';
  if (!existsSync('/proc/self/fd') || spawnSync('prlimit', ['--version']).status !== 0) {
    notRun(EMFILE, 'needs Linux with prlimit (util-linux)');
  } else {
    faultCase(EMFILE, withoutDescriptors);
  }
});

interface Flood {
  readonly good: number;
  readonly shed: number;
  /** Statuses that are neither. */
  readonly other: readonly number[];
  /** How long the slowest refusals took, but for one in a hundred. */
  readonly shedMs: number;
}

/** One request of a thousand lines. */
async function postMany(stage: Stage, agent: http.Agent): Promise<{ status: number; milliseconds: number }> {
  const lines = Array.from({ length: 1_000 }, () => `1893456000 Voltage ${stage.ledger.nextValue()}`);
  const request = stage.ledger.sending('flood', lines);
  const answer = await post(`${stage.url}/data`, lines.join('\n'), { 'x-device-id': 'flood' }, agent);
  stage.ledger.told(request, toldBy(answer));
  return { status: answer.status, milliseconds: answer.milliseconds };
}

/** So many connections, each posting again when it has its answer. */
async function closedLoop(stage: Stage, connections: number, seconds: number): Promise<{ perSecond: number }> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  let good = 0;
  const end = performance.now() + seconds * 1_000;
  const one = async (): Promise<void> => {
    while (performance.now() < end) {
      const { status } = await postMany(stage, agent);
      if (status === 200) good++;
      else await sleep(50);
    }
  };
  await Promise.all(Array.from({ length: connections }, one));
  agent.destroy();
  return { perSecond: good / seconds };
}

/** Requests that leave at their appointed time. */
async function openLoop(stage: Stage, perSecond: number, seconds: number): Promise<Flood> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
  const under: Promise<{ status: number; milliseconds: number }>[] = [];
  const begun = performance.now();
  for (let sent = 0; sent < perSecond * seconds; sent++) {
    const wait = begun + (sent / perSecond) * 1_000 - performance.now();
    if (wait > 1) await sleep(wait);
    under.push(postMany(stage, agent));
  }
  const answers = await Promise.all(under);
  agent.destroy();
  const times = answers.filter(({ status }) => status === 503).map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  return {
    good: answers.filter(({ status }) => status === 200).length,
    shed: times.length,
    other: answers.map(({ status }) => status).filter((status) => status !== 200 && status !== 503),
    shedMs: times[Math.floor(times.length * 0.99)] ?? 0,
  };
}

/** Taken from it while it runs: at its start it opens its own files, a hundred at once. */
async function withoutDescriptors(record: CaseRecord): Promise<void> {
  const stage = await Stage.open({ cluster });
  try {
    const service = await stage.serve();
    const pid = String(service.process.pid);
    const spare = 8;
    for (; record.rounds < sized(1, 10); record.rounds++) {
      const held = readdirSync(`/proc/${pid}/fd`).length;
      expect(spawnSync('prlimit', ['--pid', pid, `--nofile=${held + spare}:`]).status).toBe(0);
      // More connections than it may have: those it cannot accept wait, or are closed.
      const sockets = await Promise.all(Array.from({ length: 200 }, () => open(stage.url)));
      await sleep(1_000);
      expect(readdirSync(`/proc/${pid}/fd`).length).toBeGreaterThan(held + spare / 2); // it did come to its limit
      for (const socket of sockets) socket.destroy();
      const since = performance.now();
      await stage.recover(record, since); // without more of them
    }
    await stage.judge(record);
  } finally {
    await stage.close();
  }
}

function open(url: string): Promise<net.Socket> {
  return new Promise((resolve) => {
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1', () => resolve(socket));
    socket.once('error', () => resolve(socket));
  });
}

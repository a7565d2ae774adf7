import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { startTestCluster, type TestCluster } from '@ingot/testing';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { LaunchedService } from '../test/service.js';
import { START_MS, patience, sized } from './options.js';
import { faultCase } from './record.js';
import { freePort, Stage } from './stage.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster();
}, START_MS);
afterAll(() => cluster.stop());

const CLI = path.resolve('dist/apps/cli/src/main.js');

describe('the service is told to stop', () => {
  faultCase('23: SIGTERM while writers post over connections that stay open', async (record, random) => {
    const stage = await Stage.open({ cluster, env: { INGOT_SHUTDOWN_MS: String(Math.round(patience(10_000))) } });
    try {
      let service = await stage.serve();
      const load = stage.load(random, { writers: 8 });
      for (; record.rounds < sized(2, 20); record.rounds++) {
        await load.untilAcknowledged(5, patience(5_000));
        const underWay = await Conversation.open(stage.url);
        const probe = await Conversation.open(stage.url);
        expect(await probe.ask('GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
        const line = `1893456000 Under ${stage.ledger.nextValue()}`;
        const request = stage.ledger.sending('under-way', [line]);
        underWay.write(`POST /data HTTP/1.1\r\nHost: x\r\nX-Device-Id: under-way\r\nContent-Type: text/plain\r\nContent-Length: ${line.length}\r\n\r\n${line.slice(0, 10)}`);
        await load.untilAcknowledged(2, patience(5_000)); // by then the head has been read
        const told = performance.now();
        const stopped = service.stop();
        const ready = await answerOnceDraining(probe);
        expect(ready).toMatch(/^$|^HTTP\/1\.1 503 [^]*^connection: close$/im); // or the idle connection was ended before it was heard
        expect(await underWay.ask(line.slice(10))).toMatch(/^HTTP\/1\.1 200 [^]*\{"success":true\}$/);
        stage.ledger.told(request, 'acknowledged');
        await expectClean(service, stopped);
        expect(performance.now() - told).toBeLessThan(patience(10_000));
        const since = performance.now();
        service = await stage.serve();
        await stage.recover(record, since);
      }
      await load.stop();
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  }, 6);

  faultCase('23: SIGTERM while PostgreSQL hangs', async (record, random) => {
    const stage = await Stage.open({ cluster, env: { INGOT_SHUTDOWN_MS: '3000' } });
    try {
      const service = await stage.serve();
      const load = stage.load(random);
      await load.untilAcknowledged(5, patience(5_000));
      cluster.pause();
      const paused = performance.now();
      const ended = await service.stop();
      const took = performance.now() - paused;
      expect(ended.signal).toBeNull();
      expect(took).toBeLessThan(patience(5_000));
      record.note(`gone ${Math.round(took)} ms after SIGTERM, of 3,000 it may take, with exit code ${ended.code}`);
      expect(load.seen.filter(({ at, milliseconds, told }) => at - milliseconds > paused && told === 'acknowledged')).toEqual([]);
      cluster.resume();
      const since = performance.now();
      await stage.serve();
      await stage.recover(record, since);
      record.rounds = 1;
      await load.stop();
      await stage.judge(record);
    } finally {
      cluster.resume();
      await stage.close();
    }
  });

  faultCase('23: a rolling restart of two services, and a rebuild of every model, while writers post', async (record, random) => {
    const stage = await Stage.open({ cluster, env: { INGOT_SHUTDOWN_MS: String(Math.round(patience(10_000))) } });
    const port = await freePort();
    const services: (LaunchedService | undefined)[] = [undefined, undefined];
    const start = async (i: number): Promise<void> => {
      services[i] = await stage.serve(i === 0 ? {} : { PORT: String(port) });
    };
    try {
      await start(1);
      await start(0);
      const loads = [stage.load(random), stage.load(random, { url: `http://127.0.0.1:${port}`, keyed: 'all' })];
      for (; record.rounds < sized(1, 10); record.rounds++) {
        for (const [i] of services.entries()) {
          await loads[i]?.untilAcknowledged(5, patience(5_000));
          await expectClean(services[i], services[i]?.stop());
          await loads[1 - i]?.untilAcknowledged(5, patience(5_000)); // the other serves on
          const since = performance.now();
          await start(i);
          await loads[i]?.untilAcknowledged(1, patience(5_000));
          record.recoveries.push(Math.round(performance.now() - since));
        }
        const rebuild = spawn(process.execPath, [CLI, 'rebuild', 'stg_readings'], { env: { PATH: process.env.PATH, DATABASE_URL: stage.databaseUrl, HOME: stage.folder }, stdio: ['ignore', 'pipe', 'pipe'] });
        let output = '';
        for (const stream of [rebuild.stdout, rebuild.stderr]) stream.on('data', (piece: Buffer) => (output += piece.toString()));
        await once(rebuild, 'exit');
        expect([rebuild.exitCode, output]).toEqual([0, output]);
        for (const load of loads) await load.untilAcknowledged(2, patience(5_000));
      }
      for (const load of loads) await load.stop();
      expect(loads.flatMap(({ seen }) => seen).filter(({ status }) => ![0, 200, 409, 503].includes(status))).toEqual([]);
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  }, 8);
});

/** It ends with 0, and has not said of any part that it could not be closed. */
async function expectClean(service: LaunchedService | undefined, stopped: ReturnType<LaunchedService['stop']> | undefined): Promise<void> {
  const ended = await stopped;
  expect({ ...ended, said: service?.output.stderr.match(/^Stopping: .*$/gm) }).toEqual({ code: 0, signal: null, said: null });
}

/** Readiness once the service has heard the signal, which may be a little later than it was sent. */
async function answerOnceDraining(probe: Conversation): Promise<string> {
  for (const since = performance.now(); ; ) {
    const answer = await probe.ask('GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n');
    if (!answer.startsWith('HTTP/1.1 200 ') || performance.now() - since > patience(2_000)) return answer;
  }
}

/** Bytes written by hand on one connection, and what comes back. */
class Conversation {
  private heard = '';

  private constructor(private readonly socket: net.Socket) {
    socket.on('data', (piece) => (this.heard += piece.toString()));
    socket.on('error', () => undefined);
  }

  static open(url: string): Promise<Conversation> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(Number(new URL(url).port), '127.0.0.1', () => resolve(new Conversation(socket)));
      socket.once('error', reject);
    });
  }

  write(text: string): void {
    this.socket.write(text);
  }

  /** The next answer, which must have a Content-Length; or what came before the connection ended. */
  ask(text: string): Promise<string> {
    this.heard = '';
    this.write(text);
    return new Promise((resolve) => {
      const look = (): void => {
        const [head = '', body] = this.heard.split('\r\n\r\n');
        if (body !== undefined && body.length >= Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? Infinity)) resolve(this.heard);
      };
      this.socket.on('data', look);
      this.socket.once('close', () => resolve(this.heard));
    });
  }
}

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { startService, type RunningService } from './service.js';
import { readSlowly, type SlowReader } from './slow-reader.js';

const READINGS = 1_000_000;
const BODIES = 10;
const START = Date.parse('2022-01-01T00:00:00Z') / 1000; // one reading a second: 12 days
const RANGE = 'from=2022-01-01&to=2022-01-31';
const SLOW = 100_000;

describe('large answers', () => {
  let database: TestDatabase;
  let watcher: Awaited<ReturnType<TestDatabase['session']>>;
  let spool: string;
  let service: RunningService;
  let before: number | undefined;

  // 1 M readings in and refined take 10 to 20 s on two cores: the point of this file is that many.
  beforeAll(async () => {
    database = await createTestDatabase();
    watcher = await database.session('ingot test', 'read');
    spool = await mkdtemp(path.join(tmpdir(), 'ingot-large-answers-'));
    const settings = { INGOT_SPOOL_DIR: spool, INGOT_READ_TX_SECONDS: '30' };
    service = await startService(database.url, settings);
    for (let body = 0; body < BODIES; body++) {
      const lines = Array.from({ length: READINGS / BODIES }, (_, i) => `${START + body * (READINGS / BODIES) + i} Voltage ${i % 1000}.5`);
      const response = await fetch(`${service.url}/data`, { method: 'POST', body: lines.join('\n'), headers: { 'content-type': 'text/plain' } });
      expect(response.status).toBe(200);
    }
    while ((await fetch(`${service.url}/data?from=2000-01-01&to=2000-01-01`)).headers.has('ingot-stale')) await sleep(200);
    // A process of its own for the reads: what large posts leave in the allocator (some 70 MB) is not theirs. Without the
    // two settings the same stream was seen at 175 to 202 MB, the start itself at 159 to 201.
    await service.stop();
    service = await startService(database.url, { ...settings, MALLOC_ARENA_MAX: '2', NODE_OPTIONS: '--max-semi-space-size=8' });
    before = await residentMb();
  });
  afterAll(async () => {
    await service.stop();
    expect(await readdir(spool)).toEqual([]);
    await rm(spool, { recursive: true });
    await database.drop();
  });

  const data = (more = ''): string => `${service.url}/data?${RANGE}${more}`;
  /** Asks as the login of the reads: nobody else sees what its sessions do, or may end them. */
  const watch = async <T extends object>(text: string): Promise<T[]> => (await watcher.query<T>(text)).rows;
  const reads = (where = 'true'): Promise<{ pid: number; seconds: number }[]> =>
    watch(`select pid, extract(epoch from clock_timestamp() - xact_start)::float8 as seconds from pg_stat_activity where datname = current_database() and application_name = 'ingot read' and xact_start is not null and ${where}`);
  /** Resident memory of the service in MB; undefined where the system does not say. */
  async function residentMb(): Promise<number | undefined> {
    const status = await readFile(`/proc/${service.process.pid}/status`, 'utf8').catch(() => '');
    const kilobytes = /^VmRSS:\s*(\d+) kB/m.exec(status)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
  }
  /** Spool files the service has open; their names are gone. */
  async function spoolFiles(): Promise<number> {
    const folder = `/proc/${service.process.pid}/fd`;
    const links = await Promise.all((await readdir(folder)).map((fd) => readlink(path.join(folder, fd)).catch(() => '')));
    return links.filter((link) => link.startsWith(spool)).length;
  }
  async function until(condition: () => Promise<boolean> | boolean, withinMs: number): Promise<void> {
    for (const start = performance.now(); !(await condition()); await sleep(50)) {
      if (performance.now() - start > withinMs) throw new Error(`not within ${withinMs} ms`);
    }
  }
  async function healthMs(): Promise<number> {
    const start = performance.now();
    expect((await fetch(`${service.url}/health`)).status).toBe(200);
    return performance.now() - start;
  }

  it('a million readings stream as JSON in under 200 MB, and /health is answered meanwhile', async () => {
    let done = false;
    const answer = fetch(data()).then(async (response) => {
      let rows = 0;
      let last = '';
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        const text = Buffer.from(chunk).toString('latin1');
        rows += text.split('\n').length - 1;
        last = (last + text).slice(-100);
      }
      done = true;
      return { rows, last };
    });
    const times: number[] = [];
    let highest = 0;
    while (!done) {
      times.push(await healthMs());
      highest = Math.max(highest, (await residentMb()) ?? 0);
      await sleep(20);
    }
    const { rows, last } = await answer;
    expect(rows).toBe(READINGS);
    expect(last.endsWith(']')).toBe(true);
    expect(highest).toBeLessThan(200);
    expect(highest - (before ?? 0)).toBeLessThan(80); // flat: the answer has 66 MB, and seen are 15 to 30
    times.sort((a, b) => a - b);
    expect(times.length).toBeGreaterThan(10);
    expect(times[Math.floor(times.length * 0.9)]).toBeLessThan(100); // the machine itself may stall now and then
  });

  it('slow readers hold no transaction and no connection, get on, and free their file when they leave', async () => {
    const slow = await Promise.all([readSlowly(data(), SLOW), readSlowly(data('&format=ndjson'), SLOW)]);
    await until(async () => (await reads()).length === 0, 25_000);
    const before = slow.map(({ taken }) => taken());
    if (process.platform === 'linux') expect(await spoolFiles()).toBe(2);
    expect((await fetch(data('&limit=1'))).status).toBe(200);
    await sleep(1_000);
    for (const [i, reader] of slow.entries()) expect(reader.taken()).toBeGreaterThan(before[i] ?? 0);
    expect(await reads()).toEqual([]);
    for (const reader of slow) reader.leave();
    if (process.platform === 'linux') await until(async () => (await spoolFiles()) === 0, 2_000);
  });

  it('a slow reader that hurries in the end has every row', async () => {
    const reader = await readSlowly(data('&format=csv'), SLOW);
    await until(async () => (await reads()).length === 0, 25_000);
    reader.hurry();
    expect(await reader.outcome).toBe('complete');
  });

  it('a client that leaves ends the statement in the database', async () => {
    const reader = await readSlowly(data(), SLOW);
    expect((await reads()).length).toBeGreaterThan(0);
    reader.leave();
    await until(async () => (await reads()).length === 0, 1_000);
  });

  describe('a read that breaks off in the database cuts the transfer, so that nobody takes a part for the whole', () => {
    const cases = ['json', 'ndjson', 'csv', 'parquet', 'arrow'].flatMap((format) => [[format, 'identity'], [format, 'gzip']] as const);
    it.each(cases)('%s, %s', async (format, encoding) => {
      const outcome = await new Promise<{ coding: string | undefined; bytes: number; end: string }>((resolve, reject) => {
        const request = http.get(data(`&format=${format}`), { agent: false, headers: { 'accept-encoding': encoding } }, (response) => {
          let bytes = 0;
          const { 'content-encoding': coding, 'content-length': length } = response.headers;
          expect([response.statusCode, length]).toEqual([200, undefined]);
          const body = coding === 'gzip' ? response.pipe(createGunzip()) : response;
          response.once('error', (error) => resolve({ coding, bytes, end: error.message }));
          body.on('error', () => undefined); // gunzip has its own word for it
          body.on('end', () => resolve({ coding, bytes, end: 'complete' }));
          body.on('data', (chunk: Buffer) => (bytes += chunk.length));
          watch("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'ingot read' and xact_start is not null").catch(reject);
        });
        request.once('error', reject);
      });
      expect(outcome.end).toBe('aborted');
      expect(outcome.coding).toBe(encoding === 'gzip' && format !== 'parquet' ? 'gzip' : undefined);
    });
  });

  // Last: it ends the service.
  it('a shutdown gives slow readers their share of the time, then cuts them, and leaves no file', async () => {
    const slow: SlowReader = await readSlowly(data(), SLOW);
    await until(async () => (await reads()).length === 0, 25_000);
    const start = performance.now();
    const { code } = await service.stop();
    const took = performance.now() - start;
    slow.hurry();
    expect([code, service.output.stderr.split('Stopping')[1]?.includes('not finished'), await slow.outcome]).toEqual([0, false, 'aborted']);
    expect(took).toBeGreaterThan(1_500);
    expect(took).toBeLessThan(10_000);
    expect(await readdir(spool)).toEqual([]);
  });
});

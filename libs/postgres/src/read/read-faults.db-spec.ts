import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, openProxy, type Proxy, type TestDatabase } from '@ingot/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { kilobytes, Reads, request, text, until } from '../../test/reads.js';
import type { ReadError } from './read-error.js';
import type { ReadOptions, ReadRepository } from './read-repository.js';

describe('reads from a database that fails', () => {
  let database: TestDatabase;
  let given: Reads;
  let proxy: Proxy;

  beforeAll(async () => {
    database = await createTestDatabase();
    given = new Reads(database);
  });
  beforeEach(async () => {
    proxy = await openProxy(database.url);
    given.logged.length = 0;
  });
  afterEach(async () => {
    Object.assign(proxy, { silent: false, refuse: 0, delayMs: 0 });
    await given.close();
    await proxy.close();
  });
  afterAll(() => database.drop());
  const repository = (options: Partial<ReadOptions> = {}): ReadRepository => given.repository({ url: proxy.url, acquireTimeoutMs: 1_000, ...options });
  const one = async (reads: ReadRepository): Promise<string> => text(await reads.copyOut(request('select 1')));

  describe('attempts', () => {
    it('are three when the connection fails', async () => {
      const reads = repository();
      proxy.refuse = 2;
      expect(await one(reads)).toBe('[(1)\n]');
      expect(proxy.accepted()).toBe(3);
      proxy.refuse = 99;
      const closed = repository();
      const start = performance.now();
      await expect(one(closed)).rejects.toMatchObject({ code: 'unavailable' });
      expect(performance.now() - start).toBeLessThan(500);
      expect(proxy.accepted()).toBe(6);
    });

    it('are more than one when the connection is cut before the first byte is out, and give every row once', async () => {
      const reads = repository();
      const read = reads.copyOut(request('select i, pg_sleep(0.1) from generate_series(1, 5) i'));
      await until(async () => (await given.busy()) === 1, 2_000);
      proxy.cut();
      expect((await text(await read)).split('\n')).toHaveLength(6);
      expect(proxy.accepted()).toBe(3); // two attempts, and a request to cancel what the first one may have left
    });

    it('are one when the first byte is out: the stream ends with the error', async () => {
      const reads = repository();
      const read = await reads.copyOut(request("select repeat('x', 1000) || case when i > 1000 then pg_sleep(0.01)::text else '' end from generate_series(1, 1100) i"));
      proxy.cut();
      await expect(text(read)).rejects.toThrow();
      expect(given.logged.filter(({ message }) => message === 'statement broke off')).toHaveLength(1);
      expect(proxy.accepted()).toBe(2); // one attempt, and a request to cancel
    });

    it('are one for a wrong statement', async () => {
      await expect(repository().copyOut(request('select from from'))).rejects.toMatchObject({ code: '42601' });
      expect(given.logged.filter(({ message }) => message === 'read attempt failed')).toHaveLength(1);
    });
  });

  it('slices and delays change nothing in what is read', async () => {
    Object.assign(proxy, { sliceBytes: 7, delayMs: 1 });
    const reads = repository();
    expect(await text(await reads.copyOut(request('select i from generate_series(1, 2000) i')))).toBe(`[${Array.from({ length: 2_000 }, (_, i) => `(${i + 1})\n`).join(',')}]`);
  });

  it('a statement that breaks in the server leaves no tail, whatever was kept for a slow reader', async () => {
    const reads = repository();
    const read = await reads.copyOut(request("select repeat('x', 1000) || case when i > 3000 then pg_sleep(0.01)::text else '' end from generate_series(1, 4000) i"));
    await database.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'ingot read'");
    let seen = '';
    await expect((async () => { for await (const chunk of read) seen = (seen + String(chunk)).slice(-20); })()).rejects.toMatchObject({ code: '57P01' });
    expect(seen.endsWith(']')).toBe(false);
    expect(reads.status).toMatchObject({ large: { streams: 0, copying: 0 }, spool: { reads: 0, fileBytes: 0 } });
  });

  describe('the breaker', () => {
    const breaker = { volumeThreshold: 5, resetTimeout: 200 };

    it('opens, refuses at once, lets one attempt through, opens again while that fails, and closes when it succeeds', async () => {
      const reads = repository({ breaker });
      const states = [reads.status.breaker];
      proxy.refuse = 1_000;
      for (let i = 0; i < 2; i++) await expect(one(reads)).rejects.toMatchObject({ name: 'ReadError' });
      states.push(reads.status.breaker);
      const asked = proxy.accepted();
      const start = performance.now();
      await expect(one(reads)).rejects.toMatchObject({ code: 'breaker open' });
      expect(performance.now() - start).toBeLessThan(50);
      expect(proxy.accepted()).toBe(asked);

      await sleep(250);
      states.push(reads.status.breaker);
      await expect(one(reads)).rejects.toMatchObject({ code: 'breaker open' });
      expect(proxy.accepted()).toBe(asked + 1); // one attempt, not three
      states.push(reads.status.breaker);

      proxy.refuse = 0;
      await sleep(250);
      expect(await one(reads)).toBe('[(1)\n]');
      states.push(reads.status.breaker);
      expect(states).toEqual(['closed', 'open', 'half-open', 'open', 'closed']);
      expect(given.logged.filter(({ level }) => level !== 'debug').map(({ message }) => message).filter((message) => message.startsWith('reads'))).toEqual([
        'reads stopped: the database keeps failing', 'reads stopped: the database keeps failing', 'reads go on: the database answers again',
      ]);
    });

    it('opens on connections that are swallowed, and its half-open attempt is the only one that waits', async () => {
      const reads = repository({ max: 5, acquireTimeoutMs: 200, breaker: { ...breaker, volumeThreshold: 3 } });
      proxy.silent = true;
      await Promise.allSettled(Array.from({ length: 5 }, () => one(reads)));
      expect(reads.status.breaker).toBe('open');
      await sleep(250);
      const before = proxy.accepted();
      const start = performance.now();
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => one(reads).catch((error: ReadError) => error.code)));
      expect(outcomes).toEqual(Array(5).fill('breaker open'));
      expect(performance.now() - start).toBeLessThan(1_000);
      expect(proxy.accepted()).toBe(before + 1);
    });

    it('closes as soon as the server answers, not when the statement is over', async () => {
      const reads = repository({ breaker, transactionSeconds: 5 });
      proxy.refuse = 1_000;
      for (let i = 0; i < 2; i++) await expect(one(reads)).rejects.toMatchObject({ name: 'ReadError' });
      proxy.refuse = 0;
      await sleep(250);
      const slow = reads.copyOut(request('select pg_sleep(2)'));
      await until(() => reads.status.breaker === 'closed', 1_000);
      expect(await one(reads)).toBe('[(1)\n]');
      await text(await slow);
    });

    it('learns nothing from a pool that was full while it was half-open', async () => {
      const reads = repository({ breaker, max: 1, acquireTimeoutMs: 300 });
      proxy.refuse = 1_000;
      for (let i = 0; i < 2; i++) await expect(one(reads)).rejects.toMatchObject({ name: 'ReadError' });
      proxy.refuse = 0;
      const held = await reads.pool.connect();
      await until(() => reads.status.breaker === 'half-open', 1_000);
      await expect(one(reads)).rejects.toMatchObject({ code: 'pool exhausted' });
      expect(reads.status.breaker).toBe('open');
      held.release();
    });

    it('stays closed for values and statements that are wrong, for a full pool, and for large reads that are refused', async () => {
      const reads = repository({ max: 1, largeReads: 1, breaker: { volumeThreshold: 3 } });
      for (let i = 0; i < 10; i++) await expect(reads.copyOut(request("select 'x'::text::int"))).rejects.toMatchObject({ code: '22P02' });
      const large = await reads.copyOut(request(kilobytes(2_000)));
      await expect(reads.copyOut(request(kilobytes(2_000)))).rejects.toMatchObject({ code: 'large reads busy' });
      large.destroy();
      const slow = reads.copyOut(request('select pg_sleep(1.5)'));
      await until(async () => (await given.busy()) === 1, 2_000);
      await expect(Promise.all(Array.from({ length: 5 }, () => one(reads)))).rejects.toMatchObject({ code: 'pool exhausted' });
      await text(await slow);
      expect(reads.status.breaker).toBe('closed');
      expect(await one(reads)).toBe('[(1)\n]');
    });
  });

  describe('connections that go silent', () => {
    it('are replaced: the next read gets its rows within 3 s', async () => {
      const reads = repository({ max: 3 });
      const first = await Promise.all([1, 2, 3].map(() => reads.copyOut(request('select pg_sleep(0.1)'))));
      for (const read of first) await text(read);
      await until(() => reads.pool.idleCount === 3, 1_000);
      proxy.swallow();
      const start = performance.now();
      expect(await one(reads)).toBe('[(1)\n]');
      expect(performance.now() - start).toBeLessThan(3_000);
      expect(reads.pool.totalCount).toBe(1);
    });

    it('keep no slot when the database is silent as a whole, and the answer comes within 3.5 s', async () => {
      const reads = repository({ acquireTimeoutMs: 300 });
      await one(reads);
      await until(() => reads.pool.idleCount === 1, 1_000);
      proxy.silent = true;
      proxy.swallow();
      const start = performance.now();
      await expect(one(reads)).rejects.toMatchObject({ name: 'ReadError' });
      expect(performance.now() - start).toBeLessThan(3_500);
      proxy.silent = false;
      await until(() => reads.pool.totalCount === 0, 1_000);
    });

    it('are given up when the end of the transaction is not answered; the reader has all rows by then', async () => {
      const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4]); // what follows is the answer to ROLLBACK
      const silenced = await openProxy(database.url, () => (data, way) => {
        const at = way === 'answers' ? data.indexOf(COPY_DONE) : -1;
        return at < 0 ? data.length : at + COPY_DONE.length;
      });
      const reads = given.repository({ url: silenced.url, max: 1 });
      expect((await text(await reads.copyOut(request(kilobytes(400))))).split('\n')).toHaveLength(401);
      const took = await until(() => reads.pool.totalCount === 0, 2_000);
      expect(took).toBeGreaterThan(800);
      expect(await one(reads)).toBe('[(1)\n]'); // on a new connection
      await silenced.close();
    });
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, openProxy, type TestDatabase } from '@ingot/testing';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../pool.js';
import type { CopyRead, CopyRequest } from './copy-read.js';
import { ReadRepository, type ReadOptions } from './read-repository.js';

const AS_CSV = "(format csv, quote E'\\x01', delimiter E'\\x02')";

describe('ReadRepository', () => {
  let database: TestDatabase;
  const open: ReadRepository[] = [];
  const logged: { level: string; fields: Record<string, unknown>; message: string }[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    await database.query('create table public.readings (id int primary key, value int not null)');
    await database.query('insert into public.readings select i, i from generate_series(1, 15) i');
  });
  afterAll(async () => {
    await Promise.all(open.map((repository) => repository.close()));
    await database.drop();
  });

  function repository(options: Partial<ReadOptions> = {}): ReadRepository {
    const log = (level: string) => (fields: object, message: string) => void logged.push({ level, fields: fields as Record<string, unknown>, message });
    const made = new ReadRepository({
      url: database.url, name: 'ingot read', min: 0, max: 2, acquireTimeoutMs: 300, transactionSeconds: 2, slowMs: 10_000,
      log: { debug: log('debug'), warn: log('warn'), error: log('error') }, ...options,
    });
    open.push(made);
    return made;
  }
  const request = (query: string, more: Partial<CopyRequest> = {}): CopyRequest => ({
    name: 'test', relations: [], query, frame: { drop: 1, head: '[', tail: ']' },
    copy: () => `copy (select ',' || q::text from (${query}) q) to stdout ${AS_CSV}`, ...more,
  });
  const sessions = async (): Promise<number> => {
    const rows = await database.query<{ n: number }>("select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'ingot read' and state <> 'idle'");
    return rows[0]?.n ?? -1;
  };
  const until = async (condition: () => Promise<boolean> | boolean, withinMs: number): Promise<number> => {
    const start = performance.now();
    while (!(await condition())) {
      if (performance.now() - start > withinMs) throw new Error(`not within ${withinMs} ms`);
      await sleep(10);
    }
    return performance.now() - start;
  };
  const text = async (read: CopyRead): Promise<string> => Buffer.concat(await read.toArray() as Buffer[]).toString();

  it('streams rows between head and tail, the first separator left out, and reports the columns', async () => {
    let columns: unknown;
    const read = await repository().copyOut({ ...request('select id, value::float8 from public.readings where id < 3 order by id', { relations: ['public.readings'] }),
      copy: (found) => { columns = found; return `copy (select ',' || id from public.readings where id < 3 order by id) to stdout ${AS_CSV}`; } });
    expect(await text(read)).toBe('[1\n,2\n]');
    expect(columns).toEqual([{ name: 'id', type: 23 }, { name: 'value', type: 701 }]);
  });

  it('gives head and tail for an empty result', async () => {
    expect(await text(await repository().copyOut(request('select 1 where false')))).toBe('[]');
  });

  it('uses a connection again after a read', async () => {
    const reads = repository({ max: 1 });
    for (let i = 0; i < 5; i++) expect(await text(await reads.copyOut(request('select pg_backend_pid()')))).toMatch(/^\[\(\d+\)/);
    expect(reads.pool.totalCount).toBe(1);
  });

  describe('behind a publish', () => {
    // The publish holds the exclusive lock, renames a table with 15 other rows in, and commits while the read waits.
    const publish = async (during: () => Promise<void>): Promise<void> => {
      await database.query('drop table if exists public.live; drop table if exists public.shadow');
      await database.query('create table public.live as select i as id from generate_series(1, 10) i');
      const publisher = await database.session('publisher');
      await publisher.query('begin');
      await publisher.query('create table public.shadow as select i as id from generate_series(101, 115) i');
      await publisher.query('lock table public.live in access exclusive mode');
      await publisher.query('alter table public.live rename to old; alter table public.shadow rename to live');
      await during();
      await publisher.query('drop table public.old; commit');
      await publisher.end();
    };
    const waiting = (): Promise<boolean> => database.query("select from pg_locks where not granted and relation is not null").then((rows) => rows.length > 0);

    it('a bare COPY reads the new table with a snapshot from before it: the failing shape', async () => {
      const bare = await connect({ url: database.url, name: 'bare copy' });
      const { to } = await import('pg-copy-streams');
      let rows: Promise<unknown[]> | undefined;
      await publish(async () => {
        rows = bare.query(to('copy (select id from public.live) to stdout')).toArray();
        await until(waiting, 2_000);
      });
      expect(await rows).toEqual([]);
      await bare.end();
    });

    it('a read locks first and gets all new rows', async () => {
      let read: Promise<string> | undefined;
      await publish(async () => {
        read = repository().copyOut(request('select id from public.live', { relations: ['public.live'] })).then(text);
        await until(waiting, 2_000);
      });
      expect((await read)?.split('\n')).toHaveLength(16);
    });

    it('a read that came first gets all old rows, and the publish waits for it', async () => {
      await database.query('drop table if exists public.live; create table public.live as select i as id, repeat(\'x\', 1000) as filler from generate_series(1, 20000) i');
      const read = await repository().copyOut(request('select * from public.live', { relations: ['public.live'] }));
      const publisher = await database.session('publisher');
      const dropped = publisher.query('begin; truncate public.live; commit');
      await sleep(50);
      expect((await text(read)).split('\n')).toHaveLength(20_001);
      await dropped;
    });
  });

  it('cuts a reader that is too slow, and the connection is free again', async () => {
    const reads = repository({ max: 1, transactionSeconds: 1 });
    const read = await reads.copyOut(request("select repeat('x', 1000) from generate_series(1, 100000)"));
    const failure = new Promise<Error>((resolve) => read.once('error', resolve));
    read.read(1); // and never again
    expect(await failure).toMatchObject({ name: 'ReadError', code: 'too slow' });
    expect(read.times.totalMs).toBeLessThan(2_500);
    await until(async () => (await sessions()) === 0, 1_000);
    expect(await text(await reads.copyOut(request('select 1')))).toBe('[(1)\n]');
  });

  it('cuts a statement that is too slow before its first byte', async () => {
    const reads = repository({ transactionSeconds: 1 });
    const slow = request("select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b");
    await expect(reads.copyOut(slow)).rejects.toMatchObject({ name: 'ReadError', code: 'too slow' });
    await until(async () => (await sessions()) === 0, 1_000);
  });

  it('cancels the statement of a client that went away, at once', async () => {
    const reads = repository({ max: 1, transactionSeconds: 30 });
    const client = new AbortController();
    const read = reads.copyOut(request("select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b", { signal: client.signal }));
    await until(async () => (await sessions()) === 1, 2_000);
    client.abort();
    await expect(read).rejects.toMatchObject({ code: 'abandoned' });
    expect(await until(async () => (await sessions()) === 0, 1_000)).toBeLessThan(500);
    expect(reads.pool.totalCount).toBe(0);
  });

  it('ends the stream with an error, never with its tail, when a row fails after the first byte', async () => {
    const read = await repository().copyOut(request("select case when i < 90000 then repeat('x', 50) else (1 / (i - 90000))::text end from generate_series(1, 100000) i"));
    let seen = '';
    await expect((async () => { for await (const chunk of read) seen = (seen + String(chunk)).slice(-20); })()).rejects.toMatchObject({ code: '22012' });
    expect(seen).not.toBe('');
    expect(seen.endsWith(']')).toBe(false);
  });

  it('refuses when every connection stays busy', async () => {
    const reads = repository({ max: 1 });
    const first = await reads.copyOut(request("select repeat('x', 1000) from generate_series(1, 100000)"));
    await expect(reads.copyOut(request('select 1'))).rejects.toMatchObject({ code: 'pool exhausted' });
    first.destroy();
    await new Promise((resolve) => first.once('close', resolve));
  });

  it('gives up on a lock that is not to be had', async () => {
    const holder = await database.session('holder');
    await holder.query('begin; lock table public.readings in access exclusive mode');
    const start = performance.now();
    await expect(repository({ transactionSeconds: 1 }).copyOut(request('select * from public.readings', { relations: ['public.readings'] }))).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - start).toBeGreaterThan(2_900); // one second for a read, one for the publish, one above
    await holder.query('rollback');
  });

  it('times every statement, and names the slow ones', async () => {
    logged.length = 0;
    const reads = repository({ slowMs: 1 });
    await text(await reads.copyOut(request("select repeat('x', 10) from generate_series(1, 50000)", { name: 'sensor/slow' })));
    await until(() => logged.some(({ message }) => message === 'slow statement'), 1_000);
    expect(logged.find(({ message }) => message === 'slow statement')).toMatchObject({ level: 'warn', fields: { statement: 'sensor/slow', rows: 50_000, ms: expect.any(Number), lock_ms: expect.any(Number), first_byte_ms: expect.any(Number) } });
  });

  describe('against a failing database', () => {
    /** A door before the real server that can be shut: accepted connections are reset. */
    async function door(): Promise<{ url: string; accepted: () => number; shut: (times: number) => void; close: () => void }> {
      const target = new URL(database.url);
      let closedFor = 0;
      let accepted = 0;
      const sockets = new Set<net.Socket>();
      const server = net.createServer((socket) => {
        accepted++;
        socket.on('error', () => undefined);
        if (closedFor > 0) {
          closedFor--;
          socket.resetAndDestroy();
          return;
        }
        const behind = net.connect(Number(target.port), target.hostname);
        for (const each of [socket, behind]) sockets.add(each.on('close', () => sockets.delete(each)));
        behind.on('error', () => socket.destroy());
        socket.pipe(behind).pipe(socket);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const url = new URL(database.url);
      url.port = String((server.address() as net.AddressInfo).port);
      return { url: url.toString(), accepted: () => accepted, shut: (times) => void (closedFor = times), close: () => { server.close(); for (const socket of sockets) socket.destroy(); } };
    }

    it('tries again, up to three times, when the connection fails', async () => {
      const gate = await door();
      const reads = repository({ url: gate.url });
      gate.shut(2);
      expect(await text(await reads.copyOut(request('select 1')))).toBe('[(1)\n]');
      expect(gate.accepted()).toBe(3);
      await reads.close();
      gate.shut(99);
      const closed = repository({ url: gate.url });
      const start = performance.now();
      await expect(closed.copyOut(request('select 1'))).rejects.toMatchObject({ code: 'unavailable' });
      expect(performance.now() - start).toBeLessThan(250);
      expect(gate.accepted()).toBe(6);
      gate.close();
    });

    it('does not try a wrong statement again', async () => {
      logged.length = 0;
      await expect(repository().copyOut(request('select from from'))).rejects.toMatchObject({ code: '42601' });
      expect(logged.filter(({ message }) => message === 'read attempt failed')).toHaveLength(1);
    });

    it('opens the breaker on a dead database, refuses at once, and closes it when the database is back', async () => {
      const gate = await door();
      const reads = repository({ url: gate.url, breaker: { volumeThreshold: 5, resetTimeout: 200 } });
      gate.shut(1_000);
      for (let i = 0; i < 2; i++) await expect(reads.copyOut(request('select 1'))).rejects.toMatchObject({ name: 'ReadError' });
      const asked = gate.accepted();
      const start = performance.now();
      await expect(reads.copyOut(request('select 1'))).rejects.toMatchObject({ code: 'breaker open' });
      expect(performance.now() - start).toBeLessThan(50);
      expect(gate.accepted()).toBe(asked);
      gate.shut(0);
      await sleep(250);
      expect(await text(await reads.copyOut(request('select 1')))).toBe('[(1)\n]');
      expect(await text(await reads.copyOut(request('select 2')))).toBe('[(2)\n]');
      await reads.close();
      gate.close();
    });

    it('reads again within 3 s after all its connections went silent', async () => {
      const proxy = await openProxy(database.url);
      const reads = repository({ url: proxy.url, max: 3 });
      const first = await Promise.all([1, 2, 3].map(() => reads.copyOut(request('select 1'))));
      for (const read of first) await text(read);
      await until(() => reads.pool.idleCount === 3, 1_000);
      proxy.swallow();
      const start = performance.now();
      expect(await text(await reads.copyOut(request('select 1')))).toBe('[(1)\n]');
      expect(performance.now() - start).toBeLessThan(3_000);
      expect(reads.pool.totalCount).toBe(1);
      await reads.close();
      await proxy.close();
    });

    it('answers within 3 s and keeps no slot when the database is silent', async () => {
      const proxy = await openProxy(database.url);
      const reads = repository({ url: proxy.url });
      await text(await reads.copyOut(request('select 1')));
      await until(() => reads.pool.idleCount === 1, 1_000);
      proxy.silent = true;
      proxy.swallow();
      const start = performance.now();
      await expect(reads.copyOut(request('select 1'))).rejects.toMatchObject({ name: 'ReadError' });
      expect(performance.now() - start).toBeLessThan(3_500);
      proxy.silent = false;
      await until(() => reads.pool.totalCount === 0, 1_000);
      await reads.close();
      await proxy.close();
    });

    it('gives the connection up when COMMIT is not answered', async () => {
      const proxy = await openProxy(database.url);
      const reads = repository({ url: proxy.url, max: 1 });
      const read = await reads.copyOut(request("select repeat('x', 1000) from generate_series(1, 5000)"));
      const { client } = read as unknown as { client: { query: (text: unknown) => unknown } };
      const query = client.query.bind(client);
      client.query = (statement) => {
        if (statement === 'commit') proxy.swallow();
        return query(statement);
      };
      await text(read);
      const took = await until(() => reads.pool.totalCount === 0, 2_000);
      expect(took).toBeGreaterThan(800);
      expect(await text(await reads.copyOut(request('select 1')))).toBe('[(1)\n]');
      await reads.close();
      await proxy.close();
    });

    it("leaves the breaker closed for values and statements that are wrong, and for a full pool", async () => {
      const reads = repository({ max: 1, acquireTimeoutMs: 50, breaker: { volumeThreshold: 3 } });
      for (let i = 0; i < 10; i++) await expect(reads.copyOut(request("select 'x'::text::int"))).rejects.toMatchObject({ code: '22P02' });
      const busy = await reads.copyOut(request("select repeat('x', 1000) from generate_series(1, 100000)"));
      for (let i = 0; i < 5; i++) await expect(reads.copyOut(request('select 1'))).rejects.toMatchObject({ code: 'pool exhausted' });
      busy.destroy();
      await sleep(50);
      expect(await text(await reads.copyOut(request('select 1')))).toBe('[(1)\n]');
    });
  });
});

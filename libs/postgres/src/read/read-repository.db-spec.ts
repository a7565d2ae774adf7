import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../pool.js';
import type { CopyRequest } from './copy-read.js';
import { READ_CHANNELS, type ReadStatement } from './read-report.js';
import { Reads, request, text, until } from '../../test/reads.js';

const AS_CSV = "(format csv, quote E'\\x01', delimiter E'\\x02')";

describe('ReadRepository', () => {
  let database: TestDatabase;
  let given: Reads;

  beforeAll(async () => {
    database = await createTestDatabase();
    given = new Reads(database);
    await database.query('create table public.readings (id int primary key, value int not null)');
    await database.query('insert into public.readings select i, i from generate_series(1, 15) i');
  });
  afterAll(async () => {
    await given.close();
    await database.drop();
  });

  it('streams rows between head and tail, the first separator left out, and reports the columns', async () => {
    let columns: unknown;
    const read = await given.repository().copyOut({ ...request('select id, value::float8 from public.readings where id < 3 order by id', { relations: ['public.readings'] }),
      copy: (found) => { columns = found; return `copy (select ',' || id from public.readings where id < 3 order by id) to stdout ${AS_CSV}`; } });
    expect(await text(read)).toBe('[1\n,2\n]');
    expect(columns).toEqual([{ name: 'id', type: 23 }, { name: 'value', type: 701 }]);
  });

  it('gives head and tail for an empty result', async () => {
    expect(await text(await given.repository().copyOut(request('select 1 where false')))).toBe('[]');
  });

  it('uses a connection again after a read', async () => {
    const reads = given.repository({ max: 1 });
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
        read = given.repository().copyOut(request('select id from public.live', { relations: ['public.live'] })).then(text);
        await until(waiting, 2_000);
      });
      expect((await read)?.split('\n')).toHaveLength(16);
    });

    it('a read that came first gets all old rows, and the publish waits for it', async () => {
      await database.query('drop table if exists public.live; create table public.live as select i as id, repeat(\'x\', 1000) as filler from generate_series(1, 20000) i');
      const read = await given.repository().copyOut(request('select * from public.live', { relations: ['public.live'] }));
      const publisher = await database.session('publisher');
      const dropped = publisher.query('begin; truncate public.live; commit');
      await sleep(50);
      expect((await text(read)).split('\n')).toHaveLength(20_001);
      await dropped;
    });
  });

  it('cuts a statement that goes on for too long after its first bytes, and the connection is free again', async () => {
    const reads = given.repository({ max: 1, transactionSeconds: 1 });
    const read = await reads.copyOut(request("select case when i < 2000 then repeat('x', 1000) else pg_sleep(0.01)::text end from generate_series(1, 100000) i"));
    await expect(text(read)).rejects.toMatchObject({ code: '57014' });
    expect(read.times.totalMs).toBeLessThan(2_500);
    await until(async () => (await given.busy()) === 0, 1_000);
    expect(await text(await reads.copyOut(request('select 1')))).toBe('[(1)\n]');
  });

  it('cuts a statement that is too slow before its first byte', async () => {
    const reads = given.repository({ transactionSeconds: 1 });
    const slow = request("select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b");
    await expect(reads.copyOut(slow)).rejects.toMatchObject({ name: 'ReadError', code: 'too slow' });
    await until(async () => (await given.busy()) === 0, 1_000);
  });

  it('cancels the statement of a client that went away, at once', async () => {
    const reads = given.repository({ max: 1, transactionSeconds: 30 });
    const client = new AbortController();
    const read = reads.copyOut(request("select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b", { signal: client.signal }));
    await until(async () => (await given.busy()) === 1, 2_000);
    client.abort();
    await expect(read).rejects.toMatchObject({ code: 'abandoned' });
    expect(await until(async () => (await given.busy()) === 0, 1_000)).toBeLessThan(500);
    expect(reads.pool.totalCount).toBe(0);
  });

  it('ends the stream with an error, never with its tail, when a row fails after the first byte', async () => {
    const read = await given.repository().copyOut(request("select case when i < 90000 then repeat('x', 50) else (1 / (i - 90000))::text end from generate_series(1, 100000) i"));
    let seen = '';
    await expect((async () => { for await (const chunk of read) seen = (seen + String(chunk)).slice(-20); })()).rejects.toMatchObject({ code: '22012' });
    expect(seen).not.toBe('');
    expect(seen.endsWith(']')).toBe(false);
  });

  it('refuses when every connection stays busy', async () => {
    const reads = given.repository({ max: 1 });
    const slow = reads.copyOut(request('select pg_sleep(1)'));
    await until(async () => (await given.busy()) === 1, 2_000);
    await expect(reads.copyOut(request('select 1'))).rejects.toMatchObject({ code: 'pool exhausted' });
    await text(await slow);
  });

  it('keeps the connection when the server refuses a value or a statement', async () => {
    const reads = given.repository({ max: 1 });
    const pid = await text(await reads.copyOut(request('select pg_backend_pid()')));
    await expect(reads.copyOut(request("select 'x'::text::int"))).rejects.toMatchObject({ code: '22P02' });
    await expect(reads.copyOut(request('select from from'))).rejects.toMatchObject({ code: '42601' });
    expect(await text(await reads.copyOut(request('select pg_backend_pid()')))).toBe(pid);
  });

  describe('what is asked before the COPY', () => {
    it('`before` sees the same rows as the COPY, and what copy() throws reaches the caller', async () => {
      const reads = given.repository({ max: 1 });
      await database.query('create table public.moving as select 1 as id');
      let seen: unknown;
      const read = await reads.copyOut({
        ...request('select id from public.moving', { relations: ['public.moving'], before: 'select count(*)::int as n, (select 1 from pg_sleep(0.3)) from public.moving' }),
        copy: (_, rows) => {
          seen = rows[0]?.n;
          return `copy (select ',' || id from public.moving) to stdout ${AS_CSV}`;
        },
      });
      expect([seen, await text(read)]).toEqual([1, '[1\n]']);
      const refused = new Error('gone');
      await expect(reads.copyOut({ ...request('select 1'), copy: () => { throw refused; } })).rejects.toBe(refused);
      expect(await text(await reads.copyOut(request('select 1')))).toBe('[(1)\n]');
    });

    it('a row that is committed between `before` and the COPY is in neither', async () => {
      const reads = given.repository({ max: 1 });
      await database.query('create table public.growing as select 1 as id');
      const read = reads.copyOut({
        ...request('select id from public.growing', { relations: ['public.growing'], before: 'select pg_sleep(0.5)' }),
        copy: () => `copy (select ',' || id from public.growing) to stdout ${AS_CSV}`,
      });
      await until(async () => (await database.query("select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()")).length > 0, 2_000);
      await database.query('insert into public.growing values (2)');
      expect(await text(await read)).toBe('[1\n]');
    });

    it('has its time and the COPY what is left of it', async () => {
      const reads = given.repository({ transactionSeconds: 1 });
      for (const more of [{ before: 'select pg_sleep(0.9)' }, { maxRows: 1 }]) {
        await expect(reads.copyOut(request('select pg_sleep(0.9)', more))).rejects.toMatchObject({ code: 'too slow' });
      }
      await until(async () => (await given.busy()) === 0, 1_000);
    });

    it('refuses a result of more rows than it may have', async () => {
      const reads = given.repository({ max: 1 });
      const limited = (maxRows: number): Promise<string> => reads.copyOut(request('select id from public.readings', { maxRows })).then(text);
      expect((await limited(15)).split('\n')).toHaveLength(16);
      await expect(limited(14)).rejects.toMatchObject({ code: 'too many rows', message: 'The answer has more than 14 rows' });
      expect(reads.pool.totalCount).toBe(1);
    });
  });

  describe('columns of a template', () => {
    const version = 'select version from public.published';
    const asked = (reads: ReturnType<typeof given.repository>, template: object): Promise<string[]> => {
      const columns: string[] = [];
      const copy: CopyRequest['copy'] = (found) => {
        columns.push(...found.map(({ type }) => String(type)));
        return `copy (select ',' || id from public.shaped) to stdout ${AS_CSV}`;
      };
      return reads.copyOut({ ...request('select id from public.shaped', { relations: ['public.shaped'], shape: { template, version } }), copy }).then(text).then(() => columns);
    };
    const altered = (type: string): Promise<unknown> => database.query(`alter table public.shaped alter column id type ${type}`);
    beforeAll(() => database.query("create table public.published (version text); insert into public.published values ('1'); create table public.shaped as select 1 as id"));

    it('are asked once for each version', async () => {
      const [reads, template] = [given.repository(), {}];
      expect(await asked(reads, template)).toEqual(['23']);
      await altered('bigint');
      expect(await asked(reads, template)).toEqual(['23']); // nobody said that anything has changed
      expect(await asked(reads, {})).toEqual(['20']);
      await database.query("update public.published set version = '2'");
      expect(await asked(reads, template)).toEqual(['20']);
    });

    it('are asked each time while the version is not known', async () => {
      const [reads, template] = [given.repository(), {}];
      await database.query('update public.published set version = null');
      expect(await asked(reads, template)).toEqual(['20']);
      await altered('text');
      expect(await asked(reads, template)).toEqual(['25']);
    });

    it('are those of the publish that the read has waited for', async () => {
      const [reads, template] = [given.repository(), {}];
      await database.query("update public.published set version = '3'");
      expect(await asked(reads, template)).toEqual(['25']);
      const publisher = await database.session('publisher');
      await publisher.query("begin; alter table public.shaped alter column id type boolean using true; update public.published set version = '4'");
      const read = asked(reads, template);
      await until(async () => (await database.query('select from pg_locks where not granted and relation is not null')).length > 0, 2_000);
      await publisher.query('commit');
      expect(await read).toEqual(['16']);
      await publisher.end();
    });
  });

  it('gives up on a lock that is not to be had', async () => {
    const holder = await database.session('holder');
    await holder.query('begin; lock table public.readings in access exclusive mode');
    const start = performance.now();
    await expect(given.repository({ transactionSeconds: 1 }).copyOut(request('select * from public.readings', { relations: ['public.readings'] }))).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - start).toBeGreaterThan(2_900); // one second for a read, one for the publish, one above
    await holder.query('rollback');
  });

  it('times every statement, and names the slow ones', async () => {
    given.logged.length = 0;
    const heard: ReadStatement[] = [];
    // Reads of the tests before may end only now.
    const hear = (message: unknown): void => void ((message as ReadStatement).statement === 'sensor/slow' && heard.push(message as ReadStatement));
    subscribe(READ_CHANNELS.end, hear);
    const reads = given.repository({ slowMs: 1 });
    await text(await reads.copyOut(request("select repeat('x', 10) from generate_series(1, 50000)", { name: 'sensor/slow' })));
    await until(() => given.logged.some(({ message }) => message === 'slow statement'), 1_000);
    expect(given.logged.find(({ message }) => message === 'slow statement')).toMatchObject({ level: 'warn', fields: { statement: 'sensor/slow', rows: 50_000, ms: expect.any(Number), lock_ms: expect.any(Number), first_byte_ms: expect.any(Number) } });
    unsubscribe(READ_CHANNELS.end, hear);
    expect(heard).toEqual([expect.objectContaining({ statement: 'sensor/slow', outcome: 'complete', rows: 50_000, ms: expect.any(Number), waitMs: expect.any(Number) })]);
  });
});

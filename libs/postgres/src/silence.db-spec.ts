import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, openProxy, type Proxy, type TestDatabase } from '@ingot/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPool, type ConnectionPool } from './pool.js';
import { NoAnswerError, withConnectionFor, withWatchedConnection } from './silence.js';
import { isConnectionError } from './sqlstate.js';

let db: TestDatabase;
let proxy: Proxy;
let pool: ConnectionPool;

beforeEach(async () => {
  db = await createTestDatabase();
  proxy = await openProxy(db.url);
  pool = createPool({ url: proxy.url, name: 'watched', max: 3, acquireTimeoutMs: 1_000, onError: () => undefined });
});
afterEach(async () => {
  await pool.end();
  await proxy.close();
  await db.drop();
});
const sessions = () => db.query<{ state: string }>(`select state from pg_stat_activity where datname = current_database() and application_name = 'watched'`);
const timed = async (work: () => Promise<unknown>): Promise<{ error: unknown; ms: number }> => {
  const start = performance.now();
  const error = await work().then(() => undefined, (reason: unknown) => reason);
  return { error, ms: performance.now() - start };
};

it('sessions are let go by the server when the client has vanished', async () => {
  const { rows } = await pool.query(`select name, setting from pg_settings where name ~ '^tcp_|^idle_in_transaction' order by 1`);
  expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
    idle_in_transaction_session_timeout: '60000', tcp_keepalives_count: '3', tcp_keepalives_idle: '30', tcp_keepalives_interval: '10', tcp_user_timeout: '60000',
  });
});

describe('a limited loan', () => {
  it('ends at its limit, and takes the idle connections of the pool with it', async () => {
    const all = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
    for (const each of all) each.release();
    proxy.swallow();
    const { error, ms } = await timed(() => withConnectionFor(pool, 300, (client) => client.query('select 1')));
    expect(error).toBeInstanceOf(NoAnswerError);
    expect(isConnectionError(error)).toBe(true);
    expect(ms).toBeLessThan(600);
    expect((await timed(() => withConnectionFor(pool, 300, (client) => client.query('select 1')))).error).toBeUndefined();
    expect(pool.totalCount).toBe(1);
  });

  it('leaves an error of the statement as it is', async () => {
    expect((await timed(() => withConnectionFor(pool, 300, (client) => client.query('select 1/0')))).error).toMatchObject({ code: '22012' });
  });
});

describe('a watched loan', () => {
  it('goes on for as long as the server works', async () => {
    const { error, ms } = await timed(() => withWatchedConnection(pool, (client) => client.query('select pg_sleep(7)')));
    expect(error).toBeUndefined();
    expect(ms).toBeGreaterThan(6_900);
  });

  it('ends when the statement never reached the server, and its locks are free', async () => {
    const { error, ms } = await timed(() =>
      withWatchedConnection(pool, async (client) => {
        await client.query('begin; select pg_advisory_xact_lock(7)');
        proxy.swallow();
        await client.query('select 1');
      }),
    );
    expect(error).toBeInstanceOf(NoAnswerError);
    expect(ms).toBeLessThan(8_000);
    expect(await db.query('select pg_try_advisory_xact_lock(7) as got')).toEqual([{ got: true }]);
  });

  it('ends when the answer was lost, or the session ended without a word', async () => {
    for (const after of ['select 1', 'select pg_terminate_backend(pg_backend_pid())']) {
      const { error, ms } = await timed(() =>
        withWatchedConnection(pool, async (client) => {
          const answer = client.query(`select pg_sleep(0.5); ${after}`);
          await sleep(100);
          proxy.swallow();
          await answer;
        }),
      );
      expect(error).toBeInstanceOf(NoAnswerError);
      expect(ms).toBeLessThan(8_000);
    }
  });

  it('waits while nobody can be asked', async () => {
    const { error, ms } = await timed(() =>
      withWatchedConnection(pool, async (client) => {
        const answer = client.query('select pg_sleep(6)');
        proxy.silent = true;
        await answer;
      }),
    );
    expect(error).toBeUndefined();
    expect(ms).toBeGreaterThan(5_900);
    proxy.silent = false;
    expect((await sessions()).length).toBeGreaterThan(0);
  });
});

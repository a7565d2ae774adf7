import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createPool, isConnectionError, type ConnectionPool } from '@ingot/postgres';
import { createTestDatabase, openProxy, type TestDatabase } from '@ingot/testing';
import { OPERATIONS_SETTINGS, OperationsDatabase } from './operations-database.js';

type Proxy = Awaited<ReturnType<typeof openProxy>>;

let db: TestDatabase;
let proxy: Proxy;
let pool: ConnectionPool;
let operations: OperationsDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  proxy = await openProxy(db.url);
  pool = createPool({ url: proxy.url, name: 'ingot records', max: 2, settings: { ...OPERATIONS_SETTINGS, statement_timeout: '600' }, acquireTimeoutMs: 1_000, onError: () => undefined });
  operations = new OperationsDatabase(pool, proxy.url, 2_000);
});
afterEach(async () => {
  await operations.close();
  await pool.end();
  await proxy.close();
});

const list = () => operations.askHistory((history) => history.list({ limit: 1 }));

describe('questions of operators', () => {
  it('are given up by the server in time, as a problem that says try again', async () => {
    const start = performance.now();
    await expect(operations.ask((client) => client.query('select pg_sleep(30)'))).rejects.toMatchObject({ code: 'overloaded', status: 503 });
    expect(performance.now() - start).toBeLessThan(2_000);
    expect((await operations.ask((client) => client.query<{ one: number }>('select 1 as one'))).rows).toEqual([{ one: 1 }]);
  });

  it('are refused when both sessions stay busy', async () => {
    const first = await pool.connect();
    const second = await pool.connect();
    await expect(operations.ask((client) => client.query('select 1'))).rejects.toMatchObject({ code: 'overloaded' });
    first.release();
    expect((await operations.ask((client) => client.query('select 1'))).rowCount).toBe(1);
    second.release();
  });

  it('of the run ledger come back after its only connection went silent', async () => {
    expect(await list()).toEqual([]);
    proxy.swallow();
    expect(isConnectionError(await list().catch((error: unknown) => error))).toBe(true);
    expect(await list()).toEqual([]);
  });
});

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, startTestCluster, type TestDatabase } from '@ingot/testing';
import { closePool, createPool } from './pool.js';

describe('a pool', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db.drop());

  it('tells of a connection that broke while it was idle, without the connection itself', async () => {
    const errors: Error[] = [];
    const pool = createPool({ url: db.url, name: 'pool spec', max: 1, acquireTimeoutMs: 1_000, onError: (error) => errors.push(error) });
    const client = await pool.connect();
    client.release();
    const broke = once(pool, 'error').catch((error: unknown) => [error]);
    await db.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pool spec'`);
    await broke;
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: '57P01' });
    expect(errors[0]).not.toHaveProperty('client');
    expect((await pool.query('select 1')).rowCount).toBe(1);
    await closePool(pool);
  });

  it('is closed when the server has let go of its sessions, and soon when it does not answer', async () => {
    const cluster = await startTestCluster();
    const pools = await Promise.all(['one', 'two'].map(async (name) => {
      const pool = createPool({ url: cluster.url, name, max: 1, acquireTimeoutMs: 1_000, onError: () => undefined });
      await pool.query('select 1');
      return pool;
    }));
    try {
      cluster.pause();
      let isClosed = false;
      const first = closePool(pools[0]!).then(() => (isClosed = true));
      await sleep(100);
      expect(isClosed).toBe(false);
      cluster.resume();
      await first;

      cluster.pause();
      const since = performance.now();
      await closePool(pools[1]!);
      expect(performance.now() - since).toBeLessThan(2_000);
    } finally {
      cluster.resume();
      await cluster.stop();
    }
  });
});

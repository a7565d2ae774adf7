import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { createPool } from './pool.js';

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
    await pool.end();
  });
});

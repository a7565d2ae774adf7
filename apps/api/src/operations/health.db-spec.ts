import { expect, it } from '@jest/globals';
import { createPool } from '@ingot/postgres';
import { createTestDatabase, openProxy } from '@ingot/testing';
import { HealthService } from './health.service.js';

it('health is back within 3 s after its connection went silent', async () => {
  const db = await createTestDatabase();
  const proxy = await openProxy(db.url);
  const pool = createPool({ url: proxy.url, name: 'ingot health', max: 1, acquireTimeoutMs: 2_000, onError: () => undefined });
  const health = new HealthService({ version: '1', pool, lifecycle: { serving: true, state: 'serving' }, datasets: () => ({}), ingest: () => ({}), durability: { synchronousCommit: () => 'on', disks: () => [], allowUnsafe: true, warn: () => undefined } });
  try {
    expect((await health.ready()).healthy).toBe(true);
    proxy.swallow();
    const start = performance.now();
    expect((await health.ready()).healthy).toBe(false);
    expect((await health.ready()).healthy).toBe(true);
    expect((await health.overall()).healthy).toBe(true);
    expect(performance.now() - start).toBeLessThan(3_000);
  } finally {
    await pool.end();
    await proxy.close();
    await db.drop();
  }
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, openProxy, type Proxy, type TestDatabase } from '@ingot/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { startService, type RunningService } from './service.js';

// Each part has connections of its own; the proxy fails those of one part at a time.
describe('a part that has lost the database', () => {
  let database: TestDatabase;
  let proxy: Proxy;
  let service: RunningService;
  let second = Date.parse('2022-04-14T00:00:00Z') / 1000;

  beforeAll(async () => {
    database = await createTestDatabase();
    proxy = await openProxy(database.url);
    service = await startService(proxy.url, { INGOT_RESULT_CACHE_BYTES: '0', INGOT_ACQUIRE_TIMEOUT_MS: '500', INGOT_READ_POOL_MAX: '4' });
  });
  beforeEach(() => void Object.assign(proxy, { silent: false, refuse: 0, only: '' }));
  afterAll(async () => {
    Object.assign(proxy, { silent: false, refuse: 0 });
    await service.stop();
    await proxy.close();
    await database.drop();
  });

  const post = async (): Promise<number> => (await fetch(`${service.url}/data`, { method: 'POST', body: `${second++} Voltage 1`, headers: { 'content-type': 'text/plain' } })).status;
  const get = (): Promise<Response> => fetch(`${service.url}/data?from=2022-04-14&to=2022-04-14`);
  const health = async (): Promise<number> => (await fetch(`${service.url}/health`)).status;
  const count = async (relation: string): Promise<number> => (await database.query<{ n: number }>(`select count(*)::int as n from ${relation}`))[0]?.n ?? -1;
  async function until(condition: () => Promise<boolean>, withinMs: number): Promise<number> {
    const start = performance.now();
    while (!(await condition())) {
      if (performance.now() - start > withinMs) throw new Error(`not within ${withinMs} ms`);
      await sleep(50);
    }
    return performance.now() - start;
  }
  /** The sessions of that name hear nothing more, and new ones hear nothing at all. */
  function blackHole(name: string): void {
    proxy.only = name;
    proxy.silent = true;
    proxy.swallow();
  }

  it('reads: they answer 503, while posts, runs and health go on; afterwards they read again', async () => {
    expect([await post(), (await get()).status]).toEqual([200, 200]);
    const before = await count('silver.stg_readings');
    blackHole('ingot read');
    const answers = await Promise.all(Array.from({ length: 8 }, get));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(503));
    expect(answers.every(({ headers }) => headers.has('retry-after'))).toBe(true);
    const start = performance.now();
    expect([await post(), await health()]).toEqual([200, 200]);
    expect(performance.now() - start).toBeLessThan(1_000);
    expect((await get()).status).toBe(503);
    await until(async () => (await count('silver.stg_readings')) === before + 1, 3_000); // the runs go on
    proxy.silent = false;
    await until(async () => (await get()).status === 200, 5_000);
    const rows = (await (await get()).json()) as unknown[];
    expect(rows).toHaveLength(before + 1);
  });

  it('posts: they answer 503, while reads, runs and health go on; afterwards they store again', async () => {
    await post();
    const before = await count('bronze.raw_readings');
    blackHole('ingot ingest');
    expect(await post()).toBe(503);
    expect([(await get()).status, await health()]).toEqual([200, 200]);
    proxy.silent = false;
    await until(async () => (await post()) === 200, 5_000);
    expect(await count('bronze.raw_readings')).toBeGreaterThan(before);
  });

  it('runs: posts go on, and reads say that they are stale', async () => {
    expect([await post(), (await get()).headers.get('ingot-stale')]).toEqual([200, null]);
    blackHole('ingot run');
    expect([await post(), await health()]).toEqual([200, 200]);
    const stale = await get();
    expect([stale.status, stale.headers.get('ingot-stale')]).toEqual([200, expect.stringMatching(/timeout|unavailable/)]);
    proxy.silent = false;
    await until(async () => (await get()).headers.get('ingot-stale') === null, 15_000);
    expect(await count('silver.stg_readings')).toBe(await count('bronze.raw_readings'));
  });

  it('every connection is cut: the next requests are answered, and nothing is lost or doubled', async () => {
    const before = await count('bronze.raw_readings');
    expect(await post()).toBe(200);
    proxy.cut();
    const answers = await Promise.all([get(), get(), get()]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    await until(async () => (await post()) === 200, 3_000);
    expect(await count('bronze.raw_readings')).toBeGreaterThanOrEqual(before + 2);
    const rows = (await (await get()).json()) as unknown[];
    expect(rows).toHaveLength(await count('bronze.raw_readings'));
  });
});

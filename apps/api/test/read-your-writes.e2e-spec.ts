import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { startService, type RunningService } from './service.js';

// Several services on one database. Their schedule looks for unseen rows once an hour only: what they see sooner, they
// see because they were asked or woken.
describe('read-your-writes', () => {
  let folder: string;
  let database: TestDatabase;
  const running = new Set<RunningService>();
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'ingot-freshness-'));
    cpSync('sql', path.join(folder, 'sql'), { recursive: true });
    writeFileSync(path.join(folder, 'sql/sensor/dataset.yml'), 'description: Probed once an hour.\nprobe_every: 1h\n');
    database = await createTestDatabase();
  });
  afterAll(async () => {
    await Promise.all([...running].map((service) => service.stop()));
    await database.drop();
    rmSync(folder, { recursive: true });
  });

  async function start(env: Record<string, string> = {}): Promise<RunningService> {
    const service = await startService(database.url, { INGOT_SQL_DIR: path.join(folder, 'sql'), INGOT_FRESHNESS_WAIT_MS: '20000', ...env });
    running.add(service);
    return service;
  }
  async function end(service: RunningService, signal?: NodeJS.Signals): Promise<void> {
    running.delete(service);
    await service.stop(signal);
  }
  let lines = 0;
  /** Posts one line and returns its second. */
  async function post({ url }: RunningService): Promise<number> {
    const second = 1_900_000_000 + lines++;
    const response = await fetch(`${url}/data`, { method: 'POST', body: `${second} Voltage ${lines}`, headers: { 'content-type': 'text/plain' } });
    expect(response.status).toBe(200);
    return second;
  }
  async function get({ url }: RunningService, second: number, prefer?: string): Promise<{ rows: number; headers: Headers; ms: number }> {
    const time = new Date(second * 1_000).toISOString();
    const started = performance.now();
    const response = await fetch(`${url}/data?from=${time}&to=${time}&name=Voltage`, prefer === undefined ? {} : { headers: { prefer } });
    expect(response.status).toBe(200);
    return { rows: ((await response.json()) as unknown[]).length, headers: response.headers, ms: performance.now() - started };
  }
  async function sees(service: RunningService, second: number): Promise<void> {
    const { rows, headers } = await get(service, second);
    expect([rows, headers.get('ingot-stale')]).toEqual([1, null]);
  }
  const silver = async (): Promise<number> => Number((await database.query<{ n: string }>('select count(*) as n from silver.stg_readings'))[0]?.n);
  async function until(condition: () => Promise<boolean>): Promise<number> {
    const started = performance.now();
    for (; performance.now() - started < 15_000; await sleep(20)) if (await condition()) return performance.now() - started;
    throw new Error('it never came');
  }

  it('what one process acknowledged is in the answer of the other, also when either is killed in between', async () => {
    let [here, there] = [await start(), await start()];
    for (let i = 0; i < 24; i++) {
      await sees(there, await post(here));
      [here, there] = [there, here];
    }
    await Promise.all(Array.from({ length: 16 }, async () => sees(there, await post(here))));
    for (let i = 0; i < 2; i++) {
      const second = await post(here);
      const killed = end(here, 'SIGKILL');
      await sees(there, second);
      await killed;
      await sees(there, await post(there));
      here = await start();
      await sees(here, await post(there));
      [here, there] = [there, here];
    }
    expect(await silver()).toBe(lines);
    await Promise.all([end(here), end(there)]);
  });

  describe('where one process answers and another runs', () => {
    let api: RunningService;
    let transform: RunningService;
    beforeAll(async () => {
      [api, transform] = await Promise.all([start({ INGOT_ROLE: 'api', INGOT_FRESHNESS_MAX_WAIT_MS: '1500' }), start({ INGOT_ROLE: 'transform' })]);
      await sees(api, await post(api));
    });
    afterAll(() => Promise.all([end(api), end(transform)]));

    it('the one wakes the other for its readers, and after each flush', async () => {
      for (let i = 0; i < 20; i++) await sees(api, await post(api));
      await post(api);
      await until(async () => (await silver()) === lines);
    });

    it('the one that runs takes no lines and gives no rows', async () => {
      expect((await fetch(`${transform.url}/data`, { method: 'POST', body: '1 a 1' })).status).toBe(404);
      expect((await fetch(`${transform.url}/data?from=2030-01-01&to=2030-01-01`)).status).toBe(404);
      expect((await fetch(`${transform.url}/health`)).status).toBe(200);
    });

    it('says that it is stale, and why, when the run fails; it does not wait for that', async () => {
      await database.query(`create function silver.refuse() returns trigger language plpgsql as $$ begin raise exception 'refused by the test'; end $$;
        create trigger refuse before insert or update on silver.int_daily_metric for each row execute function silver.refuse()`);
      const second = await post(api);
      await until(async () => (await get(api, second)).headers.get('ingot-stale') === 'failing');
      const { rows, headers, ms } = await get(api, second, 'wait=1');
      expect([rows, headers.get('ingot-stale'), headers.get('preference-applied'), headers.get('cache-control')]).toEqual([0, 'failing', 'wait=1', 'no-store']);
      expect(ms).toBeLessThan(800);
      await database.query('drop trigger refuse on silver.int_daily_metric; drop function silver.refuse()');
      await until(async () => (await silver()) === lines);
      await sees(api, second);
    });

    it('waits as long as the request prefers, up to the maximum, while another works on the dataset', async () => {
      const blocker = await database.session();
      await blocker.query('begin; lock table silver.int_daily_metric in share mode');
      const second = await post(api);
      const asked = ['wait=0', 'wait=1', 'wait=60'].map((prefer) => get(api, second, prefer));
      const [now, one, most] = await Promise.all(asked);
      for (const { rows, headers } of [now!, one!, most!]) expect([rows, headers.get('ingot-stale')]).toEqual([0, 'timeout']);
      expect([now, one, most].map((answer) => answer?.headers.get('preference-applied'))).toEqual(['wait=0', 'wait=1', 'wait=1']);
      expect(now!.ms).toBeLessThan(900);
      expect(one!.ms).toBeGreaterThan(950);
      expect(most!.ms).toBeGreaterThan(1_450);
      expect(most!.ms).toBeLessThan(3_000);
      await blocker.query('rollback');
      const after = await get(api, second);
      expect([after.rows, after.headers.get('ingot-stale')]).toEqual([1, null]);
      expect(Date.parse(after.headers.get('ingot-watermark') ?? '')).toBeGreaterThan(Date.parse(most!.headers.get('ingot-watermark') ?? ''));
    });

    it('waits in vain when nobody runs, and catches up when somebody does', async () => {
      await end(transform, 'SIGKILL');
      const second = await post(api);
      const { rows, headers } = await get(api, second, 'wait=1');
      expect([rows, headers.get('ingot-stale')]).toEqual([0, 'timeout']);
      transform = await start({ INGOT_ROLE: 'transform' });
      await sees(api, second);
    });
  });
});

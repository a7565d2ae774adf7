import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createTestDatabase, openProxy, type TestDatabase } from '@ingot/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { RunnerLog } from '../src/runner-log.js';
import { WakeUps } from '../src/wake-ups.js';

describe('wake-ups between processes', () => {
  let db: TestDatabase;
  const open: WakeUps[] = [];
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((wakeUps) => wakeUps.close()));
  });
  afterAll(() => db.drop());

  const quiet = () => undefined;
  const log: RunnerLog = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  type Heard = [dataset: string, withinMs: number][];
  async function start(heard?: Heard, url = db.url): Promise<WakeUps> {
    const sessions = await waiting();
    const wakeUps = new WakeUps({ url, log, ...(heard === undefined ? {} : { onWake: (...args) => heard.push(args) }) });
    wakeUps.start();
    open.push(wakeUps);
    await until(async () => (await waiting()) > sessions);
    return wakeUps;
  }
  /** Sessions that have been opened and, where they listen, do. */
  const waiting = async (): Promise<number> => Number((await db.query<{ n: string }>(`select count(*) as n from pg_stat_activity where application_name = 'ingot wake' and datname = current_database() and state = 'idle'`))[0]?.n);
  async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(10)) if (await condition()) return;
    throw new Error('it never came');
  }
  /** Sends until it is heard: a session that was just opened may not listen yet. */
  const sendUntil = async (sender: WakeUps, heard: Heard): Promise<void> => {
    await until(async () => {
      sender.send('sensor', 0);
      await sleep(20);
      return heard.length > 0;
    });
    await sleep(100);
    heard.length = 0;
  };

  it('reach every other process that listens, and not the one that sends', async () => {
    const [own, other, third]: Heard[] = [[], [], []];
    const sender = await start(own);
    await start(other);
    await start(third);
    const deaf = await start();
    await sendUntil(sender, other!);
    third!.length = 0;
    sender.send('sensor', 400);
    await until(() => other!.length === 1 && third!.length === 1);
    expect([own, other, third]).toEqual([[], [['sensor', 400]], [['sensor', 400]]]);
    deaf.send('other', 0);
    await until(() => own!.length === 1 && other!.length === 2);
    expect(own).toEqual([['other', 0]]);
  });

  it('are ten a second at most, the soonest of each dataset, unless somebody waits', async () => {
    const heard: Heard = [];
    const sender = await start();
    await start(heard);
    await sendUntil(sender, heard);
    const started = performance.now();
    for (; performance.now() - started < 1_000; await sleep(1)) {
      sender.send('sensor', 400);
      sender.send('other', 200);
      sender.send('sensor', 300);
    }
    await sleep(150);
    expect(heard.length).toBeLessThanOrEqual(2 * 12);
    expect(heard.slice(2)).toContainEqual(['sensor', 300]);
    heard.length = 0;
    sender.send('sensor', 400);
    sender.send('sensor', 0);
    await until(() => heard.length > 0);
    expect(heard).toEqual([['sensor', 0]]);
  });

  it('come back when their session is ended, and when its packets are dropped', async () => {
    const heard: Heard = [];
    const proxy = await openProxy(db.url);
    const sender = await start(undefined, proxy.url);
    await start(heard);
    await sendUntil(sender, heard);
    await db.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ingot wake' and datname = current_database()`);
    await sendUntil(sender, heard);
    await until(() => proxy.alive() === 1);
    proxy.swallow();
    sender.send('sensor', 0);
    await until(() => proxy.alive() === 1); // after the limit for an answer, on a new connection
    await sendUntil(sender, heard);
    await sender.close();
    await proxy.close();
  });

  it('send one statement at a time: what the driver queues by itself it warns of, and will refuse', async () => {
    const underWay = new Map<unknown, number>();
    let most = 0;
    const driver = pg.Client.prototype as unknown as { query: (this: unknown, ...given: unknown[]) => unknown };
    const { query } = driver;
    const spy = jest.spyOn(driver, 'query').mockImplementation(async function (this: unknown, ...given: unknown[]) {
      if ((this as { connectionParameters: { application_name: string } }).connectionParameters.application_name !== 'ingot wake') return query.apply(this, given);
      underWay.set(this, (underWay.get(this) ?? 0) + 1);
      most = Math.max(most, underWay.get(this)!);
      try {
        await sleep(30); // a server that is not quick
        return await query.apply(this, given);
      } finally {
        underWay.set(this, underWay.get(this)! - 1);
      }
    });
    const wakeUps = new WakeUps({ url: db.url, log, onWake: quiet });
    wakeUps.start();
    open.push(wakeUps);
    for (const end = Date.now() + 500; Date.now() < end; await sleep(1)) wakeUps.send('sensor', 0);
    await wakeUps.close();
    spy.mockRestore();
    expect([underWay.size, most]).toEqual([1, 1]);
  });

  it('survive a database that is not there, and whatever anybody sends', async () => {
    const nowhere = new WakeUps({ url: 'postgres://nobody@127.0.0.1:1/none', log });
    nowhere.start();
    nowhere.send('sensor', 0);
    await sleep(50);
    await nowhere.close();
    nowhere.send('sensor', 0);

    const heard: Heard = [];
    const sender = await start();
    await start(heard);
    await sendUntil(sender, heard);
    for (const payload of ['', 'x', '-1 sensor', '99999999999 sensor', '1e3 sensor']) await db.query('select pg_notify($1, $2)', ['ingot_wake', payload]);
    sender.send('sensor', 200);
    await until(() => heard.length > 0);
    expect(heard).toEqual([['sensor', 200]]);
  });
});

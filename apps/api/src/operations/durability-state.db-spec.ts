import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, createPool, type Connection, type ConnectionPool, type DiskState } from '@ingot/postgres';
import { createTestDatabase, startStandby, startTestCluster, type TestCluster, type TestDatabase } from '@ingot/testing';
import { DurabilityState, type DurabilityOptions } from './durability-state.js';

describe('durability', () => {
  let cluster: TestCluster;
  let database: TestDatabase;
  let pool: ConnectionPool;
  let warned: string[];
  beforeAll(async () => {
    cluster = await startTestCluster();
    database = await createTestDatabase(cluster.url);
    pool = createPool({ url: database.urls.ingest, name: 'ingot health', max: 1, acquireTimeoutMs: 5_000, onError: () => undefined });
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
    await cluster.stop();
  });

  function stateOf(options: Partial<DurabilityOptions> = {}): DurabilityState {
    warned = [];
    return new DurabilityState({ synchronousCommit: () => 'on', disks: () => [], allowUnsafe: false, warn: (reason) => void warned.push(reason), freshMs: 0, ...options });
  }
  async function asked(state: DurabilityState, from = pool): Promise<DurabilityState> {
    const client = await from.connect();
    try {
      await state.refresh(client);
      return state;
    } finally {
      client.release();
    }
  }
  /** For the time of the work; new sessions and those that ask anew see it. */
  async function withSetting(setting: string, value: string, work: () => Promise<void>): Promise<void> {
    const admin = await connect({ url: cluster.url, name: 'admin' });
    const reload = async (): Promise<void> => {
      const { rows } = await admin.query<{ before: Date }>('select pg_conf_load_time() as before');
      await admin.query('select pg_reload_conf()');
      for (let done = false; !done; ) {
        const probe = await connect({ url: cluster.url, name: 'probe' });
        done = ((await probe.query<{ at: Date }>('select pg_conf_load_time() as at')).rows[0]?.at ?? 0) > rows[0]!.before;
        await probe.end();
      }
    };
    try {
      await admin.query(`alter system set ${setting} = ${value}`);
      await reload();
      await work();
    } finally {
      await admin.query(`alter system reset ${setting}`);
      await reload();
      await admin.end();
    }
  }
  const untilSeen = async (state: DurabilityState, reasons: number): Promise<DurabilityState> => {
    for (const end = Date.now() + 10_000; (await asked(state)).reasons.length !== reasons && Date.now() < end; );
    return state;
  };

  it('is unknown before the server was asked, then safe', async () => {
    const state = stateOf();
    expect(state.report).toEqual({ state: 'unknown', reasons: [], checksums: 'unknown', disks: { database: 'unknown' } });
    await asked(state);
    expect(state.report).toEqual({ state: 'safe', reasons: [], checksums: 'on', disks: { database: 'unknown' } });
    expect(state.isReady).toBe(true);
    expect(warned).toEqual([]);
  });

  it.each([
    ['fsync', 'fsync is off on the server: a crash of the machine may lose lines that were acknowledged'],
    ['full_page_writes', 'full_page_writes is off on the server: a crash of the machine may lose lines that were acknowledged'],
  ])('is lost when the server is told %s = off while it runs, and is back with it; an override says that it is unsafe', async (setting, reason) => {
    const [state, allowed] = [stateOf(), stateOf({ allowUnsafe: true })];
    await asked(state);
    await withSetting(setting, 'off', async () => {
      await untilSeen(state, 1);
      expect(state).toMatchObject({ isReady: false, reasons: [reason], report: { state: 'unsafe', reasons: [reason] } });
      expect(state.report).not.toHaveProperty('allowed');
      await asked(allowed);
      expect(allowed).toMatchObject({ isReady: true, reasons: [reason], report: { state: 'unsafe', reasons: [reason], allowed: 'unsafe' } });
      await asked(state);
      expect(warned).toEqual([reason, reason]); // one of each, however often it is asked
    });
    await untilSeen(state, 0);
    expect(state.isReady).toBe(true);
  });

  it('is that of the sessions that store lines, not that of the one that asks', async () => {
    expect(await asked(stateOf({ synchronousCommit: () => 'off' }))).toMatchObject({ isReady: false, reasons: [expect.stringMatching(/^synchronous_commit is off in the sessions that store lines/)] });
    expect(await asked(stateOf({ synchronousCommit: () => 'local' }))).toMatchObject({ isReady: true });
  });

  it('asks a server once in a while, and a new connection at once', async () => {
    const state = stateOf({ freshMs: 60_000 });
    const refresh = async (): Promise<boolean> => {
      const client = await pool.connect();
      return state.refresh(client).finally(() => client.release());
    };
    expect([await refresh(), await refresh()]).toEqual([true, false]);
    const client = await pool.connect();
    client.release(new Error('lost'));
    expect([await refresh(), await refresh()]).toEqual([true, false]);
  });

  it('is no use where nothing can be written: a login that may only read, a standby; no override helps', async () => {
    const admin = await connect({ url: cluster.url, name: 'admin' });
    await admin.query('alter role test_ingest set default_transaction_read_only = on');
    const fresh = createPool({ url: database.urls.ingest, name: 'ingot health', max: 1, acquireTimeoutMs: 5_000, onError: () => undefined });
    try {
      expect(await asked(stateOf({ allowUnsafe: true }), fresh)).toMatchObject({ isReady: false, reasons: [expect.stringMatching(/^the server lets the sessions that store lines only read/)] });
    } finally {
      await admin.query('alter role test_ingest reset default_transaction_read_only');
      await Promise.all([admin.end(), fresh.end()]);
    }
    const standby = await startStandby(cluster, { fsync: 'on' });
    const replica = createPool({ url: Object.assign(new URL(database.urls.ingest), { port: String(standby.port) }).toString(), name: 'ingot health', max: 1, acquireTimeoutMs: 5_000, onError: () => undefined });
    try {
      expect(await asked(stateOf({ allowUnsafe: true }), replica)).toMatchObject({ isReady: false, reasons: ['the server is a read-only standby'] });
    } finally {
      await replica.end();
      await standby.stop();
    }
  });

  it('needs room on the disks; no override helps', () => {
    const disks: DiskState[] = [{ name: 'database', freeBytes: 1, low: true }, { name: 'spool', freeBytes: 9, low: false }];
    const state = stateOf({ disks: () => disks, allowUnsafe: true });
    expect(state).toMatchObject({ isReady: false, reasons: ['the disk of the database has less room than INGOT_MIN_FREE_DISK_BYTES'], report: { disks: { database: 'low', spool: 'enough' } } });
  });

  it('says of a server that is too old what is needed', () => {
    const state = stateOf();
    const old = { query: () => Promise.resolve({ rows: [{ version: 140_005, versionText: '14.5', standby: false, readOnly: false, fsync: true, fullPageWrites: true, checksums: false }] }) } as unknown as Connection;
    return state.refresh(old).then(() => expect(state).toMatchObject({ isReady: false, reasons: ['the server is PostgreSQL 14.5; 15 or newer is needed'] }));
  });
});

import { channel } from 'node:diagnostics_channel';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { loadDataset, type Dataset } from '@ingot/datasets';
import { apply, arrivalQuery, DatasetRunner, rebuild } from '@ingot/models';
import { connect, createPool, ReadRepository, REPLICA_CHANNEL, ReplicaReads, type CopyRequest, type ReadOptions, type ReplicaOutcome } from '@ingot/postgres';
import { createTestDatabase, startStandby, startTestCluster, type TestCluster, type TestDatabase } from '@ingot/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';

let primary: TestCluster;
let standby: TestCluster;
let database: TestDatabase;
let replicaUrl: string;
let onStandby: Client;
let dataset: Dataset;
let open: ReadRepository[] = [];
const outcomes: ReplicaOutcome[] = [];
const noted = (outcome: unknown): void => void outcomes.push(outcome as ReplicaOutcome);

beforeAll(async () => {
  primary = await startTestCluster({ durable: false });
  standby = await startStandby(primary, { max_standby_streaming_delay: '100ms' });
  database = await createTestDatabase(primary.url);
  dataset = await loadDataset('sql/sensor');
  await apply(await database.session(), dataset);
  const url = new URL(database.url);
  url.port = String(standby.port);
  replicaUrl = url.toString();
  await until(async () => (await connect({ url: replicaUrl, name: 'look' }).then((client) => client.end().then(() => true), () => false)));
  const asSuperuser = new URL(standby.url);
  asSuperuser.pathname = url.pathname;
  onStandby = await connect({ url: asSuperuser.toString(), name: 'test' });
  await until(() => isReplayed('silver.stg_readings'));
  channel(REPLICA_CHANNEL).subscribe(noted);
});
afterAll(async () => {
  channel(REPLICA_CHANNEL).unsubscribe(noted);
  await onStandby.end();
  await standby.stop();
  await database.drop();
  await primary.stop();
});
beforeEach(() => void outcomes.splice(0));
afterEach(async () => {
  await Promise.all(open.map((repository) => repository.close()));
  open = [];
});

/** The relation has come to the standby. */
const isReplayed = async (relation: string): Promise<boolean> => (await onStandby.query('select where to_regclass($1) is not null', [relation])).rowCount === 1;

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await holds()); await sleep(10)) if (Date.now() > end) throw new Error('not in time');
}

const silent = { debug: () => undefined, warn: () => undefined, error: () => undefined };

function repository(url: string, options: Partial<ReadOptions> = {}): ReadRepository {
  const made = new ReadRepository({ url, name: 'ingot read', min: 0, max: 4, acquireTimeoutMs: 10_000, transactionSeconds: 20, slowMs: 10_000, log: silent, ...options });
  open.push(made);
  return made;
}

function replicated(): ReplicaReads {
  const here = repository(database.url);
  return new ReplicaReads(repository(replicaUrl, { attempts: 1, pooled: true, room: here.room }), here, silent);
}

/** Each row as its text. */
function request(query: string, relations: readonly string[] = [], more: Partial<CopyRequest> & { replicaWaitMs?: number } = {}): CopyRequest & { replicaWaitMs?: number } {
  const copy = (): string => `copy (select q::text from (${query}) q) to stdout (format csv, quote E'\\x01', delimiter E'\\x02')`;
  return { name: 'test', relations, query, copy, ...more };
}

async function textOf(reads: { copyOut: ReplicaReads['copyOut'] }, asked: CopyRequest): Promise<string> {
  return Buffer.concat((await (await reads.copyOut(asked)).toArray()) as Buffer[]).toString().trim();
}

/** Whichever server gives the answer. */
const WHERE = 'select pg_is_in_recovery() as standby';

async function post(...lines: string[]): Promise<void> {
  await database.query(`with f as (insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'bronze.raw_readings', ${lines.length})) insert into bronze.raw_readings (line) select unnest($1::text[])`, [lines]);
}

describe('reads with a replica', () => {
  let runner: DatasetRunner;
  let pool: ReturnType<typeof createPool>;
  beforeAll(() => {
    pool = createPool({ url: database.url, name: 'ingot run', max: 3, acquireTimeoutMs: 2_000, settings: { jit: 'off' }, onError: () => undefined });
    runner = new DatasetRunner({ pool, dataset, log: { ...silent, info: () => undefined }, maxRows: 1_000_000, historyDays: 30 });
  });
  afterAll(async () => {
    await runner.close();
    await pool.end();
  });
  const arrival = async (): Promise<string> => {
    const { fresh, runId, watermarkAt } = await runner.catchUp({ timeoutMs: 5_000 });
    expect(fresh).toBe(true);
    return arrivalQuery('sensor', { runId, watermarkAt })!;
  };
  const COUNT = 'select count(*) as n, pg_is_in_recovery() as standby from silver.stg_readings';

  it('show what was acknowledged before, from the replica when it has it, else from the primary', async () => {
    const reads = replicated();
    for (let posted = 1; posted <= 6; posted++) {
      await post(`${1_649_941_800 + posted} Voltage 1.5`);
      expect(await textOf(reads, request(COUNT, ['silver.stg_readings'], { arrived: await arrival(), replicaWaitMs: 1_000 }))).toMatch(new RegExp(`^\\(${posted},`));
    }
    expect(outcomes).toContain('answered');
    await onStandby.query('select pg_wal_replay_pause()');
    outcomes.splice(0);
    await post('1649941900 Voltage 1.5');
    const since = performance.now();
    expect(await textOf(reads, request(COUNT, ['silver.stg_readings'], { arrived: await arrival(), replicaWaitMs: 1_000 }))).toBe('(7,f)');
    expect(await textOf(reads, request(COUNT, ['silver.stg_readings'], { arrived: await arrival(), before: 'select 1 as one', maxRows: 10 }))).toBe('(7,f)');
    expect(performance.now() - since).toBeGreaterThan(100); // it has waited, and no second time
    expect(outcomes).toEqual(['behind', 'behind']);
    expect(await textOf(repository(replicaUrl), request(COUNT))).toBe('(6,t)');
    await onStandby.query('select pg_wal_replay_resume()');
    await until(async () => (await textOf(reads, request(COUNT, ['silver.stg_readings'], { arrived: await arrival() }))) === '(7,t)');
  });

  it('do not take the run of another history for theirs', async () => {
    await arrival();
    const [row] = await database.query<{ run_id: string; updated_at: Date }>(`select run_id, updated_at from ingot.datasets where name = 'sensor'`);
    const { run_id: runId, updated_at: watermarkAt } = row!;
    const says = async (id: bigint, at: Date): Promise<unknown> => (await database.query<{ arrived: boolean }>(arrivalQuery('sensor', { runId: id, watermarkAt: at })!))[0]!.arrived;
    expect(await says(BigInt(runId), watermarkAt)).toBe(true);
    expect(await says(BigInt(runId), new Date(watermarkAt.getTime() - 10))).toBe(false);
    expect(await says(BigInt(runId) + 1n, watermarkAt)).toBe(false);
    expect(await says(BigInt(runId) - 1n, new Date(watermarkAt.getTime() - 10))).toBe(true);
    expect((await database.query<{ arrived: boolean }>(arrivalQuery('sensor', { watermarkAt })!))[0]!.arrived).toBe(true);
    expect((await database.query<{ arrived: boolean }>(arrivalQuery('sensor', { watermarkAt: new Date(watermarkAt.getTime() + 10) })!))[0]!.arrived).toBe(false);
    expect((await database.query<{ arrived: boolean }>(arrivalQuery('other', { runId: 0n })!))[0]!.arrived).toBe(false);
    expect(arrivalQuery('sensor', {})).toBeUndefined();
  });

  it('that wait for a publication being replayed see what it published', async () => {
    await database.query(`create table public.live (n int); insert into public.live values (1); create table public.draft (n int); grant select on public.live, public.draft to public`);
    await until(() => isReplayed('public.draft'));
    const publisher = await database.session();
    await publisher.query('begin; insert into public.draft values (2), (3); lock table public.live in access exclusive mode; alter table public.live rename to gone; alter table public.draft rename to live');
    await database.query('create table public.flushed ()'); // its COMMIT has the lock before it flushed, and sent
    const held = `select from pg_locks as l join pg_database as d on d.oid = l.database where datname = current_database() and mode = 'AccessExclusiveLock' and relation = 'public.live'::regclass`;
    await until(async () => (await onStandby.query(held)).rowCount === 1);
    const reads = replicated();
    const read = textOf(reads, request('select count(*) as n, pg_is_in_recovery() as standby from public.live', ['public.live']));
    const bare = onStandby.query(copyTo('copy (select count(*) from public.live) to stdout')).toArray(); // its snapshot is older than its lock
    await until(async () => (await textOf(repository(replicaUrl), request(`select count(*) as n from pg_locks where not granted and relation = 'public.live'::regclass`))) === '(2)');
    await publisher.query('commit');
    expect(await read).toBe('(2,t)');
    expect(Buffer.concat((await bare) as Buffer[]).toString()).toBe('0\n'); // neither what was there before nor what is there now
  });

  it('see all of a publication or nothing of it, while it is replayed', async () => {
    await post(...Array.from({ length: 500 }, (_, i) => `${1_649_950_000 + i} ${i % 2 === 0 ? 'Voltage' : 'Current'} 2`));
    await arrival();
    const reads = replicated();
    const CONSISTENT = `select (select count(*) from silver.stg_readings) as readings, (select sum(readings) from silver.int_daily_metric) as summed, (select count(*) from gold.mart_daily_power) as days`;
    const relations = ['gold.mart_daily_power', 'silver.int_daily_metric', 'silver.stg_readings'];
    let publishing = true;
    const client = await database.session();
    const published = (async () => {
      for (let i = 0; i < 2; i++) await rebuild(client, dataset, dataset.models.map(({ relation }) => relation), undefined, { readSeconds: 20 });
    })().finally(() => (publishing = false));
    const answers = new Set<string>();
    outcomes.splice(0);
    while (publishing) answers.add(await textOf(reads, request(CONSISTENT, relations, { arrived: arrivalQuery('sensor', { runId: 0n })! })));
    await published;
    expect([...answers]).toEqual(['(507,507,1)']);
    expect(outcomes.filter((outcome) => outcome === 'answered').length).toBeGreaterThan(3);
  });

  it('are answered by the primary when the replica ends them to go on replaying', async () => {
    await database.query('create table public.held (n int); insert into public.held values (7); grant all on public.held to public');
    await until(() => isReplayed('public.held'));
    const reads = replicated();
    const asked = textOf(reads, request('select n, pg_is_in_recovery() as standby, pg_sleep(case when pg_is_in_recovery() then 4 else 0 end)::text from public.held', ['public.held']));
    await until(async () => (await onStandby.query(`select from pg_stat_activity where query like 'copy%pg_sleep%' and state = 'active' and pid <> pg_backend_pid()`)).rowCount === 1);
    await database.query('alter table public.held add column m int');
    expect(await asked).toBe('(7,f,"")');
    expect(outcomes).toEqual(['failed']);
  });

  it('are answered by the primary while the replica is down, and by the replica again', async () => {
    const reads = replicated();
    expect(await textOf(reads, request(WHERE))).toBe('(t)');
    await onStandby.end();
    await standby.stopImmediate();
    for (let i = 0; i < 30; i++) expect(await textOf(reads, request(WHERE))).toBe('(f)');
    const [ofPrimary, ofReplica] = open.map(({ status }) => status.breaker);
    expect(ofPrimary).toBe('closed');
    expect(['open', 'half-open']).toContain(ofReplica);
    await standby.restart();
    await until(async () => (await textOf(reads, request(WHERE))) === '(t)');
    const again = new URL(standby.url);
    again.pathname = new URL(replicaUrl).pathname;
    onStandby = await connect({ url: again.toString(), name: 'test' });
  });

  it('give what is wrong with the statement to whoever asked, without asking the primary', async () => {
    const reads = replicated();
    await expect(textOf(reads, request('select 1 / 0'))).rejects.toThrow(/division by zero/);
    await expect(textOf(reads, request('select generate_series(1, 5)', [], { maxRows: 3 }))).rejects.toThrow(/more than 3 rows/);
    expect(outcomes).toEqual([]);
  });
});

describe('a read behind a transaction pooler', () => {
  it('brings its settings along: the same text means the same, whatever the server has', async () => {
    await database.query(`alter role ingot set timezone = 'America/New_York'; alter role ingot set search_path = 'gold'; alter role ingot set datestyle = 'German'`);
    const SETTINGS = `select current_setting('TimeZone'), current_setting('search_path'), '2022-04-15 02:00Z'::timestamptz::date, current_setting('enable_parallel_append'), current_setting('transaction_read_only')`;
    const expected = '(UTC,pg_catalog,2022-04-15,off,on)';
    expect(await textOf(repository(database.url, { pooled: true }), request(SETTINGS))).toBe(expected);
    expect(await textOf(repository(database.url), request(SETTINGS))).toBe(expected);
    await database.query('alter role ingot reset all');
  });
});

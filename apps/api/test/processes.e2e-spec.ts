import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createTestDatabase, startStandby, startTestCluster, type TestCluster, type TestDatabase } from '@ingot/testing';
import { patience } from '../faults/options.js';
import { Load } from './processes/load.js';
import { startPgBouncer, type PgBouncer } from './processes/pgbouncer.js';
import { startService, type RunningService } from './service.js';

jest.setTimeout(300_000); // a dozen starts of processes, on whatever machine

// Two processes that take lines and answer, two that run, one PostgreSQL, one streaming replica that is read, one of them
// by way of a pooler where that is installed. All the time clients post and read.
describe('several processes, a replica and a pooler', () => {
  let folder: string;
  let cluster: TestCluster;
  let standby: TestCluster;
  let database: TestDatabase;
  let pooler: PgBouncer | undefined;
  const apis: RunningService[] = [];
  const transforms: RunningService[] = [];
  const load = new Load(() => apis.map(({ url }) => url));

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'ingot-processes-'));
    for (const version of ['old', 'new']) cpSync('sql', path.join(folder, version), { recursive: true });
    const changed = path.join(folder, 'new/sensor/silver/stg_readings.sql');
    writeFileSync(changed, readFileSync(changed, 'utf8').replace(`split_part(fields, ' ', 3)::float8 as`, `1 * split_part(fields, ' ', 3)::float8 as`)); // the same rows by another text
    cluster = await startTestCluster({ durable: false });
    standby = await startStandby(cluster);
    database = await createTestDatabase(cluster.url);
    pooler = await startPgBouncer(standby.url, [database.url, database.urls.read]);
    transforms.push(await startService(database.url, { INGOT_ROLE: 'transform', INGOT_SQL_DIR: path.join(folder, 'old') })); // applies
    const others = await Promise.all([startTransform('old'), startApi('old', 0), startApi('old', 1)]);
    transforms.push(others[0]);
    apis.push(others[1], others[2]);
    load.start(3, 2);
    await load.more(20);
  });
  afterAll(async () => {
    await load.stop();
    await Promise.all([...apis, ...transforms].map((service) => service.stop()));
    await pooler?.stop();
    await standby.stop();
    await database.drop();
    await cluster.stop();
    rmSync(folder, { recursive: true });
  });

  const startTransform = (version: string): Promise<RunningService> => startService(database.url, { INGOT_APPLY: 'manual', INGOT_ROLE: 'transform', INGOT_SQL_DIR: path.join(folder, version) });
  /** The second one reads through the pooler. */
  const startApi = (version: string, slot: number): Promise<RunningService> =>
    startService(database.url, { INGOT_APPLY: 'manual', INGOT_ROLE: 'api', INGOT_SQL_DIR: path.join(folder, version), DATABASE_READ_URL: replicaUrl(slot), INGOT_FRESHNESS_WAIT_MS: '20000' });
  function replicaUrl(slot: number): string {
    const url = new URL(database.urls.read);
    url.port = String(standby.port);
    return slot === 1 && pooler !== undefined ? pooler.through(url.toString()) : url.toString();
  }
  async function until(what: string, holds: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
    for (const end = Date.now() + withinMs; !(await holds()); await sleep(20)) if (Date.now() > end) throw new Error(`not in time: ${what}\n${told()}`);
  }
  /** The latest words of each process, for a test that fails. */
  const told = (): string => [...apis, ...transforms].map(({ output, process }) => `${process.pid}: ${output.stdout.split('\n').slice(-4).join('\n').slice(-2_000)}`).join('\n');
  const silver = async (): Promise<number> => Number((await database.query<{ n: string }>('select count(*) as n from silver.stg_readings'))[0]?.n);
  /** What was acknowledged until now is in silver, some time soon. */
  async function catchesUp(): Promise<void> {
    const goal = load.acknowledged.length;
    await until('the runs', async () => (await silver()) >= goal);
  }
  const answeredByReplica = async ({ url }: RunningService): Promise<number> =>
    Number(/^ingot_replica_reads_total\{outcome="answered"\} (\d+)/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1] ?? 0);

  /** Has a run stand still at a table while the work is done, and says which of the processes it is. */
  async function amidRun(work: (runner: RunningService) => Promise<void>): Promise<void> {
    const holder = await database.session();
    await holder.query('begin; lock table silver.stg_readings in share mode');
    let pid = 0;
    await until('a run that waits', async () => {
      const rows = await database.query<{ name: string }>(`select application_name as name from pg_locks join pg_stat_activity using (pid) where not granted and relation = 'silver.stg_readings'::regclass and application_name like 'ingot run @%'`);
      pid = Number(/:(\d+)$/.exec(rows[0]?.name ?? '')?.[1] ?? 0);
      return pid !== 0;
    });
    const runner = transforms.find((service) => service.process.pid === pid);
    if (runner === undefined) throw new Error(`process ${pid} of ${hostname()} is none of the two that run`);
    await work(runner);
    await holder.query('rollback');
  }
  const others = (gone: RunningService): RunningService[] => transforms.splice(0).filter((service) => service !== gone);

  it('both answer from the replica, what was acknowledged included', async () => {
    await load.more(20);
    for (const api of apis) await until('reads from the replica', async () => (await answeredByReplica(api)) > 0);
    await until('fresh answers', () => Promise.resolve(load.freshReads > 0));
    const sessions = await database.query<{ name: string }>(`select distinct application_name as name from pg_stat_activity where datname = current_database() and application_name like 'ingot read%'`);
    expect(sessions.map(({ name }) => name)).not.toContain('ingot read replica');
  });

  it('an entity tag of one is good at the other, and a cursor too', async () => {
    const [one, two] = apis.map(({ url }) => url);
    const quiet = '/data?from=2001-01-01&to=2001-01-01';
    load.isPaused = true;
    await until('a moment between two runs', async () => {
      const tag = (await fetch(`${one}${quiet}`)).headers.get('etag') ?? '';
      return (await fetch(`${two}${quiet}`, { headers: { 'if-none-match': tag } })).status === 304;
    });
    load.isPaused = false;
    const first = await fetch(`${one}/data?from=2030-01-01&to=2030-12-31&limit=3`);
    const seen = ((await first.json()) as { value: number }[]).map(({ value }) => value);
    const next = /^<([^>]+)>/.exec(first.headers.get('link') ?? '')?.[1];
    const second = (await (await fetch(`${two}${next}`)).json()) as { value: number }[];
    expect([...seen, ...second.map(({ value }) => value)]).toEqual([0, 1, 2, 3, 4, 5].map((i) => 1_900_000_000 + i));
  });

  it('when the one that runs is killed amid a run, the other takes over within ten seconds', async () => {
    let before = 0;
    await amidRun(async (runner) => {
      transforms.push(...others(runner));
      await runner.stop('SIGKILL');
      before = await silver();
      await load.more(5);
    });
    // From the moment on that the session of the one that was killed waits for nothing any more. A loaded machine takes longer.
    await until('a run of the other', async () => (await silver()) > before, patience(10_000));
    await catchesUp();
    transforms.push(await startTransform('old'));
  });

  it('SIGTERM amid a run lets it end, and the process exits 0', async () => {
    let stopping: Promise<{ code: number | null }> | undefined;
    await amidRun(async (runner) => {
      transforms.push(...others(runner));
      stopping = runner.stop();
      await until('the signal', async () => Promise.resolve(runner.output.stderr.includes('Stopping')));
    });
    expect((await stopping)?.code).toBe(0);
    await catchesUp(); // by the other
  });

  it('a rolling deployment of changed files stops nobody: the new version applies, the old one goes on serving', async () => {
    const apply = { INGOT_APPLY: 'auto', INGOT_ROLE: 'transform', INGOT_SQL_DIR: path.join(folder, 'new') };
    const first = await startService(database.url, apply); // the tables are computed anew, tested and published meanwhile
    const [row] = await database.query<{ publication: string }>(`select publication from ingot.datasets where name = 'sensor'`);
    expect(Number(row?.publication)).toBeGreaterThan(0);
    await load.more(10);
    const old = await fetch(`${apis[0]?.url}/data?from=2030-03-17&to=2030-03-17&limit=1`);
    expect([old.status, ((await old.json()) as unknown[]).length]).toEqual([200, 1]); // by the old version, of the new tables
    const [second, ...fresh] = await Promise.all([startTransform('new'), startApi('new', 0), startApi('new', 1)]);
    const leaving = [...transforms.splice(0, transforms.length, first, second), ...apis.splice(0, 2, ...fresh)];
    expect(await Promise.all(leaving.map((service) => service.stop().then(({ code }) => code)))).toEqual([0, 0, 0]);
    await load.more(20);
    for (const api of apis) await until('reads from the replica', async () => (await answeredByReplica(api)) > 0);
  });

  it('nothing was lost or doubled, nobody was given a wrong answer, and no error but 503 with Retry-After', async () => {
    await load.stop();
    await catchesUp();
    const rows = await database.query<{ second: string }>('select metric_value::bigint as second from silver.stg_readings order by 1');
    expect(rows.map(({ second }) => Number(second))).toEqual([...load.acknowledged].sort((a, b) => a - b));
    expect(load.faults).toEqual([]);
    expect(Object.keys(load.statuses).filter((name) => !/ (200|409|503)$/.test(name))).toEqual([]);
    expect(load.freshReads).toBeGreaterThan(3);
  });

  it('a pooler as DATABASE_URL stops the start with one clear line', async () => {
    if (pooler === undefined) return; // shown on the server's own session by server-check.db-spec.ts
    await expect(startService(pooler.through(database.url), {})).rejects.toThrow(/DATABASE_URL: cannot connect to .*: a connection pooler stands before it, and flushes, runs and wake-ups need sessions of their own; give the server itself here, and the pooler as DATABASE_READ_URL/);
  });
});

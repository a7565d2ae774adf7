import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { patience } from '../faults/options.js';
import { launchService, startService } from './service.js';

const STAGING = 'sensor/silver/stg_readings.sql';
/** Process 1 of a container, as far as signals go. */
const UNSHARE = ['--pid', '--mount-proc', '--fork', '--kill-child'];
const canUnshare = spawnSync('unshare', [...UNSHARE, 'true']).status === 0;

describe('SIGTERM amid the boot', () => {
  let folder: string;
  let db: TestDatabase;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'ingot-boot-'));
    cpSync('sql', path.join(folder, 'sql'), { recursive: true });
    db = await createTestDatabase();
  });
  afterAll(async () => {
    await db.drop();
    rmSync(folder, { recursive: true });
  });

  it('ends a backfill within seconds, with 0 and the old tables in place, and the next start goes on with it', async () => {
    const first = await startService(db.url, { INGOT_SQL_DIR: path.join(folder, 'sql') });
    expect((await fetch(`${first.url}/data`, { method: 'POST', body: '1900000000 Voltage 1' })).status).toBe(200);
    expect((await fetch(`${first.url}/data?from=2030-03-17&to=2030-03-17`)).status).toBe(200); // waits for the run
    await first.stop();
    const changed = path.join(folder, 'sql', STAGING);
    writeFileSync(changed, readFileSync(changed, 'utf8').replace(`split_part(fields, ' ', 3)::float8 as`, `1 * split_part(fields, ' ', 3)::float8 as`));
    const before = await db.query(`select 'silver.stg_readings'::regclass::oid, (select count(*) from silver.stg_readings)`);

    const holder = await db.session('holder');
    await holder.query('begin; lock table bronze.raw_readings in access exclusive mode');
    const env = { DATABASE_URL: db.url, INGOT_APPLY: 'auto', INGOT_ALLOW_UNSAFE_DURABILITY: 'unsafe', INGOT_SQL_DIR: path.join(folder, 'sql') };
    const service = launchService(env);
    const waits = () => db.query(`select from pg_stat_activity where application_name like 'ingot apply%' and wait_event_type = 'Lock'`);
    for (const end = Date.now() + patience(20_000); (await waits()).length === 0; await sleep(10)) expect(Date.now()).toBeLessThan(end);
    const told = performance.now();
    expect(await service.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - told).toBeLessThan(patience(5_000));
    for (const end = Date.now() + patience(5_000); (await waits()).length > 0; await sleep(10)) expect(Date.now()).toBeLessThan(end); // though the holder holds on
    await holder.query('rollback');
    expect(await db.query(`select 'silver.stg_readings'::regclass::oid, (select count(*) from silver.stg_readings)`)).toEqual(before);

    const next = await startService(db.url, { INGOT_SQL_DIR: path.join(folder, 'sql') });
    await next.stop();
    const [row] = await db.query<{ rows: string }>('select count(*) as rows from silver.stg_readings');
    expect(row?.rows).toBe('1');
    expect(await db.query(`select nspname from pg_namespace where nspname like 'ingot\\_%' union all select dataset from ingot.plans`)).toEqual([]);
  });

  const entries: [string, string[]][] = [['the service itself', ['dist/apps/api/src/main.js']], ['ingot start', ['dist/apps/cli/src/main.js', 'start']]];
  (canUnshare ? it : it.skip).each(entries)('as process 1 that still loads its parts ends %s, though the kernel ends no process 1 by itself', async (_, args) => {
    // Tells when the first line of ours can run: what is before is node's own, and hears nothing.
    const begun = 'data:text/javascript,process.stderr.write("begun")';
    const child = spawn('unshare', [...UNSHARE, process.execPath, '--import', begun, ...args], { env: { PATH: process.env.PATH, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', INGOT_SQL_DIR: path.join(folder, 'sql') }, stdio: ['ignore', 'ignore', 'pipe'] });
    const exited = once(child, 'exit');
    await once(child.stderr, 'data');
    await sleep(100);
    const inner = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ')[0]);
    process.kill(inner, 'SIGTERM');
    const heard = performance.now();
    const [code] = (await exited) as [number | null];
    expect(performance.now() - heard).toBeLessThan(patience(10_000));
    expect([0, 143]).toContain(code); // not 1, which says that there is no such server
  });
});

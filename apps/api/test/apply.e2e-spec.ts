import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { startService } from './service.js';

const CLI = path.resolve('dist/apps/cli/src/main.js');
const MANUAL = { INGOT_APPLY: 'manual' };

describe('a database that is applied by hand', () => {
  let database: TestDatabase;
  let folder: string;

  beforeEach(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(path.join(tmpdir(), 'ingot apply-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
    await database.drop();
  });

  const ingot = (...args: string[]): Promise<{ stderr: string }> =>
    promisify(execFile)(process.execPath, [CLI, ...args], { env: { ...process.env, DATABASE_URL: database.url } });
  const refusal = (env: Record<string, string>): Promise<string> =>
    startService(database.url, env).then(
      (service) => service.stop().then(() => 'started'),
      (error: Error) => error.message,
    );
  /** The project's SQL with one model changed. */
  async function changedFiles(): Promise<string> {
    const sql = path.join(folder, 'sql');
    await cp('sql', sql, { recursive: true });
    const file = path.join(sql, 'sensor/silver/int_daily_metric.sql');
    await writeFile(file, (await readFile(file, 'utf8')).replace('sum(metric_value::text::numeric)', 'sum(2 * metric_value::text::numeric)'));
    return sql;
  }
  const post = (url: string): Promise<number> => fetch(`${url}/data`, { method: 'POST', body: '1900000000 Voltage 1' }).then(({ status }) => status);

  it('refuses to start on an empty one, and says in one line what to do', async () => {
    await database.query('drop schema gold, silver, bronze, ingot cascade');
    await database.query('drop table public.ingot_migrations');
    expect(await refusal(MANUAL)).toMatch(/ended with 1 [^]*\ningot: DATABASE_URL: the database has no operational schema of this release: run `npx ingot apply` first, or set INGOT_APPLY=auto\n$/);
  });

  it('refuses to start on one that has no table for the lines', async () => {
    expect(await refusal(MANUAL)).toMatch(/\ningot: DATABASE_URL: the database does not hold the dataset sensor: run .*\n$/);
  });

  it('serves after `ingot apply`, which may be repeated', async () => {
    expect((await ingot('apply')).stderr).toMatch(/^applied: sensor\n$/m);
    expect((await ingot('apply')).stderr).toMatch(/^applied: sensor\n$/m);
    const service = await startService(database.url, MANUAL);
    expect(await post(service.url)).toBe(200);
    expect(await (await fetch(`${service.url}/data?from=2030-03-17&to=2030-03-17`)).json()).toEqual([{ time: '2030-03-17T17:46:40.000Z', name: 'Voltage', value: 1 }]);
    expect((await service.stop()).code).toBe(0);
  });

  it('stores lines but does not run with other files than the applied ones, and says so', async () => {
    await ingot('apply');
    const service = await startService(database.url, { ...MANUAL, INGOT_SQL_DIR: await changedFiles() });
    expect(await post(service.url)).toBe(200);
    const answer = await fetch(`${service.url}/data?from=2030-03-17&to=2030-03-17`);
    expect({ stale: answer.headers.get('ingot-stale'), items: (await answer.json()) as unknown }).toEqual({ stale: 'not-applied', items: [] });
    expect(await (await fetch(`${service.url}/health/ready`)).json()).toMatchObject({ datasets: { sensor: { applied: false } } });
    expect(service.output.stdout).toContain('the files of this process are not those the database was made by');
    await service.stop();
  });

  it('answers 503 for an endpoint that reads what is not applied yet, and serves the others', async () => {
    await ingot('apply');
    const sql = path.join(folder, 'sql');
    await cp('sql', sql, { recursive: true });
    await writeFile(path.join(sql, 'sensor/gold/again.sql'), '/* ---\ndescription: Days.\nmaterialized: view\n--- */\nselect reading_date from silver.int_daily_metric\n');
    await writeFile(path.join(sql, 'sensor/endpoints/again.sql'), '/* ---\npath: /again\ndescription: A view that is not applied yet.\n--- */\nselect reading_date from gold.again\n');
    const service = await startService(database.url, { ...MANUAL, INGOT_SQL_DIR: sql });
    expect(service.output.stdout).toMatch(/endpoints\/again\.sql:5:26: relation \\"gold\.again\\" does not exist; the files of sensor are not applied/);
    expect((await fetch(`${service.url}/data?from=2030-03-17&to=2030-03-17`)).status).toBe(200);
    const early = await fetch(`${service.url}/again`);
    expect([early.status, Number(early.headers.get('retry-after')) >= 30, await early.json()]).toEqual([503, true, expect.objectContaining({ type: '/docs/errors#not-applied' })]);
    await promisify(execFile)(process.execPath, [CLI, 'apply'], { env: { ...process.env, DATABASE_URL: database.url, INGOT_SQL_DIR: sql } });
    expect(await (await fetch(`${service.url}/again`)).json()).toEqual([]);
    expect((await service.stop()).code).toBe(0);
  });

  it('computes a changed model anew at its start', async () => {
    const service = await startService(database.url);
    await post(service.url);
    await fetch(`${service.url}/data?from=2030-03-17&to=2030-03-17`);
    await service.stop();
    const changed = await startService(database.url, { INGOT_SQL_DIR: await changedFiles() });
    expect(await database.query('select total::float8 as total from silver.int_daily_metric')).toEqual([{ total: 2 }]);
    expect((await changed.stop()).code).toBe(0);
  });

  it('takes over a database restored from another cluster before it accepts a line: each line is there once', async () => {
    const before = await startService(database.url);
    expect(await post(before.url)).toBe(200);
    await fetch(`${before.url}/data?from=2030-03-17&to=2030-03-17`);
    await before.stop();
    await database.query('update ingot.cluster set system_identifier = 42');
    const service = await startService(database.url);
    expect(service.output.stdout).toContain('restored from another PostgreSQL cluster');
    expect(await post(service.url)).toBe(200);
    const answer = await fetch(`${service.url}/data?from=2030-03-17&to=2030-03-17`);
    const reading = { time: '2030-03-17T17:46:40.000Z', name: 'Voltage', value: 1 };
    expect({ stale: answer.headers.get('ingot-stale'), items: (await answer.json()) as unknown }).toEqual({ stale: null, items: [reading, reading] });
    expect((await service.stop()).code).toBe(0);
  });
});

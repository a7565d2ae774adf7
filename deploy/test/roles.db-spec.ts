import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { migrate } from '@ingot/db';
import { loadDataset } from '@ingot/datasets';
import { apply } from '@ingot/models';
import { withClient } from './with-client.js';
import { startTestCluster, type TestCluster } from '@ingot/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

// Debian's psql; the embedded package ships none.
const hasPsql = spawnSync('psql', ['--version']).status === 0;

(hasPsql ? describe : describe.skip)('deploy/postgres/roles.sql, with the secrets of deploy/make-secrets.sh', () => {
  let cluster: TestCluster;
  let secrets: string;
  beforeAll(async () => {
    secrets = mkdtempSync(path.join(tmpdir(), 'ingot-secrets-'));
    spawnSync('sh', ['deploy/make-secrets.sh', secrets]);
    cluster = await startTestCluster({ durable: false });
    const { status, stderr } = spawnSync('psql', ['--no-psqlrc', '-v', 'ON_ERROR_STOP=1', '-f', 'deploy/postgres/roles.sql', cluster.url], { encoding: 'utf8', env: { ...process.env, SECRETS: secrets } });
    expect([status, stderr]).toEqual([0, '']);
    await migrate(urlOf('database_url'));
    const dataset = await loadDataset('sql/sensor');
    await withClient(urlOf('database_url'), (owner) => apply(owner, dataset));
  });
  afterAll(async () => {
    await cluster.stop();
    rmSync(secrets, { recursive: true, force: true });
  });

  /** The URL of a secret, on the test's server in place of the container. */
  function urlOf(secret: string): string {
    const url = new URL(readFileSync(path.join(secrets, secret), 'utf8').trim());
    url.host = `127.0.0.1:${cluster.port}`;
    return url.toString();
  }

  it.each([
    ['database_url', 'ingot'],
    ['database_ingest_url', 'ingot_login_ingest'],
    ['database_read_url', 'ingot_login_read'],
    ['database_run_url', 'ingot_login_run'],
    ['grafana_database_url', 'ingot_login_grafana'],
  ])('%s lets %s in, who is no superuser', async (secret, role) => {
    const found = await withClient(urlOf(secret), (client) => client.query<object>('select current_user as role, rolsuper or rolcreaterole or rolcreatedb as mighty from pg_roles where rolname = current_user'));
    expect(found.rows).toEqual([{ role, mighty: false }]);
  });

  it('gives each login the rights of its role in what apply has made, and no more', async () => {
    const may = async (secret: string, table: string, right: string): Promise<boolean | undefined> =>
      (await withClient(urlOf(secret), (client) => client.query<{ may: boolean }>(`select has_table_privilege(c.oid, $2) as may from pg_class as c where c.relnamespace::regnamespace || '.' || c.relname = $1`, [table, right]))).rows[0]?.may;
    expect([await may('database_ingest_url', 'bronze.raw_readings', 'insert'), await may('database_ingest_url', 'silver.stg_readings', 'select')]).toEqual([true, false]);
    expect([await may('database_read_url', 'silver.stg_readings', 'select'), await may('database_read_url', 'silver.stg_readings', 'insert')]).toEqual([true, false]);
    expect([await may('database_run_url', 'silver.stg_readings', 'insert'), await may('database_run_url', 'bronze.raw_readings', 'delete')]).toEqual([true, false]);
    expect([await may('grafana_database_url', 'gold.mart_daily_power', 'select'), await may('grafana_database_url', 'ingot.quarantine', 'delete')]).toEqual([true, false]);
  });

  it('lets a dashboard read, for 15 seconds, and write nothing', async () => {
    await withClient(urlOf('grafana_database_url'), async (client) => {
      expect((await client.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '15s' }]);
      await expect(client.query('create table mine (n int)')).rejects.toThrow(/read-only transaction|permission denied/);
      await expect(client.query('create temporary table mine (n int)')).rejects.toThrow(/permission denied|read-only/);
    });
  });

  it('lets nobody else connect', async () => {
    const { rows } = await withClient(cluster.url, (client) => client.query<{ may: boolean }>(`select has_database_privilege('public', 'ingot', 'connect') as may`));
    expect(rows).toEqual([{ may: false }]);
  });
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, serviceLogins, type TestDatabase } from '@ingot/testing';
import pg from 'pg';
import { launchService, startService, type LaunchedService, type RunningService } from './service.js';

interface Ready {
  status: string;
  durability: { state: string; reasons: string[]; allowed?: string; checksums: string; disks: Record<string, string> };
}
const ready = async (url: string): Promise<{ status: number; body: Ready }> => {
  const answer = await fetch(`${url}/health/ready`);
  return { status: answer.status, body: (await answer.json()) as Ready };
};
const post = (url: string): Promise<Response> => fetch(`${url}/data`, { method: 'POST', body: '1649941817 Voltage 1.34' });

describe('a server of one\'s own', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('that does not wait for the disk: not ready, and says why, until that is allowed as unsafe; by logins of their own', async () => {
    const FSYNC = 'fsync is off on the server: a crash of the machine may lose lines that were acknowledged';
    const strict = await startService(database.url, { INGOT_ALLOW_UNSAFE_DURABILITY: '' });
    let allowed: RunningService | undefined;
    try {
      expect(await ready(strict.url)).toMatchObject({ status: 503, body: { status: 'not ready', durability: { state: 'unsafe', reasons: [FSYNC], checksums: 'on', disks: { database: 'unknown', spool: 'enough' } } } });
      expect(strict.output.stdout).toContain(`unsafe: ${FSYNC}; /health/ready answers 503`);
      expect((await post(strict.url)).status).toBe(200);
      allowed = await startService(database.url, { INGOT_MIN_FREE_DISK_BYTES: '0' });
      expect(await ready(allowed.url)).toMatchObject({ status: 200, body: { durability: { state: 'unsafe', allowed: 'unsafe', reasons: [FSYNC] } } });
      expect(await (await fetch(`${allowed.url}/health`)).json()).toMatchObject({ status: 'healthy', warnings: [FSYNC] });
      expect(allowed.output.stdout).toContain(`unsafe: ${FSYNC}; INGOT_ALLOW_UNSAFE_DURABILITY lets it serve`);

      expect((await fetch(`${allowed.url}/data?from=2022-04-14&to=2022-04-14`)).status).toBe(200);
      await fetch(`${allowed.url}/stats`);
      const sessions = await database.query<{ name: string; login: string }>(
        `select distinct split_part(application_name, ' @', 1) as name, usename as login from pg_stat_activity where datname = current_database() and application_name like 'ingot %' order by 1`,
      );
      const logins = Object.fromEntries(sessions.map(({ name, login }) => [name, login]));
      expect(logins).toMatchObject({ 'ingot ingest': 'test_ingest', 'ingot read': 'test_read', 'ingot run': 'test_run', 'ingot records': 'test_run' });
      expect(Object.entries(logins).filter(([, login]) => login === 'ingot').map(([name]) => name)).toEqual(['ingot upkeep']);
    } finally {
      await Promise.all([strict.stop(), allowed?.stop()]);
    }
  });

  it('whose login has other rights than its part needs does not get as far as serving', async () => {
    const { read } = serviceLogins(database.url);
    const ended = launchService({ DATABASE_URL: database.url, DATABASE_INGEST_URL: read, INGOT_APPLY: 'auto', INGOT_ALLOW_UNSAFE_DURABILITY: 'unsafe' });
    await expect(ended.ready).rejects.toThrow(/ingot: DATABASE_INGEST_URL: the login test_read lacks the rights of ingot_ingest: run `ingot roles`/);
  });
});

describe('the embedded server', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ingot-durability-'));
  const dataDir = path.join(folder, 'data');
  let service: LaunchedService;
  let url: string;
  beforeAll(async () => {
    service = launchService({ INGOT_DATA_DIR: dataDir, INGOT_MIN_FREE_DISK_BYTES: '999999999999999' });
    url = await service.ready;
  });
  afterAll(async () => {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('whose disk has too little room: POST is refused before PostgreSQL stops, GET goes on, and it is not ready', async () => {
    const refused = await post(url);
    expect(refused.status).toBe(507);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(30);
    expect(await refused.json()).toMatchObject({ success: false, type: '/docs/errors#insufficient-storage', outcome: 'not_stored' });
    expect((await fetch(`${url}/data?from=2022-04-14&to=2022-04-14`)).status).toBe(200);
    const { status, body } = await ready(url);
    expect(status).toBe(503);
    expect(body.durability).toMatchObject({ state: 'unsafe', disks: { database: 'low', spool: 'low' } });
    expect(body.durability.reasons).toContain('the disk of the database has less room than INGOT_MIN_FREE_DISK_BYTES');
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^ingot_ready 0$/m);
  });

  it('has a login for each service, whose password is in its file alone', async () => {
    const passwords = JSON.parse(readFileSync(path.join(dataDir, 'passwords.json'), 'utf8')) as Record<string, string>;
    const port = readFileSync(path.join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[3];
    const client = new pg.Client(`postgres://postgres:${passwords.postgres}@127.0.0.1:${port}/ingot?sslmode=disable`);
    await client.connect();
    try {
      const { rows } = await client.query<{ login: string }>(`select distinct usename as login from pg_stat_activity where application_name in ('ingot ingest', 'ingot health') order by 1`);
      expect(rows).toEqual([{ login: 'ingot_ingest_login' }]);
      const { rows: hasher } = await client.query<{ safe: boolean }>(`select bool_and(rolpassword like 'SCRAM-SHA-256$%') as safe from pg_authid where rolcanlogin`);
      expect(hasher).toEqual([{ safe: true }]);
    } finally {
      await client.end();
    }
    const log = readFileSync(path.join(dataDir, 'postgres.log'), 'utf8');
    for (const password of Object.values(passwords)) expect(log + service.output.stdout + service.output.stderr).not.toContain(password);
  });
});

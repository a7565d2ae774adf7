import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from '@ingot/postgres';
import { createTestDatabase, startTestCluster, type TestCluster, type TestDatabase } from '@ingot/testing';
import { runCli } from './command-line.js';

// In a cluster of its own: roles are the cluster's.
describe('ingot roles', () => {
  let cluster: TestCluster;
  let db: TestDatabase;
  const admin = async (text: string): Promise<void> => {
    const client = await connect({ url: Object.assign(new URL(cluster.url), { pathname: `/${db.name}` }).toString(), name: 'admin' });
    await client.query(text).finally(() => client.end());
  };
  const roles = async (...args: string[]) => runCli(['roles', ...args], { databaseUrl: db.url, sqlDir: 'sql' });
  beforeAll(async () => {
    cluster = await startTestCluster({ durable: false });
    db = await createTestDatabase(cluster.url);
  });
  afterAll(async () => {
    await db.drop();
    await cluster.stop();
  });

  it('shows who logs in with what, and has no statement where nothing lacks', async () => {
    await admin('grant pg_read_all_stats to ingot_run');
    expect(await roles()).toMatchObject({ code: 0, stdout: 'role          exists  logins\ningot_ingest  yes     test_ingest\ningot_read    yes     test_read\ningot_run     yes     test_run\n' });
  });

  it('has the statements for all that lacks; where the owner may not create roles the migration went on without', async () => {
    // As a managed server has it: the owner of a new database is no more than that.
    await admin(`grant temporary on database ${db.name} to public`);
    for (const name of ['test_ingest', 'test_read', 'test_run']) await admin(`drop role ${name}`);
    await admin(`reassign owned by ingot_run to ingot; drop owned by ingot_ingest, ingot_read, ingot_run`);
    // The template has rights of theirs too.
    await admin('alter database ingot_template is_template false; alter database ingot_template allow_connections true');
    await admin('drop database ingot_template');
    await admin('drop role ingot_ingest, ingot_read, ingot_run');
    await db.query('drop schema gold, silver, bronze, ingot cascade; drop table public.ingot_migrations');
    expect(await runCli(['migrate'], { databaseUrl: db.url, sqlDir: 'sql' })).toMatchObject({ code: 0 });
    expect(await runCli(['apply'], { databaseUrl: db.url, sqlDir: 'sql' })).toMatchObject({ code: 0 });

    const { code, stdout } = await roles();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^role +exists +logins\ningot_ingest +no\n/);
    const statements = stdout.split('\n').filter((line) => line.endsWith(';'));
    expect(statements).toContain('create role ingot_read nologin;');
    expect(statements).toContain('grant ingot_run to ingot;');
    for (const statement of statements) await admin(statement.replace(`'...'`, `'secret'`));

    expect((await roles()).stdout).toBe('role          exists  logins\ningot_ingest  yes     ingest_login\ningot_read    yes     read_login\ningot_run     yes     run_login\n');
    const read = await connect({ url: Object.assign(new URL(db.url), { username: 'read_login', password: 'secret' }).toString(), name: 'read' });
    expect((await read.query('select from gold.mart_daily_power')).rowCount).toBe(0); // made by an apply before there was a role
    await expect(read.query('select * from ingot.secrets')).rejects.toMatchObject({ code: '42501' });
    await read.end();
    expect(await db.query(`select distinct pg_get_userbyid(relowner) as owner from pg_class where relnamespace in ('silver'::regnamespace, 'gold'::regnamespace) and relkind in ('r', 'p', 'v')`)).toEqual([{ owner: 'ingot_run' }]);
    expect(JSON.parse((await roles('--json')).stdout)).toEqual({ roles: expect.arrayContaining([{ role: 'ingot_run', exists: true, logins: ['run_login'] }]), statements: [] });
  });
});

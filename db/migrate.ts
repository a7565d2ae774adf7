import { connect } from '@ingot/postgres';
import type { Client } from 'pg';
import { migrations } from './migrations/index.js';

const TABLE = 'ingot_migrations';
const LOCK = 0x1690_7001; // any constant: one migrator at a time in a database

/**
 * Brings the operational schema up to date; nothing to do is fine. Each migration is one transaction. A second
 * starter waits for the first and then finds nothing to do.
 * @returns the names of the migrations that ran
 */
export async function migrate(url: string): Promise<string[]> {
  const client = await connect({ url, name: 'ingot migrate' });
  try {
    if (await isMigrated(client)) return [];
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    const done = await runMigrations(url);
    await grantRights(client); // on the tables they have made
    return done;
  } finally {
    await client.end(); // and with it the lock
  }
}

/** True when every migration of this release has run. */
export async function isMigrated(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [`public.${TABLE}`]);
  if (rows[0]?.exists !== true) return false;
  const done = await client.query<{ name: string }>(`select name from public.${TABLE}`);
  const names = new Set(done.rows.map(({ name }) => name));
  return migrations.every(({ name }) => names.has(name));
}

/**
 * Gives the roles of the service what they lack on the tables of now.
 * @returns the roles that the cluster does not have
 */
export async function grantRights(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ missing: string[] }>('select ingot.grant_rights() as missing');
  return rows[0]?.missing ?? [];
}

async function runMigrations(url: string): Promise<string[]> {
  // Loaded only when there is something to do: 0.2 s of a warm start that takes about one.
  const { DataSource } = await import('typeorm');
  const source = new DataSource({
    type: 'postgres',
    url,
    applicationName: 'ingot migrate',
    migrations,
    migrationsTableName: TABLE,
    migrationsTransactionMode: 'each',
    // A role named like one of our schemas would have "$user" resolve to it, and its migrations recorded a second time.
    extra: { max: 1, connectionTimeoutMillis: 5_000, options: '-c TimeZone=UTC -c search_path=public' },
    logging: false,
  });
  await source.initialize();
  try {
    const done = await source.runMigrations();
    return done.map((migration) => migration.name);
  } finally {
    await source.destroy();
  }
}

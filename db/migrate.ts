import { DataSource } from 'typeorm';
import { migrations } from './migrations/index.js';

const LOCK = 0x1690_7001; // any constant: one migrator at a time in a database

/**
 * Brings the operational schema up to date; nothing to do is fine. Each migration is one transaction. A second
 * starter waits for the first and then finds nothing to do.
 * @returns the names of the migrations that ran
 */
export async function migrate(url: string): Promise<string[]> {
  const source = new DataSource({
    type: 'postgres',
    url,
    applicationName: 'ingot migrate',
    migrations,
    migrationsTableName: 'ingot_migrations',
    migrationsTransactionMode: 'each',
    extra: { max: 2, connectionTimeoutMillis: 5_000, options: '-c TimeZone=UTC' },
    logging: false,
  });
  await source.initialize();
  const lock = source.createQueryRunner(); // a session of its own holds the lock
  try {
    await lock.query('select pg_advisory_lock($1)', [LOCK]);
    const done = await source.runMigrations();
    return done.map((migration) => migration.name);
  } finally {
    await lock.release();
    await source.destroy();
  }
}

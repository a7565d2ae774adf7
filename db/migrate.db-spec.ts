import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { migrations } from './migrations/index.js';
import { migrate } from './migrate.js';

describe('migrate', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('finds nothing to do on a migrated database', async () => {
    expect(await migrate(database.url)).toEqual([]);
  });

  it('lets two starters at once through, and migrates once', async () => {
    await database.query('drop schema gold, silver, bronze, ingot cascade');
    await database.query('drop table public.ingot_migrations');
    const done = await Promise.all([migrate(database.url), migrate(database.url)]);
    expect(done.flat()).toEqual(migrations.map(({ name }) => name));
  });

  it('knows the cluster it was made in', async () => {
    const rows = await database.query('select c.system_identifier = s.system_identifier as same, xid_base from ingot.cluster c, pg_control_system() s');
    expect(rows).toEqual([{ same: true, xid_base: '0' }]);
  });
});

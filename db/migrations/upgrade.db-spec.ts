import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import type { QueryRunner } from 'typeorm';
import { migrations } from './index.js';

const LAST_RELEASE = 'Publications1795340000000';

describe('the database of the last release', () => {
  let db: TestDatabase;
  let client: Client;
  beforeEach(async () => {
    db = await createTestDatabase();
    client = await db.session();
    for (const migration of since().reverse()) await migration.down(on(client));
    await client.query(`
      create table bronze.raw_readings (line text, ingest_xid bigint not null) partition by range (ingest_xid);
      create table bronze.raw_readings_p0 partition of bronze.raw_readings default;
      insert into ingot.datasets (name, run_id) values ('sensor', 41)`);
  });
  afterEach(() => db.drop());

  const since = () => migrations.slice(migrations.findIndex(({ name }) => name === LAST_RELEASE) + 1).map((Migration) => new Migration());
  const on = (session: Client) => ({ query: (text: string) => session.query(text) }) as unknown as QueryRunner;
  const upgrade = async (session: Client): Promise<void> => {
    for (const migration of since()) {
      await session.query('begin');
      await migration.up(on(session));
      await session.query('commit');
    }
  };
  const post = (session: Client) => session.query(`insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'bronze.raw_readings', 3)`);

  it('keeps what it holds, and says of each source that lines of before are not counted, also where the ledger has forgotten them', async () => {
    await upgrade(client);
    expect((await client.query('select run_id, publication from ingot.datasets')).rows).toEqual([{ run_id: '41', publication: '0' }]);
    expect((await client.query('select source, lines, since is not null as incomplete from ingot.source_counts')).rows).toEqual([{ source: 'bronze.raw_readings', lines: '0', incomplete: true }]);
    expect((await client.query(`select length(secret) as bytes from ingot.secrets where name = 'cursor'`)).rows).toEqual([{ bytes: 32 }]);
  });

  it('is upgraded while the last release is at work: POSTs do not wait behind the migration for the end of a run', async () => {
    const [run, ingest] = [await db.session(), await db.session()];
    await post(ingest);
    await run.query('begin isolation level repeatable read');
    await run.query('select sum(lines) from bronze.flushes; select from ingot.datasets');
    const upgrading = upgrade(client);
    let slowest = 0;
    for (const end = Date.now() + 2_000; Date.now() < end; ) {
      const started = performance.now();
      await Promise.all([post(ingest), new Promise((resolve) => setTimeout(resolve, 20))]);
      await ingest.query('select from ingot.datasets');
      slowest = Math.max(slowest, performance.now() - started);
    }
    await run.query('commit');
    await upgrading;
    expect(slowest).toBeLessThan(1_500);
    expect((await client.query('select bool_and(bytes = 0) as bytes from bronze.flushes')).rows).toEqual([{ bytes: true }]);
  });
});

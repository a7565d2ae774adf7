import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { checkSessionBudget, sessionBudget, type SessionBudget } from './session-budget.js';

const DATASETS = [{ sources: [{}] }] as unknown as Parameters<typeof sessionBudget>[1];
/** 22 sessions, 12 of them not for reads. */
const BUDGET: SessionBudget = { ingest: 3, runs: 3, reads: 10, health: 1, metrics: 1, records: 2, history: 1, wake: 1 };

describe('the sessions a process may hold', () => {
  let database: TestDatabase;
  let client: Client;
  beforeAll(async () => {
    database = await createTestDatabase();
    client = await database.session();
  });
  afterAll(() => database.drop());

  const checkWithLimit = async (limit: number): Promise<string | undefined> => {
    await client.query(`alter database ${database.name} connection limit ${limit}`);
    return checkSessionBudget(client, BUDGET).finally(() => client.query(`alter database ${database.name} connection limit -1`));
  };

  it('are counted by part; a process that answers nothing needs none for ingest', () => {
    expect(sessionBudget({ INGOT_READ_POOL_MAX: 10, INGOT_ROLE: 'all', embedded: false }, DATASETS)).toEqual(BUDGET);
    expect(sessionBudget({ INGOT_READ_POOL_MAX: 10, INGOT_ROLE: 'transform', embedded: true }, DATASETS)).toMatchObject({ ingest: 0, wake: 0 });
  });

  it('are not worth a word when they fit', async () => {
    expect(await checkWithLimit(22)).toBeUndefined();
  });

  it('are a warning when they do not, with what they are and the way out', async () => {
    expect(await checkWithLimit(21)).toMatch(/^this process may hold 22 sessions on the database \(ingest 3, runs 3, reads 10, .*\), and 21 are allowed: under load reads will be refused; lower INGOT_READ_POOL_MAX/);
  });

  it('are a warning when they do not beside those of others', async () => {
    const other = await database.session('another');
    expect(await checkWithLimit(22)).toMatch(/, and others leave 21 of the 22 that are allowed: /);
    await other.end();
  });

  it('refuse the start when not even one read fits beside the rest', async () => {
    expect(await checkWithLimit(13)).toMatch(/under load/);
    await expect(checkWithLimit(12)).rejects.toThrow(/^DATABASE_URL: this process may hold 22 sessions .*, and 12 are allowed: lower INGOT_READ_POOL_MAX/);
  });
});

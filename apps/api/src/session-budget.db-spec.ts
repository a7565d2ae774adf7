import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { checkSessionBudget, sessionBudget, type SessionBudget } from './session-budget.js';

const DATASETS = [{ sources: [{}] }] as unknown as Parameters<typeof sessionBudget>[1];
const BUDGET: SessionBudget = { ingest: 3, runs: 2, upkeep: 1, reads: 10, limits: 1, keys: 0, health: 1, metrics: 1, records: 2, history: 1, wake: 1 };
const TOTAL = Object.values<number>({ ...BUDGET }).reduce((sum, sessions) => sum + sessions, 0);
/** With one read at a time. */
const LEAST = TOTAL - BUDGET.reads + 1;

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
    expect(sessionBudget({ INGOT_AUTH: 'off', INGOT_READ_POOL_MAX: 10, INGOT_ROLE: 'all', embedded: false }, DATASETS)).toEqual(BUDGET);
    expect(sessionBudget({ INGOT_AUTH: 'off', INGOT_READ_POOL_MAX: 10, INGOT_ROLE: 'transform', embedded: true }, DATASETS)).toMatchObject({ ingest: 0, wake: 0 });
  });

  it('are not worth a word when they fit', async () => {
    expect(await checkWithLimit(TOTAL)).toBeUndefined();
  });

  it('are a warning when they do not, with what they are and the way out', async () => {
    expect(await checkWithLimit(TOTAL - 1)).toMatch(new RegExp(`^this process may hold ${TOTAL} sessions on the database \\(ingest 3, runs 2, upkeep 1, reads 10, .*\\), and ${TOTAL - 1} are allowed: under load reads will be refused; lower INGOT_READ_POOL_MAX`));
  });

  it('are a warning when they do not beside those of others', async () => {
    const other = await database.session('another');
    expect(await checkWithLimit(TOTAL)).toContain(`, and others leave ${TOTAL - 1} of the ${TOTAL} that are allowed: `);
    await other.end();
  });

  it('refuse the start when not even one read fits beside the rest', async () => {
    expect(await checkWithLimit(LEAST)).toMatch(/under load/);
    await expect(checkWithLimit(LEAST - 1)).rejects.toThrow(new RegExp(`^DATABASE_URL: this process may hold ${TOTAL} sessions .*, and ${LEAST - 1} are allowed: lower INGOT_READ_POOL_MAX`));
  });
});

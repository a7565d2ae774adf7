import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import type { Connection } from '@ingot/postgres';

/** The key of a dataset's advisory lock. Runs, apply and maintenance hold it; it only says who works. */
function lockKey(dataset: string): string {
  return createHash('sha256').update(`ingot dataset ${dataset}`).digest().readBigInt64BE(0).toString();
}

/** Takes the lock until the transaction ends, unless somebody else has it. */
export async function tryLock(client: Client | Connection, dataset: string): Promise<boolean> {
  const { rows } = await client.query<{ got: boolean }>('select pg_try_advisory_xact_lock($1) as got', [lockKey(dataset)]);
  return rows[0]?.got === true;
}

/**
 * Does something of several transactions under the lock, unless somebody else has it: then it returns undefined.
 * The session holds the lock meanwhile, so the work may itself take it for a transaction.
 */
export async function withLock<T>(client: Client | Connection, dataset: string, work: () => Promise<T>): Promise<T | undefined> {
  const { rows } = await client.query<{ got: boolean }>('select pg_try_advisory_lock($1) as got', [lockKey(dataset)]);
  if (rows[0]?.got !== true) return undefined;
  try {
    return await work();
  } finally {
    await client.query('select pg_advisory_unlock($1)', [lockKey(dataset)]);
  }
}

/** Takes the lock until the transaction ends, waiting for whoever has it. */
export async function waitForLock(client: Client | Connection, dataset: string): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1)', [lockKey(dataset)]);
}

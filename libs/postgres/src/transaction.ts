import type { Client } from 'pg';
import type { Connection, ConnectionPool } from './pool.js';

/**
 * `begin <mode>`, the work, `commit`; any error rolls back and is thrown on. A session that cannot roll back is
 * ended by the caller's pool, never used again.
 * @param mode what follows BEGIN, e.g. `isolation level repeatable read` or `read only`
 */
export async function inTransaction<T>(client: Client | Connection, mode: string, work: () => Promise<T>): Promise<T> {
  await client.query(`begin ${mode}`);
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => undefined); // the first error is the one to report
    throw error;
  }
}

/** Lends a connection of the pool; it goes back afterwards, or is closed when the work failed. */
export async function withConnection<T>(pool: ConnectionPool, work: (client: Connection) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    return await work(client);
  } catch (error) {
    failure = error as Error;
    throw error;
  } finally {
    client.release(failure);
  }
}

import { inTransaction, sqlState, SQLSTATE, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';

/**
 * Statements in a transaction of their own that wait for no lock longer than that.
 * @returns false when a table was in use: nothing was done
 */
export async function unlessInUse(client: Client | Connection, lockTimeoutMs: number, statements: string): Promise<boolean> {
  try {
    await inTransaction(client, '', () => client.query(`set local lock_timeout = ${lockTimeoutMs}; ${statements}`));
    return true;
  } catch (error) {
    if (sqlState(error) !== SQLSTATE.lockNotAvailable) throw error;
    return false;
  }
}

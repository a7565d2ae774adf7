import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';

/**
 * One of a kind of work on a table at a time; the lock ends with the session.
 * @param work `restore`, `archive`
 * @param refuse the error for whoever comes while another one works
 */
export async function withRelationLock<T>(client: Client | Connection, work: string, relation: string, refuse: () => Error, doIt: () => Promise<T>): Promise<T> {
  const key = [`ingot ${work} ${relation}`];
  const { rows } = await client.query<{ got: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as got', key);
  if (rows[0]?.got !== true) throw refuse();
  try {
    return await doIt();
  } finally {
    await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', key).catch(() => undefined);
  }
}

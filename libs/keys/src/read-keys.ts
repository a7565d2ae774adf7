import type { ClientBase } from 'pg';
import { API_KEY_COLUMNS, type ApiKey } from './api-key.js';

/** The keys with these digests, in no order; one that is missing is no key. */
export async function findKeys(client: ClientBase, digests: readonly Buffer[]): Promise<ApiKey[]> {
  return (await client.query<ApiKey>(`select ${API_KEY_COLUMNS} from ingot.api_keys where digest = any($1)`, [digests])).rows;
}

/** Every key by name, newest first among those of one name. */
export async function listKeys(client: ClientBase): Promise<ApiKey[]> {
  return (await client.query<ApiKey>(`select ${API_KEY_COLUMNS} from ingot.api_keys order by name, id desc`)).rows;
}

/** Whether there is a key that can be used. */
export async function hasLiveKey(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>('select exists (select from ingot.api_keys where revoked_at is null and (expires_at is null or expires_at > clock_timestamp())) as found');
  return rows[0]?.found === true;
}

/** Notes that these keys were used, at most once a minute each, whatever the number of processes that say so. */
export async function touchKeys(client: ClientBase, ids: readonly string[]): Promise<void> {
  // In one order of rows: two processes that note the same keys do not wait for each other in a circle.
  await client.query(
    `update ingot.api_keys set last_used_at = clock_timestamp()
     where id in (
       select id from ingot.api_keys
       where id = any($1::bigint[]) and (last_used_at is null or last_used_at < clock_timestamp() - interval '55 seconds')
       order by id for update
     )`,
    [ids],
  );
}

import type { Client } from 'pg';
import type { Batch } from './batch.js';

/**
 * What a flush did with one request: its lines are stored by it; they were stored before, under the same key; the key
 * belongs to another body; or another process holds the key.
 */
export type Verdict = 'stored' | 'replayed' | 'mismatch' | 'in-flight';

/** The outcome kept with a key: only requests that were stored are. */
const STATUS_STORED = 200;

/**
 * Claims the keys of a flush inside its transaction. Sorted, because two flushes that take the same keys in opposite
 * orders deadlock; the short lock timeout is for keys that another process holds.
 * @returns one verdict for each batch; those without a key are stored
 * @throws 55P03 when a key stays held
 */
export async function claimKeys(client: Client, flushId: string, batches: readonly Batch[]): Promise<Verdict[]> {
  const keyed = batches.filter((batch) => batch.key !== undefined);
  const columns = [keyed.map((batch) => batch.device), keyed.map((batch) => batch.key?.key), keyed.map((batch) => batch.key?.bodyHash)];
  await client.query(`set local lock_timeout = '200ms'`);
  const claimed = await client.query<KeyRow>(
    `insert into ingot.idempotency_keys as k (device, key, body_hash, flush_id, status)
     select device, key, body_hash, $4::uuid, ${STATUS_STORED} from unnest($1::text[], $2::text[], $3::bytea[]) as given (device, key, body_hash)
     order by device, key
     on conflict (device, key) do nothing
     returning k.device, k.key, k.body_hash`,
    [...columns, flushId],
  );
  await client.query('set local lock_timeout to default');
  const mine = byKey(claimed.rows);
  const taken = mine.size === keyed.length ? mine : byKey(await storedKeys(client, columns.slice(0, 2)));
  return batches.map(({ device, key }) => {
    if (key === undefined || mine.has(deviceKey(device, key.key))) return 'stored';
    const stored = taken.get(deviceKey(device, key.key));
    if (stored === undefined) return 'in-flight'; // removed as outdated between the two statements: the next try claims it
    return stored.equals(key.bodyHash) ? 'replayed' : 'mismatch';
  });
}

interface KeyRow {
  device: string;
  key: string;
  body_hash: Buffer;
}

async function storedKeys(client: Client, keys: unknown[]): Promise<KeyRow[]> {
  const { rows } = await client.query<KeyRow>(
    `select device, key, body_hash from ingot.idempotency_keys
     where (device, key) in (select device, key from unnest($1::text[], $2::text[]) as given (device, key))`,
    keys,
  );
  return rows;
}

function byKey(rows: KeyRow[]): Map<string, Buffer> {
  return new Map(rows.map((row) => [deviceKey(row.device, row.key), row.body_hash]));
}

/** A device and its key as one string; a NUL can stand in neither. */
export function deviceKey(device: string, key: string): string {
  return `${device}\0${key}`;
}

import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { API_KEY_COLUMNS, type ApiKey } from './api-key.js';
import { digestOf, isKeyText, newKey, shownPrefix } from './key-text.js';
import type { Scope } from './scope.js';

/** Why keys cannot be changed as asked, with the way out. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
}

export interface NewKey {
  readonly name: string;
  readonly device?: string;
  readonly scopes: readonly Scope[];
  readonly linesPerSecond?: number;
  readonly bytesPerDay?: number;
  /** From now; absent = never. */
  readonly expiresInMs?: number;
  /** Of a key that was made elsewhere; absent = one is made here. */
  readonly digest?: Buffer;
}

export interface CreatedKey {
  /** Shown this once; absent for one that was made elsewhere. */
  readonly text?: string;
  readonly key: ApiKey;
}

const IS_LIVE = 'revoked_at is null and (expires_at is null or expires_at > clock_timestamp())';

/** @throws KeyError: the name is taken, the digest is known */
export async function createKey(client: Client | Connection, wanted: NewKey): Promise<CreatedKey> {
  return changing(client, async () => {
    const { rowCount } = await client.query(`select from ingot.api_keys where name = $1 and ${IS_LIVE}`, [wanted.name]);
    if (rowCount !== 0) throw new KeyError(`there is a live key named ${wanted.name}: choose another --name, or replace it by \`ingot keys rotate ${wanted.name}\``);
    return insertKey(client, wanted);
  });
}

/**
 * Makes a key with the name, device, scopes and limits of a live one, which stays good for the overlap.
 * @param which a name or an id
 * @param expiresInMs of the new key; absent = as long from now as the old one had from its creation
 * @throws KeyError: there is no such live key
 */
export async function rotateKey(client: Client | Connection, which: string, overlapMs: number, { expiresInMs, digest }: Pick<NewKey, 'expiresInMs' | 'digest'> = {}): Promise<CreatedKey & { readonly replaced: readonly ApiKey[] }> {
  return changing(client, async () => {
    const old = (await client.query<ApiKey>(`select ${API_KEY_COLUMNS} from ingot.api_keys where (name = $1 or id::text = $1) and ${IS_LIVE} order by id desc limit 1`, [which])).rows[0];
    if (old === undefined) throw new KeyError(`there is no live key ${which}: \`ingot keys ls\` lists the keys`);
    const lifeMs = expiresInMs ?? (old.expiresAt === null ? undefined : old.expiresAt.getTime() - old.createdAt.getTime());
    // All of the name: of three keys the oldest one would otherwise outlive the second.
    const replaced = (
      await client.query<ApiKey>(
        `update ingot.api_keys set expires_at = least(expires_at, clock_timestamp() + $2 * interval '1 ms')
         where name = $1 and ${IS_LIVE} returning ${API_KEY_COLUMNS}`,
        [old.name, overlapMs],
      )
    ).rows;
    const created = await insertKey(client, {
      name: old.name,
      scopes: old.scopes,
      ...(old.device === null ? {} : { device: old.device }),
      ...(old.linesPerSecond === null ? {} : { linesPerSecond: old.linesPerSecond }),
      ...(old.bytesPerDay === null ? {} : { bytesPerDay: old.bytesPerDay }),
      ...(lifeMs === undefined ? {} : { expiresInMs: lifeMs }),
      ...(digest === undefined ? {} : { digest }),
    });
    return { ...created, replaced };
  });
}

/**
 * Ends keys: the one with the id, all live ones of the name, or the one whose beginning or whole text is given.
 * @returns those that were ended now
 * @throws KeyError: nothing live is called so
 */
export async function revokeKeys(client: Client | Connection, which: string): Promise<ApiKey[]> {
  const { rows } = await client.query<ApiKey>(
    `update ingot.api_keys set revoked_at = clock_timestamp()
     where revoked_at is null and (id::text = $1 or name = $1 or prefix = $1 or digest = $2)
     returning ${API_KEY_COLUMNS}`,
    [which, isKeyText(which) ? digestOf(which) : null],
  );
  if (rows.length > 0) return rows;
  const shown = isKeyText(which) ? shownPrefix(which) : which;
  throw new KeyError(`there is no key ${shown} that is not revoked: \`ingot keys ls\` lists the keys with id, name and beginning`);
}

async function insertKey(client: Client | Connection, { name, device, scopes, linesPerSecond, bytesPerDay, expiresInMs, digest }: NewKey): Promise<CreatedKey> {
  const text = digest === undefined ? newKey() : undefined;
  const { rows } = await client.query<ApiKey>(
    `insert into ingot.api_keys (name, prefix, digest, device, scopes, lines_per_second, bytes_per_day, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + $8 * interval '1 ms')
     on conflict (digest) do nothing returning ${API_KEY_COLUMNS}`,
    [name, text === undefined ? null : shownPrefix(text), digest ?? digestOf(text ?? ''), device ?? null, scopes, linesPerSecond ?? null, bytesPerDay ?? null, expiresInMs ?? null],
  );
  const [key] = rows;
  if (key === undefined) throw new KeyError('a key with this SHA-256 is there already: make another one with `ingot keys make`');
  return { key, ...(text === undefined ? {} : { text }) };
}

/** One at a time: that a name has one live key, two while they overlap, is seen by looking. */
function changing<T>(client: Client | Connection, work: () => Promise<T>): Promise<T> {
  return inTransaction(client, '', async () => {
    await client.query(`select pg_advisory_xact_lock(hashtext('ingot.api_keys'))`);
    return work();
  });
}

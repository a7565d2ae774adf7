import type { Scope } from './scope.js';

/** A row of `ingot.api_keys`; the key itself is nowhere. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  /** The beginning of the key; null where only its SHA-256 was given. */
  readonly prefix: string | null;
  /** SHA-256 of the key. */
  readonly digest: Buffer;
  /** The one device it acts as. */
  readonly device: string | null;
  readonly scopes: readonly Scope[];
  /** 0 = no limit; null = the service's own. */
  readonly linesPerSecond: number | null;
  readonly bytesPerDay: number | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  /** To the minute. */
  readonly lastUsedAt: Date | null;
  /** By the server's clock. */
  readonly state: 'live' | 'expired' | 'revoked';
  /** Milliseconds until it expires, by the server's clock; null = never. */
  readonly expiresInMs: number | null;
}

/** Columns of an `ApiKey`, for a SELECT or a RETURNING of `ingot.api_keys`. */
export const API_KEY_COLUMNS = `
  id::text, name, prefix, digest, device, scopes, lines_per_second as "linesPerSecond", bytes_per_day::float8 as "bytesPerDay",
  created_at as "createdAt", expires_at as "expiresAt", revoked_at as "revokedAt", last_used_at as "lastUsedAt",
  case when revoked_at is not null then 'revoked' when expires_at <= clock_timestamp() then 'expired' else 'live' end as state,
  (extract(epoch from expires_at - clock_timestamp()) * 1000)::float8 as "expiresInMs"`;

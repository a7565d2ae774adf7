import type { Client, PoolClient } from 'pg';
import pg from 'pg';
import Pool from 'pg-pool';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeAtOnce } from './read/cancel.js';

/** What a connection is for: its name in pg_stat_activity, and the limits that the server itself keeps. */
export interface SessionOptions {
  /** postgres:// URL. */
  url: string;
  /** Shown as application_name, e.g. `ingot read`. */
  name: string;
  /** Server settings beside the pinned ones, e.g. { jit: 'off' }. */
  settings?: Record<string, string>;
  connectTimeoutMs?: number;
  /**
   * True: no settings travel with the connection, because a transaction pooler may stand before the server. Whoever uses it
   * sends transactionSettings() with each transaction.
   */
  pooled?: boolean;
}

export interface PoolOptions extends SessionOptions {
  min?: number;
  max: number;
  /** How long connect() waits for a free connection, in milliseconds. */
  acquireTimeoutMs: number;
  /** A connection in the background broke; the pool has already dropped it. */
  onError: (error: Error) => void;
}

export type ConnectionPool = Pool<Client>;
export type Connection = PoolClient;

// Pinned, because a server, database or role may be set up with other defaults and the same text then means another
// value: 1649894400::timestamp falls on another day in New York.
const PINNED: Record<string, string> = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  search_path: 'pg_catalog',
  client_encoding: 'UTF8',
};

// The server lets go of a client that has vanished, and of one that stands still amid a transaction: others wait for
// its locks. By default it would notice after two hours, or never. On a unix socket the TCP settings do nothing.
const LETTING_GO: Record<string, string> = {
  idle_in_transaction_session_timeout: '60000',
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '60000',
};

/** The sessions of each pool, until the server has let go of them. */
const sessions = new WeakMap<ConnectionPool, Set<Client>>();
const LETS_GO_WITHIN_MS = 500;

/** The pinned settings and the given ones as SET LOCAL statements, for a transaction whose session may be any. */
export function transactionSettings(settings: Record<string, string>): string {
  return Object.entries({ ...PINNED, ...settings })
    .map(([name, value]) => `set local ${pg.escapeIdentifier(name)} = ${pg.escapeLiteral(value)}`)
    .join('; ');
}

/** Driver options of a session: address, name, pinned and given server settings. */
export function sessionConfig(options: SessionOptions): pg.ClientConfig {
  const settings = { ...PINNED, ...LETTING_GO, ...options.settings };
  return {
    connectionString: options.url,
    application_name: options.name,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(options.pooled === true ? {} : { options: Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replaceAll(/([\\ ])/g, '\\$1')}`).join(' ') }),
  };
}

/** A pool of sessions; `max` bounds them, connect() rejects after `acquireTimeoutMs`. */
export function createPool(options: PoolOptions): ConnectionPool {
  const pool: ConnectionPool = new Pool({
    ...sessionConfig(options),
    min: options.min ?? 0,
    max: options.max,
    connectionTimeoutMillis: options.acquireTimeoutMs,
    idleTimeoutMillis: 30_000,
  });
  pool.on('error', (error: Error & { client?: unknown }) => {
    delete error.client; // the pool hangs the whole connection on it: 4 kB in a log line, with the session's settings and keys
    options.onError(error);
  });
  // The pool stops listening to a connection it has lent out, and an 'error' nobody listens to ends the process. The
  // statement under way is rejected with the same error, so there is nothing more to do with it here.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const open = new Set<Client>();
  sessions.set(pool, open);
  pool.on('connect', (client) => open.add(client));
  pool.on('remove', (client) => open.delete(client));
  return pool;
}

/**
 * Ends a pool once what it has lent is back, and waits until the server has let go of its sessions, which the pool's own
 * end() does not: a server that is stopped next would break those that are left, and each would be told as an error. A
 * server that does not answer is not waited for.
 */
export async function closePool(pool: ConnectionPool): Promise<void> {
  await pool.end();
  const open = sessions.get(pool) ?? new Set();
  const gone = new Promise<void>((resolve) => {
    const look = (): void => void (open.size === 0 && resolve());
    pool.on('remove', look);
    look();
  });
  await Promise.race([gone, sleep(LETS_GO_WITHIN_MS, undefined, { ref: false })]);
  open.forEach(closeAtOnce);
}

/** One session outside any pool, connected. The caller ends it. */
export async function connect(options: SessionOptions): Promise<Client> {
  const client = new pg.Client(sessionConfig(options));
  client.on('error', () => undefined); // the statement under way, if any, is rejected with it
  await client.connect();
  return client;
}

import { redactUrl } from '@ingot/config';
import type { Client } from 'pg';
import { OLDEST_VERSION, readDurability, weaknesses } from './durability/durability.js';
import { connect } from './pool.js';
import { sqlState } from './sqlstate.js';

/** One clear line about why the given server cannot be used. */
export class ServerCheckError extends Error {
  override readonly name = 'ServerCheckError';
}

/**
 * Connects once and looks at the version, and at what would make acknowledged lines unsafe.
 * @returns a warning for each such setting
 * @throws ServerCheckError when the server is not reachable, refuses us, is too old, or is a standby
 */
export async function checkServer(url: string): Promise<string[]> {
  const client = await connect({ url, name: 'ingot check' }).catch((error: unknown) => {
    throw new ServerCheckError(`DATABASE_URL: cannot connect to ${redactUrl(url)}: ${reason(error)}${isRefusedByPooler(error) ? `: ${NO_POOLER}` : ''}`, { cause: error });
  });
  try {
    await mustBeDirect(client, 'DATABASE_URL');
    const server = await readDurability(client);
    if (server.version < OLDEST_VERSION) throw new ServerCheckError(`DATABASE_URL: ${redactUrl(url)} is PostgreSQL ${server.versionText}; 15 or newer is needed`);
    if (server.standby) throw new ServerCheckError(`DATABASE_URL: ${redactUrl(url)} is a read-only standby; give the primary`);
    return weaknesses(server);
  } finally {
    await client.end();
  }
}

const NO_POOLER = 'a connection pooler stands before it, and flushes, runs and wake-ups need sessions of their own; give the server itself here, and the pooler as DATABASE_READ_URL';

/**
 * Behind a pooler a session's settings, temporary tables, LISTEN and process number belong to whoever comes next. It gives
 * its clients a key of its own, so the process number in it is not the server's.
 * @param variable the setting that holds the address
 * @throws ServerCheckError
 */
export async function mustBeDirect(client: Client, variable: string): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  if (rows[0]?.pid !== (client as { processID?: number | null }).processID) throw new ServerCheckError(`${variable}: ${NO_POOLER}`);
}

/** PgBouncer refuses settings at the start of a session that it cannot keep. */
function isRefusedByPooler(error: unknown): boolean {
  return sqlState(error) === '08P01' && /startup parameter/.test((error as Error).message);
}

/** The last line of what the driver says: an AggregateError of several addresses has no message of its own. */
function reason(error: unknown): string {
  const { errors, message, code } = error as { errors?: unknown[]; message?: string; code?: string };
  if (Array.isArray(errors) && errors.length > 0) return [...new Set(errors.map(reason))].join(', ');
  return (message !== undefined && message !== '' ? message : (code ?? 'no reason given')).replaceAll('\n', ' ');
}

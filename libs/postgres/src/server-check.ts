import { redactUrl } from '@ingot/config';
import { connect } from './pool.js';

/** One clear line about why the given server cannot be used. */
export class ServerCheckError extends Error {
  override readonly name = 'ServerCheckError';
}

const OLDEST = 150_000;

/**
 * Connects once and looks at the version, and at what would make acknowledged lines unsafe.
 * @returns a warning for each such setting
 * @throws ServerCheckError when the server is not reachable, refuses us, is too old, or is a standby
 */
export async function checkServer(url: string): Promise<string[]> {
  const client = await connect({ url, name: 'ingot check' }).catch((error: unknown) => {
    throw new ServerCheckError(`DATABASE_URL: cannot connect to ${redactUrl(url)}: ${reason(error)}`, { cause: error });
  });
  try {
    const { rows } = await client.query<{ number: number; version: string; standby: boolean; unsafe: string[] }>(
      `select current_setting('server_version_num')::int as number, current_setting('server_version') as version, pg_is_in_recovery() as standby,
         array(select name::text from unnest(array['fsync', 'full_page_writes']) as name where current_setting(name) = 'off' order by name) as unsafe`,
    );
    const server = rows[0];
    if (server === undefined || server.number < OLDEST) {
      throw new ServerCheckError(`DATABASE_URL: ${redactUrl(url)} is PostgreSQL ${server?.version ?? 'of unknown version'}; 15 or newer is needed`);
    }
    if (server.standby) throw new ServerCheckError(`DATABASE_URL: ${redactUrl(url)} is a read-only standby; give the primary`);
    return server.unsafe.map((name) => `${name} is off on the server: a crash of the machine may lose lines that were acknowledged`);
  } finally {
    await client.end();
  }
}

/** The last line of what the driver says: an AggregateError of several addresses has no message of its own. */
function reason(error: unknown): string {
  const { errors, message, code } = error as { errors?: unknown[]; message?: string; code?: string };
  if (Array.isArray(errors) && errors.length > 0) return [...new Set(errors.map(reason))].join(', ');
  return (message !== undefined && message !== '' ? message : (code ?? 'no reason given')).replaceAll('\n', ' ');
}

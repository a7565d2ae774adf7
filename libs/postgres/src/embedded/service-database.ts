import { connect } from '../pool.js';
import { sqlState } from '../sqlstate.js';
import { urlOf } from './cluster.js';
import type { Passwords } from './passwords.js';

/** postgres:// URLs of one database, by what their logins may do. */
export interface ServiceUrls {
  /** Owns the database: migrations, apply, upkeep, keys. */
  readonly owner: string;
  /** Member of `ingot_ingest`: writes lines and the ledgers they need. */
  readonly ingest: string;
  /** Member of `ingot_read`: SELECT only. */
  readonly read: string;
  /** Member of `ingot_run`: what runs write, and nothing of bronze. */
  readonly run: string;
}

/** The database of the service in its embedded server. */
export const DATABASE = 'ingot';
const OWNER = 'ingot';
/** What each login is a member of. The groups are those that the migrations give rights to. */
const GROUPS = { ingest: 'ingot_ingest', read: 'ingot_read', run: 'ingot_run' } as const;
const loginOf = (service: keyof typeof GROUPS): string => `${GROUPS[service]}_login`;

const POWERLESS = 'nosuperuser nocreatedb nocreaterole noreplication nobypassrls';
const DUPLICATE = new Set(['42710', '42P04']); // duplicate_object, duplicate_database
const NOT_THERE = new Set(['28P01', '28000', '3D000']); // wrong password or no such role, no such database

export function serviceUrls(passwords: Passwords, port: number): ServiceUrls {
  const login = (service: keyof typeof GROUPS): string => urlOf(loginOf(service), passwords[service], port, DATABASE);
  return { owner: urlOf(OWNER, passwords.ingot, port, DATABASE), ingest: login('ingest'), read: login('read'), run: login('run') };
}

/**
 * Sees to it that the service can log in to its database, under each of its logins: none is a superuser, one owns the
 * database. Costs four logins at once when all is there; otherwise makes what lacks, which also completes a first start
 * that was killed in the middle, and a folder of a release that had one login.
 */
export async function ensureServiceDatabase(urls: ServiceUrls, superuser: string): Promise<void> {
  if ((await Promise.all(Object.values(urls).map(canLogIn))).every(Boolean)) return;
  const client = await connect({ url: superuser, name: 'ingot start' });
  const execute = async (format: string, ...values: string[]): Promise<void> => {
    const { rows } = await client.query<{ statement: string }>(`select format($1, variadic $2::text[]) as statement`, [format, values]);
    await client.query(rows[0]?.statement ?? '').catch((error: unknown) => {
      if (!DUPLICATE.has(sqlState(error) ?? '')) throw error;
    });
  };
  try {
    await client.query('set log_min_error_statement = panic'); // a statement with a password stays out of the log
    await execute('create role %I', OWNER);
    await execute('create database %I owner %I', DATABASE, OWNER);
    await execute('revoke temporary on database %I from public', DATABASE);
    for (const service of ['ingest', 'read', 'run'] as const) {
      await execute(`create role %I nologin ${POWERLESS}`, GROUPS[service]);
      await execute('create role %I', loginOf(service));
      await execute('grant %I to %I', GROUPS[service], loginOf(service));
    }
    await execute('grant %I to %I', GROUPS.run, OWNER); // it hands its tables to the runs and goes on maintaining them
    await execute('grant pg_read_all_stats to %I', GROUPS.run); // whose transaction is the oldest
    await execute('grant temporary on database %I to %I', DATABASE, GROUPS.run);
    await execute('alter role %I set default_transaction_read_only = on', loginOf('read'));
    // Last: whoever can log in finds all of the above.
    for (const { username, password } of Object.values<string>({ ...urls }).map((url) => new URL(url))) await execute(`alter role %I login ${POWERLESS} password %L`, username, decodeURIComponent(password));
  } finally {
    await client.end();
  }
}

async function canLogIn(url: string): Promise<boolean> {
  try {
    await (await connect({ url, name: 'ingot start' })).end();
    return true;
  } catch (error) {
    if (!NOT_THERE.has(sqlState(error) ?? '')) throw error;
    return false;
  }
}

import { connect } from '../pool.js';
import { sqlState } from '../sqlstate.js';

const DUPLICATE = new Set(['42710', '42P04']); // duplicate_object, duplicate_database
const NOT_THERE = new Set(['28P01', '28000', '3D000']); // wrong password or no such role, no such database

/**
 * Sees to it that the service can log in to its database: a role that is no superuser and owns it. Costs one login when
 * all is there; otherwise makes what lacks, which also completes a first start that was killed in the middle.
 */
export async function ensureServiceDatabase(serviceUrl: string, superuser: string): Promise<void> {
  try {
    await (await connect({ url: serviceUrl, name: 'ingot start' })).end();
    return;
  } catch (error) {
    if (!NOT_THERE.has(sqlState(error) ?? '')) throw error;
  }
  const { username: role, password, pathname } = new URL(serviceUrl);
  const client = await connect({ url: superuser, name: 'ingot start' });
  const execute = async (format: string, values: string[]) => {
    const { rows } = await client.query<{ statement: string }>(`select format($1, variadic $2::text[]) as statement`, [format, values]);
    await client.query(rows[0]?.statement ?? '').catch((error: unknown) => {
      if (!DUPLICATE.has(sqlState(error) ?? '')) throw error;
    });
  };
  try {
    await client.query('set log_min_error_statement = panic'); // a statement with a password stays out of the log
    await execute('create role %I', [role]);
    await execute('alter role %I login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password %L', [role, decodeURIComponent(password)]);
    await execute('create database %I owner %I', [pathname.slice(1), role]);
  } finally {
    await client.end();
  }
}

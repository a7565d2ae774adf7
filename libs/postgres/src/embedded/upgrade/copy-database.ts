import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { inTransaction } from '../../transaction.js';
import { EmbeddedServerError } from '../embedded-error.js';
import * as definitions from './definitions.js';

export interface CopiedDatabase {
  readonly tables: number;
  readonly rows: number;
}

/**
 * Refuses what copyDatabase() would leave behind, before anything is made.
 * @throws EmbeddedServerError naming up to three of the things
 */
export async function mustBeMovable(old: Client): Promise<void> {
  const found = await statements(old, definitions.FOREIGN_OBJECTS);
  if (found.length === 0) return;
  throw new EmbeddedServerError(
    `The database holds what \`ingot upgrade\` does not move: ${found.slice(0, 3).join(', ')}${found.length > 3 ? ` and ${found.length - 3} more` : ''}. Drop it, or move the database with pg_dump and pg_restore of the newer PostgreSQL.`,
  );
}

/** Roles with their passwords, memberships and settings. Those that are there already are brought to the same. */
export async function copyRoles(old: Client, fresh: Client): Promise<void> {
  const there = await fresh.query<{ name: string }>('select rolname::text as name from pg_roles');
  await fresh.query('set log_min_error_statement = panic'); // a statement with a password stays out of the log
  for (const statement of await statements(old, definitions.ROLES, [there.rows.map(({ name }) => name)])) await fresh.query(statement);
}

/**
 * Makes a database again in an empty one of another server: definitions, then rows, table by table out of one snapshot,
 * then what is built over rows. Both sessions are a superuser's.
 * @param say told of each table before its rows are moved
 * @throws EmbeddedServerError when a table does not have as many rows afterwards as before
 */
export async function copyDatabase(old: Client, fresh: Client, say: (table: string) => void): Promise<CopiedDatabase> {
  return inTransaction(old, 'isolation level repeatable read read only', async () => {
    await fresh.query('set check_function_bodies = off');
    for (const query of [definitions.SCHEMAS, definitions.EXTENSIONS, definitions.SEQUENCES]) await execute(fresh, await statements(old, query));
    // Defaults and checks call functions, whose arguments may be rows of tables.
    await executeInSomeOrder(fresh, [...(await statements(old, definitions.FUNCTIONS)), ...(await statements(old, definitions.TABLES))]);
    for (const query of [definitions.COLUMN_SETTINGS, definitions.ATTACHMENTS, definitions.OWNED_SEQUENCES, definitions.OWNERS]) await execute(fresh, await statements(old, query));

    const { rows: tables } = await old.query<{ name: string; columns: string }>(definitions.ROWS);
    let rows = 0;
    for (const { name, columns } of tables) {
      say(name);
      rows += await copyRows(old, fresh, name, columns);
    }

    for (const query of [definitions.INDEXES, definitions.INDEX_ATTACHMENTS, definitions.LATE_CONSTRAINTS, definitions.TRIGGERS_AND_STATISTICS]) await execute(fresh, await statements(old, query));
    await executeInSomeOrder(fresh, await statements(old, definitions.VIEWS)); // one may read another
    for (const query of [definitions.VIEW_OWNERS, definitions.RIGHTS, definitions.COMMENTS]) await execute(fresh, await statements(old, query));
    await copySequences(old, fresh);
    await fresh.query('analyze');
    return { tables: tables.length, rows };
  });
}

async function statements(client: Client, query: string, values: readonly unknown[] = []): Promise<string[]> {
  const { rows } = await client.query<{ statement: string }>(query, [...values]);
  return rows.map(({ statement }) => statement);
}

async function execute(client: Client, list: readonly string[]): Promise<void> {
  for (const statement of list) await client.query(statement);
}

/** Statements that may need one another, in whatever order they work: each pass must get one further. */
async function executeInSomeOrder(client: Client, list: readonly string[]): Promise<void> {
  const waiting: string[] = [];
  let obstacle: Error | undefined;
  for (const statement of list) {
    await client.query(statement).catch((error: Error) => {
      obstacle = error;
      waiting.push(statement);
    });
  }
  if (waiting.length === list.length && obstacle !== undefined) throw obstacle;
  if (waiting.length > 0) await executeInSomeOrder(client, waiting);
}

/** Emptied and filled in one transaction, with wal_level = minimal: no row is written twice, and all of them are frozen. */
async function copyRows(old: Client, fresh: Client, name: string, columns: string): Promise<number> {
  const reading = old.query(copyTo(columns === '' ? `copy ${name} to stdout` : `copy ${name} (${columns}) to stdout`));
  await inTransaction(fresh, '', async () => {
    await fresh.query(`truncate ${name}`);
    await pipeline(reading, fresh.query(copyFrom(columns === '' ? `copy ${name} from stdin (freeze)` : `copy ${name} (${columns}) from stdin (freeze)`)));
  });
  const [before, after] = await Promise.all([countRows(old, name), countRows(fresh, name)]);
  if (before !== after) throw new EmbeddedServerError(`${name} had ${before} rows and its copy has ${after}: nothing was changed, the old database is in its place.`);
  return after;
}

async function countRows(client: Client, table: string): Promise<number> {
  const { rows } = await client.query<{ count: string }>(`select count(*) from ${table}`);
  return Number(rows[0]?.count);
}

async function copySequences(old: Client, fresh: Client): Promise<void> {
  const { rows } = await old.query<{ name: string }>(definitions.SEQUENCE_NAMES);
  for (const { name } of rows) {
    const { rows: at } = await old.query<{ last_value: string; is_called: boolean }>(`select last_value, is_called from ${name}`);
    await fresh.query('select setval($1::regclass, $2, $3)', [name, at[0]?.last_value, at[0]?.is_called]);
  }
}

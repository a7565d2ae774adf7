import type { Dataset } from '@ingot/datasets';
import { inTransaction, sqlState, SQLSTATE, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { listPartitions } from './bronze-partitions.js';
import { closedPartitions } from './retention/closed-partitions.js';
import { relationName } from './sql-names.js';
import { readState } from './watermark.js';

const LOCK_TIMEOUT_MS = 200;
/** Of bronze that still grows: nothing is deleted there, so there is nothing to clean up yet. */
const NEVER = 'autovacuum_vacuum_insert_threshold=-1';
/** Of growing tables that never close: a piece of a second's work each time. By the default, a fifth of the table, VACUUM takes minutes of a large one. */
const OFTEN = ['autovacuum_vacuum_insert_scale_factor=0', 'autovacuum_vacuum_insert_threshold=100000'];

interface Table {
  /** As it stands in SQL. */
  readonly name: string;
  readonly options: readonly string[];
}

/**
 * Keeps autovacuum from holding tables for long whose block ranges runs summarise. VACUUM and a summary exclude each
 * other, and new rows are found by the summaries: while autovacuum worked on 20 M new rows of bronze, each look read
 * all that had come since (450 instead of 2 ms). A bronze partition is left alone as long as rows come to it, and left
 * to autovacuum once it is closed. Settings that people made stay. A table in use is left for the next time.
 */
export async function keepVacuumShort(client: Client | Connection, dataset: Dataset): Promise<void> {
  const state = await readState(client, dataset.name);
  if (state === undefined) return;
  for (const { relation } of dataset.sources) {
    const { ranges, rest } = await listPartitions(client, relation);
    const growing = [...ranges.filter(({ upper }) => upper > state.now.xmax).map(({ name }) => name), ...(rest === undefined ? [] : [rest])];
    const closed = (await closedPartitions(client, dataset.name, relation)).map(({ name }) => name);
    for (const { name, options } of await tablesOf(client, growing.map(inBronze))) if (isUnset(options)) await change(client, `alter table ${name} set (${NEVER})`);
    for (const { name, options } of await tablesOf(client, closed.map(inBronze))) if (options.includes(NEVER)) await change(client, `alter table ${name} reset (autovacuum_vacuum_insert_threshold)`);
  }
  const appended = dataset.models.filter(({ strategy }) => strategy === 'append').map(({ relation }) => relationName(relation));
  for (const { name, options } of await tablesOf(client, appended)) if (isUnset(options)) await change(client, `alter table ${name} set (${OFTEN.join(', ')})`);
}

const inBronze = (name: string): string => relationName(`bronze.${name}`);

function isUnset(options: readonly string[]): boolean {
  return !options.some((option) => option.startsWith('autovacuum_vacuum_insert_') || option.startsWith('autovacuum_enabled='));
}

/** Those of the relations that exist, or their partitions: what autovacuum works on. */
async function tablesOf(client: Client | Connection, relations: readonly string[]): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `with roots as (select to_regclass(name) as root from unnest($1::text[]) as name)
     select format('%I.%I', n.nspname, c.relname) as name, coalesce(c.reloptions, '{}') as options
     from (select root as relid from roots union select relid from roots cross join pg_partition_tree(root)) as t
     join pg_class as c on c.oid = t.relid and c.relkind = 'r' join pg_namespace as n on n.oid = c.relnamespace`,
    [relations],
  );
  return rows;
}

async function change(client: Client | Connection, statement: string): Promise<void> {
  try {
    await inTransaction(client, '', () => client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}; ${statement}`));
  } catch (error) {
    if (sqlState(error) !== SQLSTATE.lockNotAvailable) throw error;
  }
}

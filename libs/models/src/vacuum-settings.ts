import type { Dataset } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { listPartitions } from './bronze-partitions.js';
import { closedPartitions } from './retention/closed-partitions.js';
import { relationName } from './sql-names.js';
import { unlessInUse } from './unless-in-use.js';
import { readState } from './watermark.js';

const LOCK_TIMEOUT_MS = 200;
const NEVER = 'autovacuum_vacuum_insert_threshold=-1';

interface Table {
  /** As it stands in SQL. */
  readonly name: string;
  readonly options: readonly string[];
}

/**
 * Keeps autovacuum away from bronze partitions that still grow, where there is nothing to clean up: nothing is deleted.
 * VACUUM and a summary of block ranges exclude each other, and new rows are found by the summaries: while autovacuum
 * worked on 20 M new rows, each look read all that had come since (450 instead of 2 ms). A closed partition is given
 * back. Settings that people made stay. A table in use is left for the next time.
 */
export async function keepVacuumAway(client: Client | Connection, dataset: Dataset): Promise<void> {
  const state = await readState(client, dataset.name);
  if (state === undefined) return;
  for (const { relation } of dataset.sources) {
    const { ranges, rest } = await listPartitions(client, relation);
    const growing = [...ranges.filter(({ upper }) => upper > state.now.xmax).map(({ name }) => name), ...(rest === undefined ? [] : [rest])];
    const closed = (await closedPartitions(client, dataset.name, relation)).map(({ name }) => name);
    for (const { name, options } of await tablesOf(client, growing)) if (isUnset(options)) await unlessInUse(client, LOCK_TIMEOUT_MS, `alter table ${name} set (${NEVER})`);
    for (const { name, options } of await tablesOf(client, closed)) if (options.includes(NEVER)) await unlessInUse(client, LOCK_TIMEOUT_MS, `alter table ${name} reset (autovacuum_vacuum_insert_threshold)`);
  }
}

function isUnset(options: readonly string[]): boolean {
  return !options.some((option) => option.startsWith('autovacuum_vacuum_insert_') || option.startsWith('autovacuum_enabled='));
}

async function tablesOf(client: Client | Connection, partitions: readonly string[]): Promise<Table[]> {
  const { rows } = await client.query<{ name: string; options: string[] }>(
    `select relname as name, coalesce(reloptions, '{}') as options from pg_class where relnamespace = 'bronze'::regnamespace and relname = any($1)`,
    [partitions],
  );
  return rows.map(({ name, options }) => ({ name: relationName(`bronze.${name}`), options }));
}

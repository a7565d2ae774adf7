import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { relationName } from './sql-names.js';
import { unlessInUse } from './unless-in-use.js';

const LOCK_TIMEOUT_MS = 10;
const PAGES_PER_RANGE = 128; // of a BRIN index unless its options say otherwise; the engine's have none

/**
 * Summarises the block ranges that filled up since the last call. A range without a summary is read by every probe, so
 * after a large load the idle tick would cost as much as reading that load again.
 */
export class BrinSummary {
  /** Ranges done, by index; a process that starts anew asks for all once, some 10 us each when they are done. */
  private readonly done = new Map<string, number>();

  /**
   * Outside a run, after its commit. Passes over a table that is in use by VACUUM or the like: the next call does it.
   * @returns whether none was passed over
   * @param sources partitioned bronze tables
   * @param growing tables with a BRIN on `_run_id`
   */
  async summarise(client: Client | Connection, sources: readonly string[], growing: readonly string[]): Promise<boolean> {
    // Asked beforehand, too: each lock that is not got stands in the server's log as an error.
    const { rows } = await client.query<{ index: string; blocks: string; in_use: boolean }>(
      `select i.indexrelid::text as index, pg_relation_size(i.indrelid) / current_setting('block_size')::bigint as blocks,
         i.indrelid in (select relation from pg_locks where mode = 'ShareUpdateExclusiveLock' and database = (select oid from pg_database where datname = current_database())) as in_use
       from pg_index as i
       join pg_class as c on c.oid = i.indexrelid and c.relkind = 'i'
       join pg_am as a on a.oid = c.relam and a.amname = 'brin'
       where i.indrelid = any(select inhrelid from pg_inherits where inhparent = any($1::regclass[] || $2::regclass[]) union all select unnest($2::regclass[]))`,
      [sources.map(relationName), growing.map(relationName)],
    );
    let all = true;
    for (const { index, blocks, in_use: inUse } of rows) {
      const full = Math.floor(Number(blocks) / PAGES_PER_RANGE);
      const from = this.done.get(index) ?? 0;
      if (full <= from) continue;
      if (!inUse && (await summariseRanges(client, index, from, full))) this.done.set(index, full);
      else all = false;
    }
    return all;
  }
}

/** @returns false when the table is in use after all */
function summariseRanges(client: Client | Connection, index: string, from: number, to: number): Promise<boolean> {
  const ranges = `generate_series(${from * PAGES_PER_RANGE}::bigint, ${to * PAGES_PER_RANGE - 1}::bigint, ${PAGES_PER_RANGE}::bigint)`;
  return unlessInUse(client, LOCK_TIMEOUT_MS, `select brin_summarize_range('${BigInt(index)}'::oid::regclass, block) from ${ranges} as block`);
}

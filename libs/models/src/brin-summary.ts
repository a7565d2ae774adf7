import type { Connection } from '@ingot/postgres';
import { inTransaction, sqlState, SQLSTATE } from '@ingot/postgres';
import type { Client } from 'pg';
import { relationName } from './sql-names.js';

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
    const { rows } = await client.query<{ index: string; blocks: string }>(
      `select i.indexrelid::text as index, pg_relation_size(i.indrelid) / current_setting('block_size')::bigint as blocks
       from pg_index as i
       join pg_class as c on c.oid = i.indexrelid and c.relkind = 'i'
       join pg_am as a on a.oid = c.relam and a.amname = 'brin'
       where i.indrelid = any(select inhrelid from pg_inherits where inhparent = any($1::regclass[] || $2::regclass[]) union all select unnest($2::regclass[]))`,
      [sources.map(relationName), growing.map(relationName)],
    );
    let all = true;
    for (const { index, blocks } of rows) {
      const full = Math.floor(Number(blocks) / PAGES_PER_RANGE);
      const from = this.done.get(index) ?? 0;
      if (full <= from) continue;
      try {
        await inTransaction(client, '', () =>
          client.query(
            `set local lock_timeout = 10;
             select brin_summarize_range('${BigInt(index)}'::oid::regclass, block) from generate_series(${from * PAGES_PER_RANGE}::bigint, ${full * PAGES_PER_RANGE - 1}::bigint, ${PAGES_PER_RANGE}::bigint) as block`,
          ),
        );
        this.done.set(index, full);
      } catch (error) {
        if (sqlState(error) !== SQLSTATE.lockNotAvailable) throw error;
        all = false;
      }
    }
    return all;
  }
}

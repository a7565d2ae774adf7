import type { Dataset } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import pg, { type Client } from 'pg';
import { relationName } from '../sql-names.js';
import { unseenRows, type Snapshot } from '../watermark.js';

/** What waits to be taken by a run. */
export interface Backlog {
  readonly lines: number;
  /** False = at least so many. */
  readonly isExact: boolean;
  /** How long the oldest of them has been waiting; 0 when none does. */
  readonly ageMs: number;
}

// Both are counted to a bound, so that asking costs the same however far a dataset is behind: 10,000 rows take 3 ms, and
// so do 10,000 flushes, which hold millions of lines.
const MOST_ROWS = 10_000;
const MOST_FLUSHES = 10_000;

interface BacklogRow {
  readonly rows: string;
  readonly age: number | null;
  /** How many flushes there are and how many lines they hold, when the rows are too many to be counted. */
  readonly flushed: readonly [flushes: number, lines: number] | null;
}

/**
 * What each source of a dataset holds that its watermark does not cover, by relation. Rows are counted as the probe looks
 * for them; when there are many, the flush ledger says how many. The oldest is the one that was received first among the
 * first so many in the table's order, which is the order of arrival but for what several writers interleave.
 * @param seen the dataset's watermark, read before
 */
export async function readBacklogs(client: Client | Connection, { sources }: Pick<Dataset, 'sources'>, seen: Snapshot): Promise<Map<string, Backlog>> {
  const backlogs = new Map<string, Backlog>();
  if (sources.length === 0) return backlogs;
  const statements = ['begin read only', 'set local enable_seqscan = off; set local max_parallel_workers_per_gather = 0', ...sources.map(({ relation }) => backlogOf(relation, seen)), 'commit'];
  try {
    const results = (await client.query(statements.join('; '))) as unknown as { rows: BacklogRow[] }[];
    const found = results.flatMap(({ rows }) => rows);
    for (const [at, { relation }] of sources.entries()) backlogs.set(relation, read(found[at]!));
    return backlogs;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

function backlogOf(relation: string, seen: Snapshot): string {
  const unseen = unseenRows('ingest_xid', seen);
  return `select rows, age, case when rows > ${MOST_ROWS} then
      (select json_build_array(count(*), coalesce(sum(lines), 0))
       from (select lines from bronze.flushes where source = ${pg.escapeLiteral(relation)} and lines > 0 and ${unseen} limit ${MOST_FLUSHES + 1}) as later) end as flushed
    from (select count(*) as rows, (extract(epoch from clock_timestamp() - min(received_at)) * 1000)::float8 as age
          from (select received_at from ${relationName(relation)} where ${unseen} limit ${MOST_ROWS + 1}) as later) as waiting`;
}

function read({ rows, age, flushed }: BacklogRow): Backlog {
  const ageMs = Math.max(0, age ?? 0);
  if (flushed === null) return { lines: Number(rows), isExact: true, ageMs };
  const [flushes, lines] = flushed;
  return { lines: Math.max(Number(rows), lines), isExact: flushes <= MOST_FLUSHES && lines >= Number(rows), ageMs };
}

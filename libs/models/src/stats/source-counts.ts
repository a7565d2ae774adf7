import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { unseenRows, type Snapshot } from '../watermark.js';

// Lines are counted where they are stored for good: each flush has a row in its own transaction. Those rows go after some
// hours, so maintenance adds them up first. Which are in the sum is told by a snapshot, not by a number: a flush with an
// older transaction may commit after a newer one was counted.

/** What was stored by way of a source since `since`, or ever. */
export interface SourceCount {
  readonly lines: bigint;
  /** Of their text, without line ends. */
  readonly bytes: bigint;
  /** Null = everything was counted. */
  readonly since: Date | null;
}

interface CountRow {
  source: string;
  lines: string;
  bytes: string;
  mark_xmax: string;
  mark_xip: string[];
  since: Date | null;
}

const NOTHING: Snapshot = { xmax: 0n, xip: [] };

/**
 * By relation; exact at the moment of the call: what was summed up and what came since, in one snapshot, as maintenance
 * may sum up and clear the ledger meanwhile.
 * @param client a session outside any transaction
 */
export async function readSourceCounts(client: Client | Connection, sources: readonly string[]): Promise<Map<string, SourceCount>> {
  return inTransaction(client, 'isolation level repeatable read read only', () => countAll(client, sources));
}

async function countAll(client: Client | Connection, sources: readonly string[]): Promise<Map<string, SourceCount>> {
  const { rows } = await client.query<CountRow>('select source, lines, bytes, mark_xmax, mark_xip, since from ingot.source_counts where source = any($1)', [sources]);
  const counts = new Map<string, SourceCount>();
  for (const source of sources) {
    const row = rows.find((one) => one.source === source);
    const later = await sumSince(client, source, markOf(row));
    counts.set(source, { lines: BigInt(row?.lines ?? 0) + later.lines, bytes: BigInt(row?.bytes ?? 0) + later.bytes, since: row?.since ?? null });
  }
  return counts;
}

/**
 * Adds the flushes to the sums that are not in them yet. One statement for each source, which finds its mark gone when
 * another process was faster.
 * @returns the lowest transaction that a row of the ledger may have which is not in the sums; undefined without sources
 */
export async function sumUpFlushes(client: Client | Connection, sources: readonly string[]): Promise<bigint | undefined> {
  if (sources.length === 0) return undefined;
  await client.query('insert into ingot.source_counts (source) select unnest($1::text[]) on conflict do nothing', [sources]);
  const { rows } = await client.query<CountRow>('select source, mark_xmax, mark_xip from ingot.source_counts where source = any($1)', [sources]);
  for (const row of rows) {
    const mark = markOf(row);
    await client.query(
      `with now as (
         select pg_snapshot_xmax(s)::text::bigint + xid_base as xmax, array(select x::text::bigint + xid_base from pg_snapshot_xip(s) as x order by x) as xip
         from ingot.cluster cross join pg_current_snapshot() as s
       ), later as (select coalesce(sum(lines), 0) as lines, coalesce(sum(bytes), 0) as bytes from bronze.flushes where ${countable(mark)})
       update ingot.source_counts as c set lines = c.lines + later.lines, bytes = c.bytes + later.bytes, mark_xmax = now.xmax, mark_xip = now.xip
       from now, later where c.source = $1 and c.mark_xmax = $2 and c.mark_xip = $3`,
      [row.source, row.mark_xmax, row.mark_xip],
    );
  }
  const { rows: marks } = await client.query<{ lowest: string }>('select min(coalesce(mark_xip[1], mark_xmax)) as lowest from ingot.source_counts where source = any($1)', [sources]);
  return BigInt(marks[0]!.lowest);
}

async function sumSince(client: Client | Connection, source: string, mark: Snapshot): Promise<{ lines: bigint; bytes: bigint }> {
  const { rows } = await client.query<{ lines: string; bytes: string }>(`select coalesce(sum(lines), 0) as lines, coalesce(sum(bytes), 0) as bytes from bronze.flushes where ${countable(mark)}`, [source]);
  return { lines: BigInt(rows[0]!.lines), bytes: BigInt(rows[0]!.bytes) };
}

/** Rows of the ledger that are not in the sums; those with -1 lines fence a flush that never was. $1 = source. */
function countable(mark: Snapshot): string {
  return `source = $1 and lines > 0 and ${unseenRows('ingest_xid', mark)}`;
}

function markOf(row: Pick<CountRow, 'mark_xmax' | 'mark_xip'> | undefined): Snapshot {
  return row === undefined ? NOTHING : { xmax: BigInt(row.mark_xmax), xip: row.mark_xip.map(BigInt) };
}

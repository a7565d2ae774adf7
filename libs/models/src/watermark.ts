import type { Client } from 'pg';
import type { Connection } from '@ingot/postgres';
import pg from 'pg';
import { bigintLiteral, columnName } from './sql-names.js';

/**
 * What a dataset's runs have seen of its bronze tables: every row whose `ingest_xid` is below `xmax` and not in `xip`.
 * Numbers are on the scale of `ingest_xid`: transaction ids shifted by ingot.cluster.xid_base.
 */
export interface Snapshot {
  readonly xmax: bigint;
  /** In progress when the snapshot was taken, each below xmax, ascending. */
  readonly xip: readonly bigint[];
}

/** A dataset's row, and what its session can see now. */
export interface DatasetState {
  /** Of the last run that committed; 0 before the first. */
  readonly runId: bigint;
  readonly seen: Snapshot;
  readonly codeHash: string | null;
  readonly updatedAt: Date;
  /** Of the last publication of changed files; 0 before the first. */
  readonly publication: bigint;
  /** The reader's own snapshot: in REPEATABLE READ that of the whole transaction. */
  readonly now: Snapshot;
}

export interface StateRow {
  run_id: string;
  snapshot_xmax: string;
  snapshot_xip: string[];
  code_hash: string | null;
  updated_at: Date;
  publication: string;
  now_xmax: string;
  now_xip: string[];
}

const STATE = `
  select d.run_id, d.snapshot_xmax, d.snapshot_xip, d.code_hash, d.updated_at, d.publication,
    pg_snapshot_xmax(s)::text::bigint + c.xid_base as now_xmax,
    array(select x::text::bigint + c.xid_base from pg_snapshot_xip(s) as x) as now_xip
  from ingot.datasets as d cross join ingot.cluster as c cross join pg_current_snapshot() as s
  where d.name = $1`;

/** The dataset's row as committed; undefined before its first apply. */
export async function readState(client: Client | Connection, dataset: string): Promise<DatasetState | undefined> {
  return stateOf((await client.query<StateRow>(STATE, [dataset])).rows[0]);
}

/**
 * The same, with the row locked until the transaction ends.
 * @throws 40001 in REPEATABLE READ when a run has committed since the snapshot was taken: it would be a stale one
 */
export async function lockState(client: Client | Connection, dataset: string): Promise<DatasetState | undefined> {
  return stateOf((await client.query<StateRow>(`${STATE} for update of d`, [dataset])).rows[0]);
}

/** The same as text without parameters, for a message of several statements; its row is read by stateOf(). */
export function stateText(dataset: string): string {
  return STATE.replace('$1', () => pg.escapeLiteral(dataset));
}

export function stateOf(row: StateRow | undefined): DatasetState | undefined {
  if (row === undefined) return undefined;
  return {
    runId: BigInt(row.run_id),
    seen: snapshot(row.snapshot_xmax, row.snapshot_xip),
    codeHash: row.code_hash,
    updatedAt: row.updated_at,
    publication: BigInt(row.publication),
    now: snapshot(row.now_xmax, row.now_xip),
  };
}

function snapshot(xmax: string, xip: readonly string[]): Snapshot {
  return { xmax: BigInt(xmax), xip: xip.map(BigInt).sort((a, b) => (a < b ? -1 : 1)) };
}

/**
 * The condition for rows that `seen` does not cover, and that `upTo` lets through when it is given. Literals, because
 * neither a BRIN index nor the choice of partitions is used with a bound that the planner does not know. `upTo.xip`
 * needs no condition: those transactions are invisible to the snapshot it was cut from.
 * The upper end stands beside the lower one, not behind the OR: there it was the only bound the planner took of a table
 * never analysed, and a run after a transaction that had been open read all of it (2.4 s instead of 10 ms at 14 M rows).
 * Not `>= xmin and not pg_visible_in_snapshot(...)`: that reads everything since the oldest open transaction again
 * (137 ms instead of 25 ms, and growing).
 */
export function unseenRows(column: string, seen: Snapshot, upTo?: Snapshot): string {
  const name = columnName(column);
  const newer = `${name} >= ${bigintLiteral(seen.xmax)}${upTo === undefined ? '' : ` and ${name} < ${bigintLiteral(upTo.xmax)}`}`;
  const late = seen.xip.filter((xid) => upTo === undefined || xid < upTo.xmax);
  return late.length === 0 ? `(${newer})` : `(${newer} or ${name} = any('{${late.join(',')}}'::bigint[]))`;
}

/**
 * The condition for rows that `upTo` covers and `seen` does not, for a reader whose own snapshot is younger than
 * `upTo`: it sees rows of transactions that were under way when `upTo` was taken, so they are left out by name.
 */
export function coveredRows(column: string, seen: Snapshot, upTo: Snapshot): string {
  const late = upTo.xip.length === 0 ? '' : ` and ${columnName(column)} <> all('{${upTo.xip.join(',')}}'::bigint[])`;
  return `${unseenRows(column, seen, upTo)}${late}`;
}

/** Whether every transaction that had committed at `moment` is in `seen`. */
export function covers(seen: Snapshot, moment: Snapshot): boolean {
  return seen.xmax >= moment.xmax && seen.xip.every((xid) => xid >= moment.xmax || moment.xip.includes(xid));
}

/** `now` cut at x: what a run that takes rows below x only has seen when it commits. */
export function cutAt(now: Snapshot, x: bigint): Snapshot {
  return { xmax: x, xip: now.xip.filter((xid) => xid < x) };
}

/**
 * The upper end of a run: all of `now`, or less when more than `maxRows` lines are waiting. The cut comes after the
 * flush that reaches the number, so one larger flush is taken whole; a cut at that flush would stand still for ever.
 * The flush ledger is summed, not bronze: counting rows by sorting took 47 s at 40 M.
 * @param sources relations whose flushes count
 */
export async function boundIncrement(client: Client | Connection, sources: readonly string[], state: DatasetState, maxRows: number): Promise<{ upTo: Snapshot; cut: boolean }> {
  const { seen, now } = state;
  if (now.xmax < seen.xmax) throw new Error(`the watermark is at ${seen.xmax}, ahead of this server's transactions (${now.xmax})`);
  const { rows } = await client.query<{ ingest_xid: string }>(
    `select ingest_xid from (
       select ingest_xid, sum(lines) over (order by ingest_xid rows unbounded preceding) as total
       from bronze.flushes
       where source = any($1) and lines > 0 and ingest_xid >= ${bigintLiteral(seen.xmax)} and ingest_xid < ${bigintLiteral(now.xmax)}
     ) as flushed
     where total >= $2 order by ingest_xid limit 1`,
    [sources, maxRows],
  );
  const last = rows[0];
  const x = last === undefined ? now.xmax : BigInt(last.ingest_xid) + 1n;
  return { upTo: cutAt(now, x), cut: x < now.xmax };
}

/** Makes `upTo` the dataset's watermark and `runId` its last run. Returns `updated_at` as it is now. */
export async function moveWatermark(client: Client | Connection, dataset: string, runId: bigint, upTo: Snapshot): Promise<Date> {
  const { rows } = await client.query<{ updated_at: Date }>(
    `update ingot.datasets set run_id = $2, snapshot_xmax = $3, snapshot_xip = $4, updated_at = clock_timestamp() where name = $1 returning updated_at`,
    [dataset, runId.toString(), upTo.xmax.toString(), upTo.xip.map(String)],
  );
  return rows[0]!.updated_at;
}

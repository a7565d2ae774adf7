import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { StepRecord } from '../run-ledger.js';
import type { Snapshot } from '../watermark.js';

/** What a shadow table holds of its input. */
export interface ShadowMark {
  /** Of a bronze input. */
  readonly seen: Snapshot;
  /** The highest `_run_id` taken of an input that is a model. */
  readonly runId: bigint;
  readonly rowsRead: number;
  readonly work: ShadowWork;
}

/** What was done to fill a shadow so far, by all chunks together. */
export interface ShadowWork {
  readonly rowsWritten: number;
  /** Where the rows it has read went, of row-wise models. */
  readonly rowsOut: number;
  readonly quarantined: number;
  readonly filtered: number;
  readonly durationMs: number;
}

/** The work with that of one more chunk. */
export function addWork(work: ShadowWork, { rowsWritten, ledger, durationMs }: StepRecord): ShadowWork {
  return {
    rowsWritten: work.rowsWritten + rowsWritten,
    rowsOut: work.rowsOut + (ledger?.out ?? 0),
    quarantined: work.quarantined + (ledger?.quarantined ?? 0),
    filtered: work.filtered + (ledger?.filtered ?? 0),
    durationMs: work.durationMs + durationMs,
  };
}

interface MarkRow {
  relation: string;
  mark_xmax: string;
  mark_xip: string[];
  mark_run_id: string;
  rows_read: string;
  rows_written: string;
  rows_out: string;
  quarantined: string;
  filtered: string;
  duration_ms: number;
}

/** The marks of a dataset's shadows, by the relation they stand for. */
export async function readMarks(client: Client | Connection, dataset: string): Promise<Map<string, ShadowMark>> {
  const { rows } = await client.query<MarkRow>(
    'select relation, mark_xmax, mark_xip, mark_run_id, rows_read, rows_written, rows_out, quarantined, filtered, duration_ms from ingot.shadows where dataset = $1',
    [dataset],
  );
  return new Map(rows.map((row) => [row.relation, markOf(row)]));
}

function markOf(row: MarkRow): ShadowMark {
  return {
    seen: { xmax: BigInt(row.mark_xmax), xip: row.mark_xip.map(BigInt) },
    runId: BigInt(row.mark_run_id),
    rowsRead: Number(row.rows_read),
    work: { rowsWritten: Number(row.rows_written), rowsOut: Number(row.rows_out), quarantined: Number(row.quarantined), filtered: Number(row.filtered), durationMs: row.duration_ms },
  };
}

/** Moves a shadow's mark in the transaction that has written its rows. */
export async function moveMark(client: Client | Connection, dataset: string, relation: string, mark: ShadowMark): Promise<void> {
  const { work } = mark;
  await client.query(
    `update ingot.shadows set mark_xmax = $3, mark_xip = $4, mark_run_id = $5, rows_read = $6, rows_written = $7, rows_out = $8, quarantined = $9, filtered = $10, duration_ms = $11
     where dataset = $1 and relation = $2`,
    [
      dataset,
      relation,
      mark.seen.xmax.toString(),
      mark.seen.xip.map(String),
      mark.runId.toString(),
      mark.rowsRead,
      work.rowsWritten,
      work.rowsOut,
      work.quarantined,
      work.filtered,
      work.durationMs,
    ],
  );
}

import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { Snapshot } from '../watermark.js';

/** What a shadow table holds of its input. */
export interface ShadowMark {
  /** Of a bronze input. */
  readonly seen: Snapshot;
  /** The highest `_run_id` taken of an input that is a model. */
  readonly runId: bigint;
  readonly rowsRead: number;
}

interface MarkRow {
  relation: string;
  mark_xmax: string;
  mark_xip: string[];
  mark_run_id: string;
  rows_read: string;
}

/** The marks of a dataset's shadows, by the relation they stand for. */
export async function readMarks(client: Client | Connection, dataset: string): Promise<Map<string, ShadowMark>> {
  const { rows } = await client.query<MarkRow>('select relation, mark_xmax, mark_xip, mark_run_id, rows_read from ingot.shadows where dataset = $1', [dataset]);
  return new Map(
    rows.map((row) => [
      row.relation,
      { seen: { xmax: BigInt(row.mark_xmax), xip: row.mark_xip.map(BigInt) }, runId: BigInt(row.mark_run_id), rowsRead: Number(row.rows_read) },
    ]),
  );
}

/** Moves a shadow's mark in the transaction that has written its rows. */
export async function moveMark(client: Client | Connection, dataset: string, relation: string, mark: ShadowMark): Promise<void> {
  await client.query('update ingot.shadows set mark_xmax = $3, mark_xip = $4, mark_run_id = $5, rows_read = $6 where dataset = $1 and relation = $2', [
    dataset,
    relation,
    mark.seen.xmax.toString(),
    mark.seen.xip.map(String),
    mark.runId.toString(),
    mark.rowsRead,
  ]);
}

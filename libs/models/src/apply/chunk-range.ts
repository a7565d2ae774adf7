import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { bigintLiteral, columnName, relationName, RUN_ID } from '../sql-names.js';
import { coveredRows, cutAt, type Snapshot } from '../watermark.js';
import type { ShadowMark } from './shadow-mark.js';

/** A part of a shadow's input that one transaction reads. */
export interface ChunkRange {
  /** The condition for its rows. */
  readonly where: string;
  readonly rows: number;
  /** The shadow's mark when they are in. */
  readonly after: ShadowMark;
  /** True when it ends where the input did as this transaction sees it: what comes meanwhile is for another round. */
  readonly isLast: boolean;
}

const FIRST_WIDTH = 1_000_000n;

/**
 * Finds ranges of transaction ids that hold about so many rows of a bronze table. There is no cheaper count to go by:
 * the flush ledger forgets after hours. The width of the last range is where the next search begins, so a dense table
 * costs about one count for each chunk, through the BRIN.
 */
export class BronzeRanges {
  private width = FIRST_WIDTH;

  constructor(
    private readonly relation: string,
    private readonly chunkRows: number,
  ) {}

  /**
   * @param live the dataset's watermark as this transaction sees it: no range goes beyond
   * @returns undefined when the shadow has seen all of it
   */
  async next(client: Client | Connection, mark: ShadowMark, live: Snapshot): Promise<ChunkRange | undefined> {
    if (isAt(mark.seen, live)) return undefined;
    // Never wider again once it was too wide: one transaction may hold more rows than two chunks.
    for (let narrowed = false; ; ) {
      const end = mark.seen.xmax + this.width;
      const upTo = end < live.xmax ? cutAt(live, end) : live;
      const range = await this.range(client, mark, upTo, live);
      if (range.rows > 2 * this.chunkRows && this.width > 1n) {
        const narrower = (this.width * BigInt(this.chunkRows)) / BigInt(range.rows);
        this.width = narrower > 0n ? narrower : 1n;
        narrowed = true;
      } else if (!narrowed && range.rows < this.chunkRows / 2 && upTo !== live) this.width *= 2n;
      else return range;
    }
  }

  /** All that is left up to the watermark. */
  async rest(client: Client | Connection, mark: ShadowMark, live: Snapshot): Promise<ChunkRange | undefined> {
    return isAt(mark.seen, live) ? undefined : this.range(client, mark, live, live);
  }

  private async range(client: Client | Connection, mark: ShadowMark, upTo: Snapshot, live: Snapshot): Promise<ChunkRange> {
    const where = coveredRows('ingest_xid', mark.seen, upTo);
    const rows = await countRows(client, this.relation, where);
    return { where, rows, after: { ...mark, seen: upTo, rowsRead: mark.rowsRead + rows }, isLast: upTo === live };
  }
}

/** Ranges of `_run_id` of an append model, its live table or its shadow, that hold about so many rows. */
export class RunRanges {
  /** Runs not taken yet with their rows, as last counted. */
  private waiting: { runId: bigint; rows: number }[] = [];

  constructor(
    private readonly relation: string,
    private readonly chunkRows: number,
  ) {}

  async next(client: Client | Connection, mark: ShadowMark): Promise<ChunkRange | undefined> {
    this.waiting = this.waiting.filter(({ runId }) => runId > mark.runId);
    const isFresh = this.waiting.length === 0;
    if (isFresh) this.waiting = await this.count(client, mark);
    let rows = 0;
    for (const [i, run] of this.waiting.entries()) {
      rows += run.rows;
      const isEnd = i === this.waiting.length - 1;
      if (rows >= this.chunkRows || isEnd) return this.range(mark, run.runId, rows, isFresh && isEnd);
    }
    return undefined;
  }

  async rest(client: Client | Connection, mark: ShadowMark): Promise<ChunkRange | undefined> {
    const waiting = await this.count(client, mark);
    const last = waiting.at(-1);
    return last === undefined ? undefined : this.range(mark, last.runId, waiting.reduce((sum, { rows }) => sum + rows, 0), true);
  }

  private async count(client: Client | Connection, { runId }: ShadowMark): Promise<{ runId: bigint; rows: number }[]> {
    const { rows } = await client.query<{ run_id: string; rows: string }>(
      `select ${columnName(RUN_ID)} as run_id, count(*) as rows from ${relationName(this.relation)} where ${columnName(RUN_ID)} > ${bigintLiteral(runId)} group by 1 order by 1`,
    );
    return rows.map((row) => ({ runId: BigInt(row.run_id), rows: Number(row.rows) }));
  }

  private range(mark: ShadowMark, upTo: bigint, rows: number, isLast: boolean): ChunkRange {
    const name = columnName(RUN_ID);
    const where = `${name} > ${bigintLiteral(mark.runId)} and ${name} <= ${bigintLiteral(upTo)}`;
    return { where, rows, after: { ...mark, runId: upTo, rowsRead: mark.rowsRead + rows }, isLast };
  }
}

async function countRows(client: Client | Connection, relation: string, where: string): Promise<number> {
  // As in the probe: an analysed table would be read whole.
  await client.query('set local enable_seqscan = off');
  const { rows } = await client.query<{ count: string }>(`select count(*) from ${relationName(relation)} where ${where}`);
  await client.query('set local enable_seqscan = on');
  return Number(rows[0]?.count ?? 0);
}

function isAt(seen: Snapshot, live: Snapshot): boolean {
  return seen.xmax === live.xmax && seen.xip.length === live.xip.length && seen.xip.every((xid, i) => xid === live.xip[i]);
}

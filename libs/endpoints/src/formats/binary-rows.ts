import type { ResultColumn } from '@ingot/postgres';
import { Transform, type TransformCallback } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { typedColumn, typedValue, type TypedColumn } from './column-kind.js';
import { selectFrom } from './sql-values.js';

/** The COPY whose bytes BinaryRows reads. */
export function binaryCopy(query: string, columns: readonly ResultColumn[]): string {
  return `copy (${selectFrom(query, columns.length, columns.map(({ type }, i) => typedValue(`c${i}`, type)).join(', '))}) to stdout (format binary)`;
}

/** Takes the values of one column, row after row. */
export interface ColumnBatch {
  /** A value: `length` bytes from `at` on, to be read before the next call. */
  add(bytes: Buffer, at: number, length: number): void;
  addNull(): void;
}

/** What a file format does with batches of rows. */
export interface BatchWriter {
  readonly columns: readonly ColumnBatch[];
  /** Writes the rows added since the last call, at least one. */
  writeBatch(rows: number): void;
  /** All rows are written: what makes the file complete. */
  finish(): void;
}

/**
 * Cells and bytes of a batch. Node answers nobody else while a batch is encoded: 20,000 rows of an instant, a text and a
 * double take hyparquet-writer 15 to 25 ms, at most 43 ms on a machine with much else to do; 100,000 rows took 100 to 450 ms.
 */
const FILE_BATCH_CELLS = 60_000;
const BATCH_BYTES = 4 * 1024 * 1024;
// "PGCOPY\n\377\r\n\0", flags and the length of an extension that no version has (COPY, "Binary Format").
const HEADER_BYTES = 19;
const END_OF_ROWS = -1;
const NULL = -1;

/**
 * Turns the bytes of a binary COPY into a file written in batches. A stream that breaks off, or ends before COPY's own
 * trailer, never gets what makes the file complete.
 */
export class BinaryRows extends Transform {
  private writer?: BatchWriter;
  private held: Buffer[] = [];
  private heldBytes = 0;
  /** With less than this there is nothing more to read. */
  private needed = HEADER_BYTES;
  private begun = false;
  private ended = false;
  /** The column whose cell comes next; undefined between rows. */
  private column?: number;
  private rows = 0;
  private batchBytes = 0;
  private readonly batchRows: number;

  /**
   * @param open loads what the format needs, and makes its writer; `push` takes the bytes of the file
   * @param batchCells of one batch; what is held in memory grows with it
   */
  constructor(
    private readonly resultColumns: readonly ResultColumn[],
    private readonly open: (columns: readonly TypedColumn[], push: (bytes: Uint8Array) => void) => Promise<BatchWriter>,
    batchCells = FILE_BATCH_CELLS,
  ) {
    super();
    this.batchRows = Math.max(1, Math.floor(batchCells / Math.max(1, resultColumns.length)));
  }

  override _construct(done: (error?: Error | null) => void): void {
    this.open(this.resultColumns.map(typedColumn), (bytes) => void this.push(bytes)).then((writer) => {
      this.writer = writer;
      done();
    }, done);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.held.push(chunk);
    this.heldBytes += chunk.length;
    if (this.heldBytes < this.needed) return done();
    this.readAll(this.held.length === 1 ? chunk : Buffer.concat(this.held)).then(() => done(), done);
  }

  override _flush(done: TransformCallback): void {
    if (!this.ended) return done(new Error('the rows broke off'));
    if (this.rows > 0) this.writeBatch();
    this.writer?.finish();
    done();
  }

  private async readAll(bytes: Buffer): Promise<void> {
    let at = this.begun ? 0 : HEADER_BYTES;
    this.begun = true;
    for (;;) {
      at = this.readRows(bytes, at);
      if (!this.isBatchFull) break;
      this.writeBatch();
      await nextTurn(); // whoever else has something to do comes first
    }
    this.held = at < bytes.length ? [bytes.subarray(at)] : [];
    this.heldBytes = bytes.length - at;
  }

  /** Reads until the bytes or the batch end. @returns where it stopped */
  private readRows(bytes: Buffer, start: number): number {
    const columns = this.writer?.columns ?? [];
    let at = start;
    while (!this.ended && !this.isBatchFull) {
      if (this.column === undefined) {
        this.needed = 2;
        if (bytes.length - at < 2) return at;
        this.ended = bytes.readInt16BE(at) === END_OF_ROWS;
        this.column = 0;
        at += 2;
        continue;
      }
      for (let column = columns[this.column]; column !== undefined; column = columns[++this.column]) {
        this.needed = 4;
        if (bytes.length - at < this.needed) return at;
        const length = bytes.readInt32BE(at);
        if (length === NULL) column.addNull();
        else {
          this.needed += length;
          if (bytes.length - at < this.needed) return at;
          column.add(bytes, at + 4, length);
          this.batchBytes += length;
        }
        at += this.needed;
      }
      this.column = undefined;
      this.rows++;
    }
    return at;
  }

  private get isBatchFull(): boolean {
    return this.rows >= this.batchRows || this.batchBytes >= BATCH_BYTES;
  }

  private writeBatch(): void {
    this.writer?.writeBatch(this.rows);
    this.rows = 0;
    this.batchBytes = 0;
  }
}

import type { ResultColumn } from '@ingot/postgres';
import type * as Arrow from 'apache-arrow';
import type { Transform } from 'node:stream';
import { BinaryRows, type BatchWriter, type ColumnBatch } from './binary-rows.js';
import type { ColumnKind, TypedColumn } from './column-kind.js';
import { FixedValues } from './column-values.js';

type ArrowLibrary = typeof Arrow;
/** What makeData() takes beside the type. */
interface Buffers {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array;
  readonly data: ArrayBufferView;
  readonly valueOffsets?: Int32Array;
}

/**
 * Binary COPY in, an Arrow IPC stream out: one record batch for each batch of rows. apache-arrow is the project's own
 * library, 9 MB installed; it is loaded on the first request that asks for it.
 */
export function arrowEncoder(columns: readonly ResultColumn[]): Transform {
  return new BinaryRows(columns, openArrow);
}

async function openArrow(columns: readonly TypedColumn[], push: (bytes: Uint8Array) => void): Promise<BatchWriter> {
  const arrow = await import('apache-arrow');
  let pieces: Buffer[] = [];
  class PieceWriter extends arrow.RecordBatchStreamWriter {
    /** The library's own sink is a queue that gives the pieces, many of 4 or 8 bytes, one by one. */
    protected override _write(chunk: ArrayBufferView): this {
      pieces.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      return this;
    }
  }
  const flush = (): void => {
    push(Buffer.concat(pieces));
    pieces = [];
  };
  const outlets = columns.map(({ name, kind }) => outlet(arrow, name, kind));
  const fields = outlets.map(({ field }) => field);
  const schema = new arrow.Schema(fields);
  const stream = new PieceWriter();
  stream.reset(undefined, schema); // writes the schema: an empty result is a stream, too
  flush();
  return {
    columns: outlets.map(({ column }) => column),
    writeBatch: (rows) => {
      const children = outlets.map(({ take }) => take());
      stream.write(new arrow.RecordBatch(schema, arrow.makeData({ type: new arrow.Struct(fields), length: rows, nullCount: 0, children })));
      flush();
    },
    finish: () => {
      stream.finish();
      flush();
    },
  };
}

/** A column's place in the stream, and its values on their way there. */
interface Outlet {
  readonly field: Arrow.Field;
  readonly column: ColumnBatch;
  readonly take: () => Arrow.Data;
}

function outlet(arrow: ArrowLibrary, name: string, kind: ColumnKind): Outlet {
  const type = TYPES[kind](arrow);
  const field = new arrow.Field(name, type, true);
  const data = (buffers: Buffers): Arrow.Data => arrow.makeData({ type, ...buffers } as Parameters<ArrowLibrary['makeData']>[0]);
  if (kind === 'text') {
    const column = new TextBytes();
    return { field, column, take: () => data(column.take()) };
  }
  const column = new FixedValues(kind);
  return { field, column, take: () => data(fixedBuffers(column.take(), type.ArrayType as FixedArrayType, kind === 'boolean')) };
}

const TYPES: Readonly<Record<ColumnKind, (arrow: ArrowLibrary) => Arrow.DataType>> = {
  boolean: (arrow) => new arrow.Bool(),
  int16: (arrow) => new arrow.Int16(),
  int32: (arrow) => new arrow.Int32(),
  int64: (arrow) => new arrow.Int64(),
  float32: (arrow) => new arrow.Float32(),
  float64: (arrow) => new arrow.Float64(),
  date: (arrow) => new arrow.DateDay(),
  timestamp: (arrow) => new arrow.TimestampMicrosecond(),
  instant: (arrow) => new arrow.TimestampMicrosecond('UTC'),
  text: (arrow) => new arrow.Utf8(),
};

type FixedArrayType = new (length: number) => ArrayBufferView & Record<number, number | bigint>;

function fixedBuffers(values: readonly (boolean | number | bigint | null)[], ArrayType: FixedArrayType, bits: boolean): Buffers {
  const data = new ArrayType(bits ? bitmapBytes(values.length) : values.length);
  const nullBitmap = new Uint8Array(bitmapBytes(values.length));
  let nullCount = 0;
  for (const [i, value] of values.entries()) {
    if (value === null) nullCount++;
    else setBit(nullBitmap, i);
    if (typeof value === 'boolean') {
      if (value) setBit(data, i);
    } else if (value !== null) data[i] = value;
  }
  return { length: values.length, nullCount, nullBitmap, data };
}

/** Texts of one column: their UTF-8 as it came, one after the other, and where each ends. */
class TextBytes implements ColumnBatch {
  private bytes = Buffer.alloc(0);
  private offsets = [0];
  private nulls: number[] = [];

  add(bytes: Buffer, at: number, length: number): void {
    const start = this.offsets.at(-1) ?? 0;
    if (start + length > this.bytes.length) this.bytes = Buffer.concat([this.bytes.subarray(0, start)], Math.max(1024, 2 * this.bytes.length, start + length));
    bytes.copy(this.bytes, start, at, at + length);
    this.offsets.push(start + length);
  }

  addNull(): void {
    this.nulls.push(this.offsets.length - 1);
    this.offsets.push(this.offsets.at(-1) ?? 0);
  }

  take(): Buffers {
    const length = this.offsets.length - 1;
    const nullBitmap = new Uint8Array(bitmapBytes(length)).fill(0xff);
    for (const i of this.nulls) nullBitmap[i >> 3] = (nullBitmap[i >> 3] ?? 0) & ~(1 << (i & 7));
    const taken = { length, nullCount: this.nulls.length, nullBitmap, data: this.bytes.subarray(0, this.offsets.at(-1)), valueOffsets: Int32Array.from(this.offsets) };
    this.bytes = Buffer.alloc(0);
    this.offsets = [0];
    this.nulls = [];
    return taken;
  }
}

const bitmapBytes = (bits: number): number => Math.ceil(bits / 8);

function setBit(bitmap: Record<number, number | bigint>, i: number): void {
  bitmap[i >> 3] = Number(bitmap[i >> 3] ?? 0) | (1 << (i & 7));
}

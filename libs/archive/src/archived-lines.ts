import { createHash } from 'node:crypto';
import type { ArchivedLine } from '@ingot/models';

/** Columns of an archived file, in order, with their types in PostgreSQL. */
export const COLUMNS = [
  { name: 'id', type: 'int8', oid: 20 },
  { name: 'received_at', type: 'timestamptz', oid: 1184 },
  { name: 'ingest_xid', type: 'int8', oid: 20 },
  { name: 'device', type: 'text', oid: 25 },
  { name: 'precision', type: 'text', oid: 25 },
  { name: 'line', type: 'text', oid: 25 },
] as const;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The lines of an archived file in batches, one for each row group: whatever the size of the file, one of them is in
 * memory. hyparquet is by the author of the writer, plain JavaScript without dependencies.
 * @throws when the file is no Parquet file of these columns
 */
export async function* readLines(path: string): AsyncGenerator<ArchivedLine[]> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetRead } = await import('hyparquet');
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const columns = metadata.schema.slice(1).map(({ name }) => name);
  if (columns.join() !== COLUMNS.map(({ name }) => name).join()) throw new Error(`${path} has the columns ${columns.join(', ')}`);
  let start = 0;
  for (const { num_rows: count } of metadata.row_groups) {
    const end = start + Number(count);
    let lines: ArchivedLine[] = [];
    await parquetRead({
      file,
      metadata,
      rowStart: start,
      rowEnd: end,
      // A Date ends with the millisecond; by default a text loses the byte order mark it begins with.
      parsers: { timestampFromMicroseconds: (micros) => micros, stringFromBytes: (bytes) => bytes && UTF8.decode(bytes) },
      onComplete: (rows) => (lines = (rows as Row[]).map(lineOf)),
    });
    yield lines;
    start = end;
  }
}

type Row = [bigint, bigint, bigint, string | null | undefined, string | null | undefined, string];

function lineOf([id, receivedAt, ingestXid, device, precision, line]: Row): ArchivedLine {
  return { id, receivedAt, ingestXid, device: device ?? null, precision: precision ?? null, line };
}

/** Count and checksum of lines, as the database computes them: see line-checksum.ts of libs/models. */
export class LineSum {
  private count = 0;
  private sum = 0n;

  add(lines: readonly ArchivedLine[]): void {
    for (const { id, receivedAt, ingestXid, device, precision, line } of lines) {
      const text = `${id}|${receivedAt}|${ingestXid}|${lengthOf(device)}|${lengthOf(precision)}|${device ?? ''}${precision ?? ''}${line}`;
      this.sum += createHash('sha256').update(text).digest().readBigInt64BE(0);
    }
    this.count += lines.length;
  }

  get rows(): number {
    return this.count;
  }

  get checksum(): string {
    return this.sum.toString();
  }
}

function lengthOf(text: string | null): number {
  return text === null ? -1 : Buffer.byteLength(text);
}

/** Count and checksum of a whole file. */
export async function sumFile(path: string): Promise<LineSum> {
  const sum = new LineSum();
  for await (const lines of readLines(path)) sum.add(lines);
  return sum;
}

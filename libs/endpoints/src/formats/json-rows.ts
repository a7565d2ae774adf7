import type { ResultColumn } from '@ingot/postgres';
import type { Transform } from 'node:stream';
import { BinaryRows, type BatchWriter, type ColumnBatch } from './binary-rows.js';
import { JsonText } from './json-text.js';
import { asType, OID, selectFrom } from './sql-values.js';

/**
 * The COPY that JSON is made of: values that this process writes faster than the server does as they are, all others as
 * their JSON text.
 *
 * 1 M rows (time, name, value, device) of a year as one answer, two cores: 2.3 to 2.6 s with all text by SQL, for which
 * the server was busy throughout, 1.6 s so; the bare COPY of the same rows 0.9 s (PostgreSQL 18, Node 20, `npm run bench`).
 */
export function jsonCopy(query: string, columns: readonly ResultColumn[]): string {
  return `copy (${selectFrom(query, columns.length, columns.map(({ type }, i) => (WRITERS[type] === undefined ? jsonText(`c${i}`, type) : asType(`c${i}`, type))).join(', '))}) to stdout (format binary)`;
}

/** Some 17 kB of readings. For 1 M of them the process took 290 MB with 60,000 cells, 207 to 244 MB with 4,000, 190 MB so; 1.6 s each way. */
const BATCH_CELLS = 1_000;

/** An array of objects, one line each. @param omitNull columns that a row leaves out when they are null */
export function jsonEncoder(columns: readonly ResultColumn[], omitNull: readonly string[]): Transform {
  return new BinaryRows(columns, (_, push) => Promise.resolve(new JsonRows(columns, omitNull, push, true)), BATCH_CELLS);
}

/** The same objects without the array. */
export function ndjsonEncoder(columns: readonly ResultColumn[], omitNull: readonly string[]): Transform {
  return new BinaryRows(columns, (_, push) => Promise.resolve(new JsonRows(columns, omitNull, push, false)), BATCH_CELLS);
}

/** SQL that gives a value's JSON text, or null for null and for numbers JSON has no notation for. */
function jsonText(column: string, type: number): string {
  switch (type) {
    case OID.oid:
    case OID.jsonb:
      return `${column}::text`;
    case OID.float4:
    case OID.numeric:
      return `case when abs(${column}) < 'Infinity' then ${column}::text end`; // NaN sorts above Infinity
    case OID.json:
      return `${column}::jsonb::text`; // json keeps its line breaks
    case OID.date:
    case OID.timestamp:
      return `case when isfinite(${column}) then to_json(${column})::text end`;
    case OID.bpchar:
      return `to_json(${column})::text`;
    default:
      return `to_jsonb(${column})::text`;
  }
}

type Write = (text: JsonText, bytes: Buffer, at: number, length: number) => boolean;

/** By type: writes a value of COPY's binary format, or nothing and false where JSON has no notation for it. */
const WRITERS: Readonly<Record<number, Write>> = {
  [OID.bool]: (text, bytes, at) => text.ascii(bytes[at] === 1 ? 'true' : 'false'),
  [OID.int2]: (text, bytes, at) => text.ascii(String(bytes.readInt16BE(at))),
  [OID.int4]: (text, bytes, at) => text.ascii(String(bytes.readInt32BE(at))),
  [OID.int8]: (text, bytes, at) => text.ascii(String(bytes.readBigInt64BE(at))),
  [OID.float8]: (text, bytes, at) => text.double(bytes.readDoubleBE(at)),
  [OID.timestamptz]: (text, bytes, at) => text.instant(bytes, at),
  [OID.text]: (text, bytes, at, length) => text.string(bytes, at, length),
  [OID.varchar]: (text, bytes, at, length) => text.string(bytes, at, length),
};
const asItIs: Write = (text, bytes, at, length) => text.raw(bytes, at, length);

/** Writes row after row into one text; the columns come in order. */
class JsonRows implements BatchWriter {
  readonly columns: readonly ColumnBatch[];
  private readonly text = new JsonText();
  private begun = false;

  constructor(columns: readonly ResultColumn[], omitNull: readonly string[], private readonly push: (bytes: Uint8Array) => void, private readonly isArray: boolean) {
    let members = 0; // written of the present row
    this.columns = columns.map(({ name, type }, i): ColumnBatch => {
      const write = WRITERS[type] ?? asItIs;
      const key = Buffer.from(`${JSON.stringify(name)}:`);
      const omits = omitNull.includes(name);
      const [isFirst, isLast] = [i === 0, i === columns.length - 1];
      const member = (bytes: Buffer | undefined, at: number, length: number): void => {
        const { text } = this;
        if (isFirst) {
          this.separate();
          text.ascii('{');
          members = 0;
        }
        if (bytes !== undefined || !omits) {
          const start = text.length;
          if (members > 0) text.ascii(',');
          text.raw(key, 0, key.length);
          if (bytes !== undefined && write(text, bytes, at, length)) members++;
          else if (omits) text.length = start;
          else {
            text.ascii('null');
            members++;
          }
        }
        if (isLast) text.ascii('}\n');
      };
      return { add: member, addNull: () => member(undefined, 0, 0) };
    });
  }

  writeBatch(rows: number): void {
    if (this.columns.length === 0) {
      for (let row = 0; row < rows; row++) {
        this.separate();
        this.text.ascii('{}\n');
      }
    }
    this.push(this.text.take());
  }

  finish(): void {
    if (!this.isArray) return;
    this.text.ascii(this.begun ? ']' : '[]');
    this.push(this.text.take());
  }

  private separate(): void {
    if (this.isArray) this.text.ascii(this.begun ? ',' : '[');
    this.begun = true;
  }
}

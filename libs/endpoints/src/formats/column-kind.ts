import type { ResultColumn } from '@ingot/postgres';
import { asType, OID, plainText } from './sql-values.js';

/** What a typed format makes of a column. Whatever has no match among these is text. */
export type ColumnKind = 'boolean' | 'int16' | 'int32' | 'int64' | 'float32' | 'float64' | 'date' | 'timestamp' | 'instant' | 'text';

const KINDS: Readonly<Record<number, ColumnKind>> = {
  [OID.bool]: 'boolean',
  [OID.int2]: 'int16',
  [OID.int4]: 'int32',
  [OID.int8]: 'int64',
  [OID.oid]: 'int64',
  [OID.float4]: 'float32',
  [OID.float8]: 'float64',
  [OID.date]: 'date',
  [OID.timestamp]: 'timestamp',
  [OID.timestamptz]: 'instant',
};

/** A column of a typed format. */
export interface TypedColumn {
  readonly name: string;
  readonly kind: ColumnKind;
}

export function typedColumn({ name, type }: ResultColumn): TypedColumn {
  return { name, kind: KINDS[type] ?? 'text' };
}

/** SQL that gives a column in the notation its kind is read in. */
export function typedValue(column: string, type: number): string {
  if (type === OID.oid) return `${column}::int8`;
  return KINDS[type] === undefined ? plainText(column, type) : asType(column, type);
}

const MICROS_TO_2000 = 946_684_800_000_000n;
export const DAYS_TO_2000 = 10_957;
// PostgreSQL writes infinity as the ends of the number's range.
export const [INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX] = [-(2 ** 31), 2 ** 31 - 1, -(2n ** 63n), 2n ** 63n - 1n];

export type FixedKind = Exclude<ColumnKind, 'text'>;

/**
 * Reads a value of COPY's binary format (pg_type's send functions): instants as microseconds and dates as days from
 * 1970. Null where the format has no such value: infinity, and instants after 294246, which are too many microseconds.
 */
export const READ: Readonly<Record<FixedKind, (bytes: Buffer, at: number) => boolean | number | bigint | null>> = {
  boolean: (bytes, at) => bytes[at] === 1,
  int16: (bytes, at) => bytes.readInt16BE(at),
  int32: (bytes, at) => bytes.readInt32BE(at),
  int64: (bytes, at) => bytes.readBigInt64BE(at),
  float32: (bytes, at) => bytes.readFloatBE(at),
  float64: (bytes, at) => bytes.readDoubleBE(at),
  date: (bytes, at) => {
    const days = bytes.readInt32BE(at);
    return days === INT32_MAX || days === INT32_MIN ? null : days + DAYS_TO_2000;
  },
  timestamp: readMicros,
  instant: readMicros,
};

function readMicros(bytes: Buffer, at: number): bigint | null {
  const micros = bytes.readBigInt64BE(at);
  return micros === INT64_MIN || micros > INT64_MAX - MICROS_TO_2000 ? null : micros + MICROS_TO_2000;
}

import type { ResultColumn } from '@ingot/postgres';
import type { ParquetWriter } from 'hyparquet-writer';
import type { Transform } from 'node:stream';
import { BinaryRows, type BatchWriter } from './binary-rows.js';
import type { ColumnKind, TypedColumn } from './column-kind.js';
import { FixedValues, TextValues } from './column-values.js';

type SchemaElement = ParquetWriter['schema'][number];

const TYPES: Readonly<Record<ColumnKind, Omit<SchemaElement, 'name'>>> = {
  boolean: { type: 'BOOLEAN' },
  int16: { type: 'INT32', converted_type: 'INT_16' },
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  float32: { type: 'FLOAT' },
  float64: { type: 'DOUBLE' },
  date: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
  timestamp: { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MICROS' } },
  instant: { type: 'INT64', converted_type: 'TIMESTAMP_MICROS', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' } },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
};

/**
 * Binary COPY in, a Parquet file out: one row group for each batch, compressed with Snappy. Of the libraries there are,
 * hyparquet-writer writes row group by row group, is alive and plain JavaScript of 1 MB; parquet-wasm wants Arrow
 * tables and brings WebAssembly.
 */
export function parquetEncoder(columns: readonly ResultColumn[]): Transform {
  return new BinaryRows(columns, openParquet);
}

async function openParquet(columns: readonly TypedColumn[], push: (bytes: Uint8Array) => void): Promise<BatchWriter> {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const bytes = new ByteWriter();
  const flush = (): void => {
    push(Buffer.from(bytes.getBytes())); // a copy: the writer goes on in the same memory
    bytes.index = 0;
  };
  const schema: SchemaElement[] = [{ name: 'root', num_children: columns.length }, ...columns.map(({ name, kind }) => ({ ...TYPES[kind], name, repetition_type: 'OPTIONAL' as const }))];
  const file = new ParquetWriter({ writer: bytes, schema, createdBy: 'ingot' });
  const values = columns.map(({ kind }) => (kind === 'text' ? new TextValues() : new FixedValues(kind)));
  return {
    columns: values,
    writeBatch: (rows) => {
      // Bounds of a text are of little use to a reader, and took 5 to 20 % of the time.
      const columnData = columns.map(({ name, kind }, i) => ({ name, data: values[i]?.take() ?? [], offsetIndex: false, statistics: kind !== 'text' }));
      void file.write({ columnData, rowGroupSize: rows });
      flush();
    },
    finish: () => {
      void file.finish();
      flush();
    },
  };
}

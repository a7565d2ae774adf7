import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from '@jest/globals';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { encoded } from '../../test/formatted.js';
import { FORMATS } from './formats.js';

const COLUMNS = [{ name: 'id', type: 23 }, { name: 'note', type: 25 }];
type Row = readonly [number | null, string | null];

/** COPY's binary format, as the manual describes it. */
function copyOf(rows: readonly Row[]): Buffer {
  const int16 = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
  const int32 = (value: number): Buffer => Buffer.from(Int32Array.of(value).buffer).swap32();
  const cell = (value: Buffer | null): Buffer[] => (value === null ? [int32(-1)] : [int32(value.length), value]);
  const body = rows.flatMap(([id, note]) => [int16(2), ...cell(id === null ? null : int32(id)), ...cell(note === null ? null : Buffer.from(note))]);
  return Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), int32(0), int32(0), ...body, int16(-1)]);
}

const cut = (bytes: Buffer, at: readonly number[]): Buffer[] => {
  const places = [0, ...at.map((place) => place % bytes.length).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
};
const rowsOf = (file: Buffer): unknown[] => Array.from(tableFromIPC(file), (row: { toArray(): unknown[] }) => row.toArray());

describe('rows of a binary COPY', () => {
  it('are the same wherever the bytes are cut', async () => {
    const row = fc.tuple(fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })), fc.option(fc.string({ unit: 'grapheme', maxLength: 12 })));
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 30 }), async (rows, cuts) => {
        expect(rowsOf(await encoded(FORMATS.arrow, COLUMNS, cut(copyOf(rows), cuts)))).toEqual(rows.map(([id, note]) => [id, note]));
      }),
      { numRuns: 100 },
    );
  });

  it('come byte by byte, too', async () => {
    const bytes = copyOf([[1, 'a'], [null, 'é🚀'], [3, null]]);
    expect(rowsOf(await encoded(FORMATS.arrow, COLUMNS, Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))))).toEqual([[1, 'a'], [null, 'é🚀'], [3, null]]);
  });

  describe.each(['parquet', 'arrow'] as const)('that break off, as %s', (name) => {
    const format = FORMATS[name];
    const magic = name === 'parquet' ? Buffer.from('PAR1') : Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]); // the footer's last bytes; end of stream
    const bytes = copyOf(Array.from({ length: 35_000 }, (_, i): Row => [i, 'x']));

    it('end the complete file in its mark', async () => {
      expect((await encoded(format, COLUMNS, [bytes])).subarray(-magic.length)).toEqual(magic);
    });

    it.each([
      ['the stream fails', (source: PassThrough) => source.destroy(new Error('gone')), 'gone'],
      ['the stream just ends', (source: PassThrough) => source.end(), 'the rows broke off'],
    ])('never get the mark of a complete file when %s', async (_, breakOff, message) => {
      const source = new PassThrough();
      source.write(bytes.subarray(0, -2)); // all rows, without COPY's trailer
      const out: Buffer[] = [];
      const whole = pipeline(source, format.encoder(COLUMNS, []), async (given: AsyncIterable<Buffer>) => {
        for await (const chunk of given) {
          out.push(chunk);
          if (chunk.length > 10_000) setImmediate(breakOff, source); // the first batch is out
        }
      });
      await expect(whole).rejects.toThrow(message);
      expect(Buffer.concat(out).subarray(-magic.length)).not.toEqual(magic);
    });

    it('let others have their turn between batches', async () => {
      let turns = 0;
      const timer = setInterval(() => turns++, 1);
      await encoded(format, COLUMNS, [bytes]);
      clearInterval(timer);
      expect(turns).toBeGreaterThanOrEqual(1); // a batch is 30,000 rows of two columns
    });
  });
});

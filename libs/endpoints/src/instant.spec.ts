import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readDate, readInstant } from './instant.js';

const LOWER = { endOfDay: false, roundUp: true };
const UPPER = { endOfDay: true, roundUp: false };

describe('readInstant', () => {
  it.each([
    ['2022-04-14', '2022-04-14 00:00:00.000000+00', '2022-04-14 23:59:59.999999+00'],
    ['2024-02-29', '2024-02-29 00:00:00.000000+00', '2024-02-29 23:59:59.999999+00'],
    ['0001-01-01', '0001-01-01 00:00:00.000000+00', '0001-01-01 23:59:59.999999+00'],
    ['9999-12-31', '9999-12-31 00:00:00.000000+00', '9999-12-31 23:59:59.999999+00'],
    ['2022-04-14T13:10', '2022-04-14 13:10:00.000000+00', '2022-04-14 13:10:00.000000+00'],
    ['2022-04-14T13:10:17', '2022-04-14 13:10:17.000000+00', '2022-04-14 13:10:17.000000+00'],
    ['2022-04-14 13:10:17z', '2022-04-14 13:10:17.000000+00', '2022-04-14 13:10:17.000000+00'],
    ['2022-04-14t13:10:17.5Z', '2022-04-14 13:10:17.500000+00', '2022-04-14 13:10:17.500000+00'],
    ['2022-04-14T13:10:17.1234567Z', '2022-04-14 13:10:17.123457+00', '2022-04-14 13:10:17.123456+00'],
    ['2022-04-14T13:10:17.123456000Z', '2022-04-14 13:10:17.123456+00', '2022-04-14 13:10:17.123456+00'],
    ['2022-12-31T23:59:59.9999999Z', '2023-01-01 00:00:00.000000+00', '2022-12-31 23:59:59.999999+00'],
    ['2022-04-14T00:30:00+02:00', '2022-04-13 22:30:00.000000+00', '2022-04-13 22:30:00.000000+00'],
    ['2022-04-14T00:30:00-0545', '2022-04-14 06:15:00.000000+00', '2022-04-14 06:15:00.000000+00'],
    ['2022-04-14T00:30:00+02', '2022-04-13 22:30:00.000000+00', '2022-04-13 22:30:00.000000+00'],
    ['2022-04-14T00:30:00 02:00', '2022-04-13 22:30:00.000000+00', '2022-04-13 22:30:00.000000+00'], // an unescaped + of a query string
  ])('reads %s as a lower bound %s and an upper bound %s', (text, lower, upper) => {
    expect(readInstant(text, LOWER)).toBe(lower);
    expect(readInstant(text, UPPER)).toBe(upper);
  });

  it.each([
    '', ' ', 'now', 'today', 'infinity', '2022', '2022-04', '20220414', '1649941817', '2022-4-14', '2022-04-14 ', ' 2022-04-14', '2022-04-14T', '2022-04-14Z', '2022-04-14+02',
    '2022-02-30', '2021-02-29', '2100-02-29', '2022-13-01', '2022-00-10', '2022-04-00', '2022-04-31', '0000-01-01', '10000-01-01', '-001-01-01', '+2022-04-14',
    '2022-04-14T24:00:00', '2022-04-14T23:60', '2022-04-14T23:59:60Z', '2022-04-14T13', '2022-04-14T13:1:17', '2022-04-14T13:10:17.', '2022-04-14T13:10:17,5', '2022-04-14T13:10.5',
    '2022-04-14T13:10:17+24:00', '2022-04-14T13:10:17+02:60', '2022-04-14T13:10:17+2', '2022-04-14T13:10:17 UTC', '2022-04-14T13:10:17Zulu', '2022-04-14T13:10:17Z\n', '2022-04-14T13:10:17Z; drop',
    '0001-01-01T00:00:00+00:01', '9999-12-31T23:59:59-00:01', '9999-12-31T23:59:59.9999999Z', '２０２２-04-14', '2022‐04‐14',
  ])('refuses %j', (text) => {
    expect(() => readInstant(text, LOWER)).toThrow(expect.objectContaining({ name: 'ValueError' }));
  });

  it('agrees with exact arithmetic for any instant, offset and number of digits', () => {
    const parts = fc.record({
      seconds: fc.integer({ min: -62_135_510_400, max: 253_402_214_399 }), // a day inside the years 0001 to 9999: room for the offset
      fraction: fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 12 }),
      offset: fc.integer({ min: -1439, max: 1439 }),
    });
    fc.assert(
      fc.property(parts, ({ seconds, fraction, offset }) => {
        const local = new Date((seconds + offset * 60) * 1000).toISOString().slice(0, 19);
        const pad = (n: number): string => String(n).padStart(2, '0');
        const zone = `${offset < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(offset) / 60))}:${pad(Math.abs(offset) % 60)}`;
        const text = `${local}${fraction === '' ? '' : `.${fraction}`}${zone}`;
        const pico = BigInt(seconds) * 10n ** 12n + BigInt(fraction.padEnd(12, '0'));
        const floor = (a: bigint, b: bigint): bigint => a / b - (a % b < 0n ? 1n : 0n);
        expect(microseconds(readInstant(text, UPPER))).toBe(floor(pico, 10n ** 6n));
        expect(microseconds(readInstant(text, LOWER))).toBe(-floor(-pico, 10n ** 6n));
      }),
      { numRuns: 2_000 },
    );
  });

  it('never takes anything for an instant that is not spelled like one', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789-:.TtZz+ e\u0660'), maxLength: 30 }), (text) => {
        try {
          expect(readInstant(text, LOWER)).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00$/);
          expect(text).toMatch(/^\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d.*)?$/);
        } catch (error) {
          expect((error as Error).name).toBe('ValueError');
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

it('readDate takes days of the calendar only', () => {
  expect(readDate('2024-02-29')).toBe('2024-02-29');
  for (const text of ['2023-02-29', '2023-02-28T00:00', '', '2023-2-8', '0000-01-01']) expect(() => readDate(text)).toThrow(expect.objectContaining({ name: 'ValueError' }));
});

function microseconds(instant: string): bigint {
  const [, seconds, micros] = /^(.*)\.(\d{6})\+00$/.exec(instant) ?? [];
  return BigInt(Date.parse(`${String(seconds).replace(' ', 'T')}Z`)) * 1000n + BigInt(micros ?? 'x');
}

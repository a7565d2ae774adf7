import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JsonText } from './json-text.js';

const MICROS_TO_2000 = 946_684_800_000_000n;

function doubleText(value: number): string {
  const text = new JsonText();
  text.double(value);
  return text.take().toString();
}

function instantText(millis: number, micros: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(millis) * 1_000n + BigInt(micros) - MICROS_TO_2000);
  const text = new JsonText();
  text.instant(bytes, 0);
  return text.take().toString();
}

describe('JSON text', () => {
  it('of a number is as JavaScript writes it', () => {
    const decimal = fc.tuple(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.integer({ min: 0, max: 8 })).map(([digits, places]) => digits / 10 ** places);
    const nextTo = decimal.chain((value) => fc.constantFrom(value * (1 + Number.EPSILON), value * (1 - Number.EPSILON)));
    const edge = fc.tuple(fc.constantFrom(1e-7, 1e-6, 1e-4, 0.00005, 0.9999, 9_999.9999, 2 ** 31, 2 ** 32, 1e15, 1e21), fc.integer({ min: -3, max: 3 })).map(([value, step]) => value + (step * value) / 10_000);
    fc.assert(
      fc.property(fc.oneof(decimal, nextTo, edge, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(2 ** 31 - 1, 2 ** 31 - 0.5, -(2 ** 31), 0.1 + 0.2)), (value) => {
        expect(doubleText(value)).toBe(Object.is(value, -0) ? '-0' : JSON.stringify(value));
      }),
      { numRuns: 20_000 },
    );
  });

  it('of an instant is as JavaScript writes it, digits below the millisecond cut', () => {
    const millis = fc.integer({ min: Date.parse('0001-01-01T00:00:00.000Z'), max: Date.parse('9999-12-31T23:59:59.999Z') });
    fc.assert(
      fc.property(fc.array(fc.tuple(millis, fc.integer({ min: 0, max: 999 })), { minLength: 1, maxLength: 5 }), (instants) => {
        for (const [at, micros] of instants) expect(instantText(at, micros)).toBe(JSON.stringify(new Date(at)));
      }),
      { numRuns: 5_000 },
    );
  });

  it('of instants one after another is that of each', () => {
    const text = new JsonText();
    const bytes = Buffer.alloc(8);
    const times = ['2022-04-14T23:59:59.999Z', '2022-04-15T00:00:00.000Z', '0001-01-01T00:00:00.000Z', '9999-12-31T01:02:03.004Z', '2022-04-14T00:00:00.001Z'];
    for (const time of times) {
      bytes.writeBigInt64BE(BigInt(Date.parse(time)) * 1_000n - MICROS_TO_2000);
      text.instant(bytes, 0);
    }
    expect(text.take().toString()).toBe(times.map((time) => `"${time}"`).join(''));
  });
});

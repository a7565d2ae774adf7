import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { scanLines } from './line-grammar.js';
import type { Precision } from './line-limits.js';

const UNITS: Record<Precision, bigint> = { s: 1n, ms: 1_000n, us: 1_000_000n, ns: 1_000_000_000n };

/** The grammar of design.md as plainly as it can be said: text, one pattern, BigInt and Number. */
function referenceAccepts(line: string, precision: Precision): boolean {
  if (Buffer.byteLength(line) > 4096) return false;
  const match = /^[ \t]*([0-9]+)[ \t]+([A-Za-z][A-Za-z0-9_.:/-]*)[ \t]+([-+]?([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?)[ \t]*$/.exec(line);
  if (match === null) return false;
  const [, timestamp = '', name = '', value = '', mantissa = ''] = match;
  if (BigInt(timestamp) >= 253_402_300_800n * UNITS[precision]) return false;
  if (name.length > 128) return false;
  return Number.isFinite(Number(value)) && (Number(value) !== 0 || /^[0.]*$/.test(mantissa));
}

/** Accepted lines as text and the numbers of the rejected ones. */
function reference(body: string, precision: Precision): { accepted: string[]; rejected: number[] } {
  const lines = body.split('\n').map((line, i, all) => (i < all.length - 1 && line.endsWith('\r') ? line.slice(0, -1) : line));
  const accepted: string[] = [];
  const rejected: number[] = [];
  lines.forEach((line, i) => {
    if (Buffer.byteLength(line) <= 4096 && /^[ \t]*$/.test(line)) return;
    if (referenceAccepts(line, precision)) accepted.push(line);
    else rejected.push(i + 1);
  });
  return { accepted, rejected };
}

function scan(body: Buffer | string, precision: Precision = 's'): { accepted: string[]; rejected: number[]; codes: string[]; columns: number[]; total: number } {
  const bytes = Buffer.from(body);
  const { ranges, errors, lines, totalErrors, bytes: size } = scanLines(bytes, precision);
  const accepted: string[] = [];
  for (let i = 0; i < ranges.length; i += 2) accepted.push(bytes.toString('utf8', ranges[i], ranges[i + 1]));
  expect(accepted).toHaveLength(lines);
  expect(Buffer.byteLength(accepted.join(''))).toBe(size);
  return { accepted, rejected: errors.map((e) => e.line), codes: errors.map((e) => e.code), columns: errors.map((e) => e.column), total: totalErrors };
}

const fault = (line: string, precision: Precision = 's'): [string, number] => {
  const { codes, columns } = scan(line, precision);
  return [codes[0] ?? 'accepted', columns[0] ?? 0];
};
const detail = (line: string, precision: Precision = 's'): string => scanLines(Buffer.from(line), precision).errors[0]?.detail ?? '';

const precision = fc.constantFrom<Precision>('s', 'ms', 'us', 'ns');
const blanks = fc.constantFrom(' ', '  ', '\t', ' \t ', '');
const digits = fc.oneof(
  fc.bigInt({ min: 0n, max: 300_000_000_000n * 1_000_000_000n }).map(String),
  fc.tuple(fc.constantFrom('', '0', '000'), fc.constantFrom(253_402_300_799n, 253_402_300_800n), fc.constantFrom('', '000', '999', '999999', '999999999')).map(([zeros, n, tail]) => `${zeros}${n}${tail}`),
  fc.constantFrom('', '-1', '+1', '1.5', '0', '9'.repeat(25), '2022-04-14', '１２'),
);
const name = fc.oneof(
  fc.constantFrom('Voltage', 'a', 'a/b:c.d-e_f', 'é', '1a', '_a', 'a b', `n${'x'.repeat(127)}`, `n${'x'.repeat(128)}`, ''),
  fc.string({ unit: fc.constantFrom(...'aZ09_.:/-é,'), maxLength: 6 }),
);
const value = fc.oneof(
  fc.double({ noNaN: false }).map(String),
  fc.constantFrom('0x10', '', '1e400', '1e-400', '1_000', '1,34', '+.5', '5.', '.', '1e', '-0', '5e-324', '2e-324', '3e-324', '0e999', '-0.0e-999', 'NaN', 'Infinity', '-inf', '--1', '1e+', '1.7976931348623157e308', '1.7976931348623159e308', '１'),
  fc.string({ unit: fc.constantFrom(...'0159+-.eE_,x'), maxLength: 8 }),
  fc.tuple(fc.constantFrom('0', '1', '9'), fc.integer({ min: 295, max: 330 }), fc.constantFrom('', '.5', 'e-330', 'e5')).map(([d, n, tail]) => d.repeat(n) + tail),
  fc.tuple(fc.integer({ min: 295, max: 330 }), fc.constantFrom('0', '1', 'e10')).map(([n, tail]) => `0.${'0'.repeat(n)}${tail}`),
);
const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(blanks, digits, blanks, name, blanks, value, blanks).map((parts) => parts.join('')) },
  { weight: 2, arbitrary: fc.tuple(fc.bigInt({ min: 0n, max: 253_402_300_799n }), fc.double({ noNaN: true, noDefaultInfinity: true })).map(([t, v]) => `${t} Voltage ${v}`) },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', '\t', '\r', 'a\rb', `1 a ${'1'.repeat(4092)}`, `1 a 1${' '.repeat(4091)}`, `1 a 1${' '.repeat(4092)}`, ' '.repeat(4097)) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replaceAll('\n', '')) },
);
const body = fc.array(fc.tuple(line, fc.constantFrom('\n', '\n', '\r\n', '\r\r\n', '\n\n')), { maxLength: 8 }).chain((lines) =>
  fc.boolean().map((finalLineEnd) => lines.map(([text, end], i) => (i === lines.length - 1 && !finalLineEnd ? text : text + end)).join('')),
);

describe('line grammar against the slow reference', () => {
  it('accepts the same lines of whole bodies, and rejects the others by number', () => {
    fc.assert(fc.property(body, precision, (text, unit) => {
      const { accepted, rejected } = scan(text, unit);
      expect({ accepted, rejected }).toEqual(reference(text, unit));
    }), { numRuns: 3_000 });
  });

  it('agrees on single mutated bytes of good lines', () => {
    fc.assert(fc.property(fc.nat(), fc.integer({ min: 0, max: 127 }), precision, (at, byte, unit) => {
      const bytes = Buffer.from('1649941817 Voltage -1.34e2\r\n1649941818\tCurrent  12\n');
      bytes[at % bytes.length] = byte;
      const { accepted, rejected } = scan(bytes, unit);
      expect({ accepted, rejected }).toEqual(reference(bytes.toString('utf8'), unit));
    }), { numRuns: 3_000 });
  });

  it('never accepts a byte outside ASCII, whatever stands around it', () => {
    fc.assert(fc.property(fc.nat(), fc.integer({ min: 128, max: 255 }), (at, byte) => {
      const bytes = Buffer.from('1649941817 Voltage 1.34');
      bytes[at % bytes.length] = byte;
      expect(scanLines(bytes, 's')).toMatchObject({ lines: 0, totalErrors: 1 });
    }));
  });
});

describe('line grammar, case by case', () => {
  it.each(['1 a 1', '0 a -0', '1 a +.5', '1 a 5.', '1 a 1e5', '1 a 1E-7', '1 a 5e-324', '1 a 0e400', '0001649941817 a 1', ' 1\ta \t1 ', '253402300799 a 1', `1 ${'n'.repeat(128)} 1`])('accepts %j', (text) => {
    expect(scan(text).accepted).toEqual([text]);
  });

  it.each([
    ['253402300799999', 'ms'],
    ['253402300799999999', 'us'],
    ['253402300799999999999', 'ns'],
    ['0', 'ns'],
  ] as const)('accepts timestamp %s in %s', (timestamp, unit) => {
    expect(scan(`${timestamp} a 1`, unit).accepted).toHaveLength(1);
    expect(fault(`${BigInt(timestamp) + 1_000_000n * UNITS[unit] * 253_402_300_799n} a 1`, unit)[0]).toBe('timestamp-out-of-range');
  });

  it.each([
    ['x a 1', 'invalid-timestamp', 1],
    ['-1 a 1', 'invalid-timestamp', 1],
    ['12x a 1', 'invalid-timestamp', 3],
    ['1649941817.5 a 1', 'invalid-timestamp', 11],
    ['253402300800 a 1', 'timestamp-out-of-range', 1],
    ['1649941817', 'missing-field', 11],
    ['1649941817 Voltage  ', 'missing-field', 19],
    ['1 a 1 x', 'extra-field', 7],
    ['1 é 1', 'invalid-name', 3],
    ['1 aé 1', 'invalid-name', 4],
    ['1 2a 1', 'invalid-name', 3],
    [`1 ${'n'.repeat(129)} 1`, 'name-too-long', 131],
    ['1 a 1,34', 'decimal-comma', 6],
    ['1 a 0x10', 'hexadecimal', 5],
    ['1 a 1_000', 'digit-separator', 6],
    ['1 a NaN', 'not-finite', 5],
    ['1 a -Infinity', 'not-finite', 5],
    ['1 a 1e400', 'overflow', 5],
    ['1 a 1e-400', 'underflow', 5],
    ['1 a .', 'invalid-value', 5],
    ['1 a 1e', 'invalid-value', 5],
    ['1 a 1.2.3', 'invalid-value', 5],
    ['\uFEFF1 a 1', 'byte-order-mark', 1],
    ['1 a 1\r2 b 2', 'lone-carriage-return', 6],
    ['1 a 1\r', 'lone-carriage-return', 6],
    [`1 a 1${' '.repeat(4092)}`, 'line-too-long', 1],
    ['1649941817 Voltage 1.341649941818 Voltage 1.35', 'glued-lines', 35],
    ['1649941817 Voltage 1.34 1649941818 Voltage 1.35', 'glued-lines', 25],
    ['\té😀 a 1', 'invalid-timestamp', 2],
    ['1 a é😀,1', 'decimal-comma', 7],
  ])('rejects %j as %s at column %i', (text, code, column) => {
    expect(fault(text)).toEqual([code, column]);
  });

  it('names the precision that a large timestamp looks like', () => {
    expect(detail('1649941817000 a 1')).toContain('?precision=ms');
    expect(detail('1649941817000000 a 1')).toContain('?precision=us');
    expect(detail('1649941817000000000 a 1')).toContain('?precision=ns');
    expect(detail('1649941817000000 a 1', 'ms')).toContain('?precision=us');
    expect(detail(`${'9'.repeat(30)} a 1`)).toContain('9999-12-31');
  });

  it('names the way out for glued lines', () => {
    expect(detail('1649941817 Voltage 1.341649941818 Voltage 1.35')).toContain('--data-binary');
  });

  it('skips blank lines, takes CR LF, and needs no final line end', () => {
    expect(scan('\n \t\r\n1 a 1\r\n\r\n2 b 2')).toMatchObject({ accepted: ['1 a 1', '2 b 2'], total: 0 });
  });

  it('lists the first hundred rejected lines and counts all', () => {
    const { rejected, total, accepted } = scan(`${'x\n'.repeat(250)}1 a 1\n`);
    expect({ listed: rejected.length, last: rejected.at(-1), total, accepted }).toEqual({ listed: 100, last: 100, total: 250, accepted: ['1 a 1'] });
  });
});

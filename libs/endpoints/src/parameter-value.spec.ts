import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Parameter } from './parameter.js';
import { readValue } from './parameter-value.js';

const parameter = (type: Parameter['type'], more: Partial<Parameter> = {}): Parameter => ({ name: 'p', type, required: false, description: 'P.', endOfDay: false, ...more });
const read = (wanted: Parameter, ...texts: string[]): string => readValue(wanted, texts, [wanted]);

describe('readValue', () => {
  it.each<[Parameter['type'], string, string]>([
    ['number', '5', '5'], ['number', '-0.50', '-0.5'], ['number', '1e3', '1000'], ['number', '1E+2', '100'], ['number', '0.1', '0.1'], ['number', '-0', '0'], ['number', '0e999', '0'],
    ['number', '1.7976931348623157e308', '1.7976931348623157e+308'], ['number', '5e-324', '5e-324'], ['number', '007', '7'],
    ['integer', '0', '0'], ['integer', '-007', '-7'], ['integer', '9223372036854775807', '9223372036854775807'], ['integer', '-9223372036854775808', '-9223372036854775808'],
    ['boolean', 'true', 'true'], ['boolean', 'false', 'false'], ['date', '2022-04-14', '2022-04-14'], ['timestamp', '2022-04-14T12:00+02:00', '2022-04-14 10:00:00.000000+00'],
  ])('%s reads %s as %s', (type, text, expected) => {
    expect(read(parameter(type), text)).toBe(expected);
  });

  it.each<[Parameter['type'], string[], string]>([
    ['number', [' 5', '+5', '5 ', '0x10', '1_000', '1,5', 'NaN', 'Infinity', '-Infinity', '.5', '5.', '1e', '--1', '٣', 'e5', '1e5.0'], 'must be a decimal number, e.g. 1.5 or -2e3'],
    ['number', ['1e400', '-1e400', '9'.repeat(400)], 'is too large for a double precision number'],
    ['number', ['1e-400', '-0.1e-999'], 'is too close to zero for a double precision number'],
    ['integer', [' 5', '+5', '1.0', '1e3', '0x10', 'NaN', '٣', '1_000'], 'must be a whole number, e.g. 10'],
    ['integer', ['9223372036854775808', '-9223372036854775809', '9'.repeat(999)], 'must be from -9223372036854775808 to 9223372036854775807'],
    ['boolean', ['1', 'TRUE', 'yes', 't', ' true'], 'must be true or false'],
    ['text', [''], 'is empty; leave it out instead'],
    ['text', ['a\0'], 'holds a NUL character'],
    ['text', ['x'.repeat(1001)], 'is longer than 1000 characters'],
  ])('%s refuses %j', (type, texts, message) => {
    for (const text of texts) expect(() => read(parameter(type), text)).toThrow(expect.objectContaining({ name: 'ValueError', message }));
  });

  it.each<[Partial<Parameter> & Pick<Parameter, 'type'>, string[], string[], string]>([
    [{ type: 'integer', minimum: '1', maximum: '10' }, ['1', '10'], ['0', '11', '-9223372036854775808', '9'.repeat(30)], 'must be from 1 to 10'],
    [{ type: 'integer', minimum: '9223372036854775806' }, ['9223372036854775806', '9223372036854775807'], ['9223372036854775805'], 'must be at least 9223372036854775806'],
    [{ type: 'number', minimum: '-0.5', maximum: '9' }, ['-0.5', '9', '1e-3'], ['-0.51', '10'], 'must be from -0.5 to 9'],
    [{ type: 'date', maximum: '2022-12-31' }, ['2022-12-31', '0001-01-01'], ['2023-01-01'], 'must be at most 2022-12-31'],
    [{ type: 'timestamp', minimum: '2022-01-01 00:00:00.000000+00' }, ['2022-01-01', '2022-01-01T01:00+01:00'], ['2021-12-31T23:59:59.999999Z'], 'must be at least 2022-01-01T00:00:00Z'],
  ])('keeps the bounds of %j, themselves included', (more, good, bad, message) => {
    for (const text of good) expect(read(parameter(more.type, more), text)).toBeDefined();
    for (const text of bad) expect(() => read(parameter(more.type, more), text)).toThrow(message);
  });

  it('takes a word of an enum, and names them all', () => {
    const bucket = parameter('enum', { values: ['hour', 'day'] });
    expect(read(bucket, 'day')).toBe('day');
    expect(() => read(bucket, 'Day')).toThrow('must be one of hour, day; did you mean day?');
    expect(() => read(bucket, 'week')).toThrow(/^must be one of hour, day$/);
  });

  it('reads a list, separated by commas or repeated, each item once', () => {
    const names = parameter('list', { of: 'text', maxItems: 3 });
    expect(read(names, 'a')).toBe('{"a"}');
    expect(read(names, 'b,a', 'c', 'a')).toBe('{"b","a","c"}');
    expect(read(names, 'null', '"x\\', '{}')).toBe('{"null","\\"x\\\\","{}"}');
    expect(read(parameter('list', { of: 'integer' }), '1,01,2')).toBe('{"1","2"}');
    expect(() => read(names, '')).toThrow('is empty');
    expect(() => read(names, 'a,')).toThrow('has an empty item; items are separated by one comma');
    expect(() => read(names, 'a,b,c,d')).toThrow('has 4 items; at most 3 are taken');
    expect(() => read(parameter('list', { of: 'integer', minimum: '1' }), '1,0')).toThrow('has an item (0) that must be at least 1');
    expect(() => read(parameter('list', { of: 'integer' }), 'x'.repeat(500))).toThrow(`has an item (${'x'.repeat(40)}…) that must be a whole number`);
  });

  it('gives the number a double is, whatever its notation', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: 17, max: 30 }), (value, digits) => {
        expect(Number(read(parameter('number'), value.toExponential(Math.min(digits, 20))))).toBe(value === 0 ? 0 : value);
      }),
    );
  });
});

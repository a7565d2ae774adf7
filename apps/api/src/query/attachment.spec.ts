import { FORMATS, type Parameter } from '@ingot/endpoints';
import { describe, expect, it } from '@jest/globals';
import { contentDisposition } from './attachment.js';

const parameters = [
  { name: 'from', type: 'timestamp' },
  { name: 'to', type: 'timestamp' },
  { name: 'device', type: 'text' },
  { name: 'day', type: 'date' },
] as unknown as Parameter[];
const named = (values: Record<string, string | null>, name = 'data', download?: boolean, format = FORMATS.csv): string | undefined =>
  contentDisposition({ name, parameters }, { values: new Map(Object.entries(values)), ...(download === undefined ? {} : { download }) }, format);

describe('contentDisposition', () => {
  it('names the endpoint, its range and the format', () => {
    expect(named({ from: '2022-04-14 00:00:00.000000+00', to: '2022-04-15 23:59:59.999999+00', device: 'pump "7"', day: null })).toBe('attachment; filename="data_2022-04-14_2022-04-15.csv"');
    expect(named({ from: '2022-04-14 13:10:17.000000+00', to: '2022-04-14 20:00:00.250000+00', day: '2022-04-16' })).toBe('attachment; filename="data_2022-04-14T131017Z_2022-04-14T200000.25Z_2022-04-16.csv"');
    expect(named({})).toBe('attachment; filename="data.csv"');
  });

  it('holds nothing but safe characters', () => {
    expect(named({ day: '2022"\r\nx: y' }, 'größe; x="1"')).toBe('attachment; filename="gr--e--x--1-_2022---x-TyZ.csv"');
  });

  it('is there for files, and for what is shown when asked for', () => {
    expect([FORMATS.json, FORMATS.ndjson].map((format) => named({}, 'data', undefined, format))).toEqual([undefined, undefined]);
    expect([FORMATS.parquet, FORMATS.arrow].map((format) => named({}, 'data', undefined, format))).toEqual(['attachment; filename="data.parquet"', 'attachment; filename="data.arrows"']);
    expect(named({}, 'data', true, FORMATS.json)).toBe('attachment; filename="data.json"');
    expect(named({}, 'data', false, FORMATS.csv)).toBeUndefined();
  });
});

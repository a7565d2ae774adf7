import { FORMAT_NAMES } from '@ingot/endpoints';
import { describe, expect, it } from '@jest/globals';
import { negotiate } from './negotiate.js';

const ALL = { path: '/data', formats: FORMAT_NAMES };
const chosen = (accept: string | undefined, endpoint: Parameters<typeof negotiate>[0] = ALL): string => negotiate(endpoint, {}, accept).name;

describe('negotiate', () => {
  it.each([
    [undefined, 'json'], ['', 'json'], ['*/*', 'json'], ['application/*', 'json'], ['text/*', 'csv'],
    ['application/json', 'json'], ['application/x-ndjson', 'ndjson'], ['text/csv', 'csv'], ['application/vnd.apache.parquet', 'parquet'], ['application/vnd.apache.arrow.stream', 'arrow'],
    ['Text/CSV', 'csv'], ['text/csv; charset=utf-8', 'csv'], ['text/csv;charset=UTF-8;header=present', 'csv'], ['application/x-ndjson; charset=utf-8', 'ndjson'], ['application/json;charset=utf-8', 'json'],
    ['text/csv;q=0.5, application/x-ndjson', 'ndjson'], ['text/csv, application/x-ndjson;q=0.9', 'csv'], ['application/json;q=0, */*;q=0.1', 'ndjson'], ['text/csv;q=0.2, */*;q=0.8', 'json'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8', 'json'], // a browser
    ['application/vnd.apache.arrow.stream, application/json;q=0.5', 'arrow'], ['nonsense, text/csv', 'csv'],
  ])('Accept: %s gives %s', (accept, format) => {
    expect(chosen(accept)).toBe(format);
  });

  it('prefers what the endpoint names first among equals', () => {
    const endpoint = { path: '/data', formats: ['csv', 'json'] as const };
    expect([undefined, '*/*', 'application/json, text/csv;q=0.9'].map((accept) => chosen(accept, endpoint))).toEqual(['csv', 'csv', 'json']);
  });

  it('takes format= before Accept', () => {
    expect(negotiate(ALL, { format: 'csv' }, 'application/json').name).toBe('csv');
  });

  it.each(['text/html', 'application/json;q=0', 'image/*', 'nonsense', 'text/csv; header=absent', '*/*;q=0'])('refuses %s and lists what there is', (accept) => {
    expect(() => negotiate({ path: '/data', formats: ['json', 'csv'] }, {}, accept)).toThrow(expect.objectContaining({ code: 'not-acceptable', message: '/data is offered as application/json and text/csv.' }));
  });
});

import { describe, expect, it } from '@jest/globals';
import type { Parameter } from './parameter.js';
import { ParameterError, readRequest, type EndpointRequest } from './request-parameters.js';

const parameter = (name: string, more: Partial<Parameter> = {}): Parameter => ({ name, type: 'text', required: false, description: `the ${name}`, endOfDay: false, ...more });
const ENDPOINT = {
  formats: ['json', 'csv'] as const,
  arms: [],
  parameters: [
    parameter('from', { type: 'timestamp', required: true }),
    parameter('to', { type: 'timestamp', required: true, endOfDay: true, notBefore: 'from' }),
    parameter('name'),
    parameter('day', { type: 'date', default: '2022-04-14' }),
    parameter('names', { type: 'list', of: 'text', maxItems: 3 }),
  ],
};
const PAGED = { ...ENDPOINT, parameters: [parameter('name')], page: { defaultLimit: 100, maxLimit: 1000 }, arms: [{ order: ['a'] }] as never };
type Given = Record<string, string | string[]>;
const urlOf = (query: Given): string => `/x?${new URLSearchParams(Object.entries(query).flatMap(([name, given]) => [given].flat().map((value): [string, string] => [name, value]))).toString()}`;
const RANGE = { from: '2022-04-14', to: '2022-04-14' };
const read = (query: Given): Record<string, string | null> => Object.fromEntries(readRequest(ENDPOINT, urlOf(query)).values);
function refusals(url: string, endpoint: Parameters<typeof readRequest>[0] = ENDPOINT): ParameterError['problems'] {
  try {
    readRequest(endpoint, url);
  } catch (error) {
    if (error instanceof ParameterError) return error.problems;
    throw error;
  }
  return [];
}
const codes = (url: string, endpoint?: Parameters<typeof readRequest>[0]): unknown[] => refusals(url, endpoint).map(({ parameter: name, code }) => [name, code]);

describe('readRequest', () => {
  it('gives every declared parameter a value: the one given, the default, or null', () => {
    expect(read(RANGE)).toEqual({ from: '2022-04-14 00:00:00.000000+00', to: '2022-04-14 23:59:59.999999+00', name: null, day: '2022-04-14', names: null });
    expect(read({ from: '2022-04-14T01:00', to: '2022-04-14T02:00', name: "O'Hara", day: '2022-04-15', names: ['a,b', 'c'] })).toEqual({
      from: '2022-04-14 01:00:00.000000+00', to: '2022-04-14 02:00:00.000000+00', name: "O'Hara", day: '2022-04-15', names: '{"a","b","c"}',
    });
  });

  it.each<[string, 'timestamp' | 'date', string, string, boolean]>([
    ['two days of timestamps', 'timestamp', '2022-04-14', '2022-04-15', true],
    ['a millisecond more than two days', 'timestamp', '2022-04-14T00:00', '2022-04-16T00:00:00.001', false],
    ['three days', 'timestamp', '2022-04-14', '2022-04-16', false],
    ['two dates', 'date', '2022-04-14', '2022-04-15', true],
    ['three dates', 'date', '2022-04-14', '2022-04-16', false],
    ['all of time', 'timestamp', '0001-01-01', '9999-12-31', false],
  ])('holds a range to max_span: %s', (_, type, from, to, fits) => {
    const endpoint = { ...ENDPOINT, parameters: [parameter('from', { type }), parameter('to', { type, endOfDay: type === 'timestamp', notBefore: 'from', maxSpan: { text: '2d', ms: 172_800_000 } })] };
    const found = refusals(urlOf({ from, to }), endpoint);
    expect(found.map(({ parameter: name, code }) => [name, code])).toEqual(fits ? [] : [['to', 'too-wide']]);
    if (!fits) expect(found[0]?.detail).toBe(`(${to}) makes a range wider than 2d from from (${from}); ask for it in parts`);
  });

  it('lets a range be one instant, and one microsecond', () => {
    expect(codes(urlOf({ from: '2022-04-14T01:00:00.000001Z', to: '2022-04-14T01:00:00.000001Z' }))).toEqual([]);
  });

  it.each<[string, Given, unknown[]]>([
    ['missing', {}, [['from', 'missing'], ['to', 'missing']]],
    ['invalid', { from: 'x', to: '2022-02-30' }, [['from', 'invalid'], ['to', 'invalid']]],
    ['empty', { from: '', to: '2022-04-14', name: '', format: '' }, [['from', 'invalid'], ['name', 'invalid'], ['format', 'invalid']]],
    ['repeated', { from: ['2022-04-14', '2022-04-14'], to: '2022-04-14' }, [['from', 'repeated']]],
    ['a NUL', { ...RANGE, name: 'a\0b' }, [['name', 'invalid']]],
    ['too long', { ...RANGE, name: 'x'.repeat(1001) }, [['name', 'invalid']]],
    ['too many items', { ...RANGE, names: ['a,b', 'c,d'] }, [['names', 'invalid']]],
    ['out of order', { from: '2022-04-15', to: '2022-04-14' }, [['from', 'order']]],
    ['out of order by a nanosecond', { from: '2022-04-14T00:00:00.000000001Z', to: '2022-04-14T00:00:00Z' }, [['from', 'order']]],
    ['unknown', { ...RANGE, nmae: 'x' }, [['nmae', 'unknown']]],
    ['a format not offered', { ...RANGE, format: 'parquet' }, [['format', 'invalid']]],
    ['a repeated format', { ...RANGE, format: ['json', 'json'] }, [['format', 'repeated']]],
    ['pages of an endpoint that has none', { ...RANGE, limit: '10', cursor: 'x' }, [['limit', 'unknown'], ['cursor', 'unknown']]],
    ['several at once', { frm: '1', to: 'x', day: '2022-04-31' }, [['frm', 'unknown'], ['from', 'missing'], ['to', 'invalid'], ['day', 'invalid']]],
    ['a name of the prototype', { ...RANGE, constructor: 'x', __proto__: 'y' }, [['constructor', 'unknown']]],
  ])('reports %s', (_, query, expected) => {
    expect(codes(urlOf(query))).toEqual(expected);
  });

  it.each([
    ['name=%ff', [['name', 'invalid']]],
    ['name=%E2%82', [['name', 'invalid']]],
    ['name=%', [['name', 'invalid']]],
    ['name=%ED%A0%80', [['name', 'invalid']]], // half of a surrogate pair
    ['names=a&names=%ff', [['names', 'invalid']]],
    ['%ff=1', [['%ff', 'unknown']]],
    ['format=%ff', [['format', 'invalid']]],
    ['name=%E2%82%AC', []],
  ])('reads UTF-8 in percent-encoding and nothing else: %s', (query, expected) => {
    expect(codes(`/x?from=2022-04-14&to=2022-04-14&${query}`)).toEqual(expected);
  });

  it('reads a query string as browsers and curl write it', () => {
    const values = (query: string): unknown => readRequest({ ...ENDPOINT, parameters: [parameter('name'), parameter('b')] }, `/x${query}`).values;
    expect(values('?name=a+b%2Bc&&b=x=y')).toEqual(new Map([['name', 'a b+c'], ['b', 'x=y']]));
    expect(values('?')).toEqual(values(''));
  });

  it('reads limit and cursor of an endpoint with pages', () => {
    const request = (query: string): EndpointRequest => readRequest(PAGED, `/x?${query}`);
    const values = new Map([['name', null]]);
    expect([request(''), request('limit=1'), request('limit=1000&cursor=abc&format=csv')]).toEqual([
      { values, limit: 100 }, { values, limit: 1 }, { values, limit: 1000, cursor: 'abc', format: 'csv' },
    ]);
    for (const limit of ['0', '1001', '-1', '1e2', '', 'x', '1.5']) expect(codes(`/x?limit=${limit}`, PAGED)).toEqual([['limit', 'invalid']]);
    expect(refusals('/x?limit=5000&cursor=', PAGED)).toEqual([
      { parameter: 'limit', code: 'invalid', detail: 'must be from 1 to 1000' }, { parameter: 'cursor', code: 'invalid', detail: 'is empty; leave it out instead' },
    ]);
    expect(refusals('/x?curser=a', PAGED)[0]?.detail).toBe('is not a parameter; did you mean cursor?');
  });

  it('says which parameter was probably meant', () => {
    expect(refusals('/x?frm=1&from=2022-04-14&to=2022-04-14')[0]?.detail).toBe('is not a parameter; did you mean from?');
    expect(refusals('/x?verbose=1&from=2022-04-14&to=2022-04-14')[0]?.detail).toBe('is not a parameter; known are from, to, name, day, names, format, download');
  });

  it('tells both ends of a range that is the wrong way round', () => {
    expect(refusals(urlOf({ from: '2022-04-15', to: '2022-04-14' }))[0]?.detail).toBe('(2022-04-15) is after to (2022-04-14)');
  });

  it('keeps its answer small when thousands of names are wrong', () => {
    expect(refusals(`/x?${Array.from({ length: 5000 }, (_, i) => `p${i}`).join('&')}`)).toHaveLength(100);
  });
});

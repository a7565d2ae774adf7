import { describe, expect, it } from '@jest/globals';
import type { Parameter } from './parameter.js';
import { ParameterError, readRequest, type Query } from './request-parameters.js';

const parameter = (name: string, more: Partial<Parameter> = {}): Parameter => ({ name, type: 'text', required: false, description: `the ${name}`, endOfDay: false, ...more });
const ENDPOINT = {
  formats: ['json'] as const,
  parameters: [
    parameter('from', { type: 'timestamp', required: true }),
    parameter('to', { type: 'timestamp', required: true, endOfDay: true, notBefore: 'from' }),
    parameter('name'),
    parameter('day', { type: 'date', default: '2022-04-14' }),
  ],
};
const read = (query: Query): Record<string, string | null> => Object.fromEntries(readRequest(ENDPOINT, query).values);
const problems = (query: Query): unknown[] => {
  try {
    readRequest(ENDPOINT, query);
  } catch (error) {
    if (error instanceof ParameterError) return error.problems.map(({ parameter: name, code }) => [name, code]);
    throw error;
  }
  return [];
};

describe('readRequest', () => {
  it('gives every declared parameter a value: the one given, the default, or null', () => {
    expect(read({ from: '2022-04-14', to: '2022-04-14' })).toEqual({ from: '2022-04-14 00:00:00.000000+00', to: '2022-04-14 23:59:59.999999+00', name: null, day: '2022-04-14' });
    expect(read({ from: '2022-04-14T01:00', to: '2022-04-14T02:00', name: "O'Hara", day: '2022-04-15' })).toEqual({
      from: '2022-04-14 01:00:00.000000+00', to: '2022-04-14 02:00:00.000000+00', name: "O'Hara", day: '2022-04-15',
    });
  });

  it('lets a range be one instant, and one microsecond', () => {
    expect(problems({ from: '2022-04-14T01:00:00.000001Z', to: '2022-04-14T01:00:00.000001Z' })).toEqual([]);
  });

  it.each<[string, Query, unknown[]]>([
    ['missing', {}, [['from', 'missing'], ['to', 'missing']]],
    ['invalid', { from: 'x', to: '2022-02-30' }, [['from', 'invalid'], ['to', 'invalid']]],
    ['empty', { from: '', to: '2022-04-14', name: '' }, [['from', 'invalid'], ['name', 'invalid']]],
    ['repeated', { from: ['2022-04-14', '2022-04-14'], to: '2022-04-14' }, [['from', 'repeated']]],
    ['a NUL', { from: '2022-04-14', to: '2022-04-14', name: 'a\0b' }, [['name', 'invalid']]],
    ['too long', { from: '2022-04-14', to: '2022-04-14', name: 'x'.repeat(1001) }, [['name', 'invalid']]],
    ['out of order', { from: '2022-04-15', to: '2022-04-14' }, [['from', 'order']]],
    ['out of order by a nanosecond', { from: '2022-04-14T00:00:00.000000001Z', to: '2022-04-14T00:00:00Z' }, [['from', 'order']]],
    ['unknown', { from: '2022-04-14', to: '2022-04-14', nmae: 'x' }, [['nmae', 'unknown']]],
    ['a format not offered', { from: '2022-04-14', to: '2022-04-14', format: 'xml' }, [['format', 'invalid']]],
    ['a repeated format', { from: '2022-04-14', to: '2022-04-14', format: ['json', 'json'] }, [['format', 'repeated']]],
    ['several at once', { frm: '1', to: 'x', day: '2022-04-31' }, [['frm', 'unknown'], ['from', 'missing'], ['to', 'invalid'], ['day', 'invalid']]],
    ['a name of the prototype', { from: '2022-04-14', to: '2022-04-14', constructor: 'x' }, [['constructor', 'unknown']]],
  ])('reports %s', (_, query, expected) => {
    expect(problems(query)).toEqual(expected);
  });

  it('says which parameter was probably meant', () => {
    expect(() => readRequest(ENDPOINT, { frm: '1', from: '2022-04-14', to: '2022-04-14' })).toThrow('frm is not a parameter; did you mean from?');
  });

  it('tells both ends of a range that is the wrong way round', () => {
    expect(() => readRequest(ENDPOINT, { from: '2022-04-15', to: '2022-04-14' })).toThrow('from (2022-04-15) is after to (2022-04-14)');
  });
});

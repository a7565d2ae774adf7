import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { entityTag, matches, type TaggedAnswer } from './entity-tag.js';

const ANSWER: TaggedAnswer = {
  endpoint: { dataset: 'd', name: 'e', codeHash: 'c', cacheable: true },
  request: { values: new Map([['from', '1'], ['to', null]]) },
  format: { name: 'json' },
  freshness: { fresh: true, runId: 7n, publication: 1n, watermarkAt: new Date(0) },
  version: '1',
};

describe('entity tags', () => {
  it('are weak, and the same for the same request and state', () => {
    const tag = entityTag(ANSWER);
    expect(tag).toMatch(/^W\/"[\w-]{22}"$/);
    expect(entityTag({ ...ANSWER, request: { values: new Map([...ANSWER.request.values].reverse()) }, freshness: { ...ANSWER.freshness, fresh: false, reason: 'timeout' } })).toBe(tag);
  });

  it('change with everything an answer depends on', () => {
    const { endpoint, request, freshness } = ANSWER;
    const others: Partial<TaggedAnswer>[] = [
      { endpoint: { ...endpoint, dataset: 'x' } }, { endpoint: { ...endpoint, name: 'x' } }, { endpoint: { ...endpoint, codeHash: 'x' } }, { format: { name: 'csv' } }, { version: '2' }, { scope: 'x' },
      { freshness: { ...freshness, runId: 8n } }, { freshness: { ...freshness, publication: 2n } }, { freshness: { ...freshness, watermarkAt: new Date(1) } },
      { request: { values: new Map([['from', '2'], ['to', null]]) } }, { request: { values: new Map([['from', '1'], ['to', 'null']]) } }, { request: { ...request, limit: 1 } }, { request: { ...request, cursor: 'x' } },
    ];
    const tags = [ANSWER, ...others.map((other) => ({ ...ANSWER, ...other }))].map(entityTag);
    expect(new Set(tags).size).toBe(others.length + 1);
  });

  it('are not given where nobody knows whether the answer stays the same', () => {
    const { endpoint, freshness } = ANSWER;
    expect(entityTag({ ...ANSWER, endpoint: { ...endpoint, cacheable: false } })).toBeUndefined();
    expect(entityTag({ ...ANSWER, freshness: { fresh: true } })).toBeUndefined();
    expect(entityTag({ ...ANSWER, freshness: { ...freshness, publication: undefined } })).toBeUndefined();
  });
});

describe('If-None-Match', () => {
  it.each<[string | undefined, boolean]>([
    [undefined, false],
    ['', false],
    ['W/"a"', true],
    ['"a"', true],
    ['*', true],
    [' * ', true],
    ['"b", W/"a"', true],
    ['"b",W/"c" , "a",', true],
    [', ,"a"', true],
    ['"a,b", "a"', true],
    ['"b"', false],
    ['a', false],
    ['w/"a"', false],
    ['"a', false],
    ['"x" "a"', false],
    ['"b, W/"a"', false],
    ['*, "b"', false],
  ])('%j names W/"a": %p', (header, expected) => {
    expect(matches(header, 'W/"a"')).toBe(expected);
  });

  it('finds the tag in any list of others, and takes no longer for a long header', () => {
    const tag = fc.stringMatching(/^[!#-~]{0,9}$/).map((text) => `"${text}"`);
    const item = fc.tuple(fc.constantFrom('', 'W/'), tag).map(([weak, text]) => weak + text);
    fc.assert(fc.property(fc.array(item), item, fc.array(item), (before, wanted, after) => {
      expect(matches([...before, wanted, ...after].join(', '), `W/${wanted.replace('W/', '')}`)).toBe(true);
    }));
    const started = process.cpuUsage(); // not the clock: others may use the processor too
    for (const long of [`${' ,'.repeat(8_000)}x`, `"${'a'.repeat(16_000)}`, '"a"'.repeat(5_000), `W/${' '.repeat(16_000)}`]) matches(long, 'W/"z"');
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(200);
  });
});

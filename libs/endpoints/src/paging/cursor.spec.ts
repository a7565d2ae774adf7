import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Endpoint } from '../endpoint.js';
import { CursorError, Cursors, type Cursor } from './cursor.js';

const endpoint = { dataset: 'd', name: 'e', codeHash: 'a'.repeat(64) } as Endpoint;
const request = { values: new Map([['from', '2022'], ['name', null]]) };
const cursor: Cursor = { arm: 1, keys: ['2022-04-14 13:10:17.123456+00', '7'], runId: 2n ** 62n, publication: 3n };

describe('cursors', () => {
  const cursors = new Cursors(Buffer.from('secret'));
  const written = cursors.write(cursor, endpoint, request);
  const refusal = (text: string, by = cursors, of = endpoint, asked: { values: Map<string, string | null> } = request): string | undefined => {
    try {
      by.read(text, of, asked);
    } catch (error) {
      if (error instanceof CursorError) return error.reason;
      throw error;
    }
    return undefined;
  };

  it('come back as they were written, whatever the keys hold, and fit into a URL as they are', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 100 }), { minLength: 1, maxLength: 4 }), fc.nat(9), (keys, arm) => {
      const text = cursors.write({ ...cursor, keys, arm }, endpoint, request);
      expect(encodeURIComponent(text)).toBe(text);
      expect(cursors.read(text, endpoint, request)).toEqual({ ...cursor, keys, arm });
    }));
  });

  it('are good whatever the order of the parameters, at every process with the same secret', () => {
    expect(new Cursors(Buffer.from('secret')).read(written, endpoint, { values: new Map([...request.values].reverse()) })).toEqual(cursor);
  });

  it('are refused with any character changed, left out or added', () => {
    fc.assert(fc.property(fc.nat(written.length - 1), fc.constantFrom('A', 'z', '0', '-', '_', '', '=', '.', '%'), (at, other) => {
      fc.pre(written[at] !== other);
      const changed = written.slice(0, at) + other + written.slice(at + 1);
      // The last character of base64 may carry bits that mean nothing: then it is the same cursor.
      if (Buffer.from(changed, 'base64url').equals(Buffer.from(written, 'base64url')) && /^[\w-]+$/.test(changed)) return;
      expect(refusal(changed)).toBe('invalid');
    }));
    for (const text of ['x', '', 'null', `${written}A`, Buffer.alloc(16).toString('base64url')]) expect(refusal(text)).toBe('invalid');
  });

  it('are refused by another secret, another endpoint, other parameters', () => {
    expect(refusal(written, new Cursors(Buffer.from('other')))).toBe('invalid');
    expect(refusal(written, cursors, { ...endpoint, name: 'other' })).toBe('invalid');
    expect(refusal(written, cursors, endpoint, { values: new Map([['from', '2023'], ['name', null]]) })).toBe('invalid');
    expect(refusal(written, cursors, endpoint, { values: new Map([['from', '2022'], ['name', 'null']]) })).toBe('invalid');
  });

  it('expire with the endpoint\'s file', () => {
    const changed = { ...endpoint, codeHash: 'b'.repeat(64) };
    expect(refusal(written, cursors, changed)).toBe('expired');
    expect(refusal(written, cursors, changed, { values: new Map([...request.values, ['added', null]]) })).toBe('expired'); // a parameter of the new file
    expect(refusal(written, cursors, { ...changed, name: 'other' })).toBe('invalid');
  });

  it('are not written when no URL could carry them', () => {
    expect(() => cursors.write({ ...cursor, keys: ['x'.repeat(9_000)] }, endpoint, request)).toThrow('its sort keys are too long');
  });
});

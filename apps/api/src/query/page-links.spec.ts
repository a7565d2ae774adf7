import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { withCursor } from './page-links.js';

describe('links to pages', () => {
  it('keep every parameter, repeated ones too, and put the cursor in the place of the one before', () => {
    expect(withCursor('/data', '/data?a=1&cursor=x&a=2&b=%C3%BC+%26', 'new')).toBe('/data?a=1&a=2&b=%C3%BC+%26&cursor=new');
    expect(withCursor('/data', '/data?cursor=x')).toBe('/data');
    expect(withCursor('/data', '/data', 'y')).toBe('/data?cursor=y');
  });

  it('hold nothing that would end the reference or the header, whatever is asked', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (name, value) => {
      for (const query of [`${name}=${value}`, `${encodeURIComponent(name)}=${encodeURIComponent(value)}`]) expect(withCursor('/data', `/data?${query}`, 'c')).toMatch(/^\/data\?[\w.*+%=&-]*$/);
    }));
  });
});

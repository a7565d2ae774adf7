import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { scanLines } from '../ingest/line-grammar.js';
import { hashOfName, unknownNames } from './line-names.js';

const NAME = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.:/-]{0,12}$/);
const BLANKS = fc.stringMatching(/^[ \t]{1,3}$/);
const EDGE = fc.stringMatching(/^[ \t]{0,2}$/);

describe('unknownNames', () => {
  it('finds the names of lines as the grammar takes them, each once, at its first place', () => {
    const line = fc.tuple(EDGE, fc.nat(4_000_000_000), BLANKS, NAME, BLANKS, fc.integer(), EDGE, fc.constantFrom('\n', '\r\n', '\n\n'));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), fc.array(NAME, { maxLength: 5 }), (lines, others) => {
        const body = Buffer.from(lines.map((parts) => parts.join('')).join(''));
        const names = lines.map((parts) => parts[3]);
        const known = [...others, ...names.slice(0, 2)];
        const found = unknownNames(body, scanLines(body, 's').ranges, new Set(known.map(hashOfName))) ?? [];
        const shown = found.map(({ start, end }) => body.toString('latin1', start, end));
        expect(shown).toEqual([...new Set(names)].filter((name) => !known.includes(name)));
        expect(found.map(({ hash }) => hash)).toEqual(shown.map(hashOfName));
        for (const [i, { start }] of found.entries()) expect(body.toString('latin1').slice(0, start).split(/\s/)).not.toContain(shown[i]);
      }),
    );
  });

  it('spreads names', () => {
    expect(new Set(Array.from({ length: 10_000 }, (_, i) => hashOfName(`sensor/${i}/temperature`))).size).toBeGreaterThan(9_995);
  });
});

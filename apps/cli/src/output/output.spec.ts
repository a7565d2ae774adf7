import { describe, expect, it } from '@jest/globals';
import { paint } from './colours.js';
import { writeJson } from './json.js';
import { formatProblem } from './located.js';
import { formatChange, formatCount, formatCounted, formatDuration, formatInstant } from './quantities.js';
import { formatRows, formatStep, formatSummary } from './step-line.js';
import { formatTable } from './table.js';

const plain = { colours: false };

describe('quantities', () => {
  it.each([
    [0, '0.00 s'],
    [80, '0.08 s'],
    [994, '0.99 s'],
    [996, '1.0 s'],
    [4_249, '4.2 s'],
    [9_960, '10 s'],
    [59_400, '59 s'],
    [59_600, '1 min 00 s'],
    [185_000, '3 min 05 s'],
    [3_599_600, '1 h 00 min'],
    [7_620_000, '2 h 07 min'],
    [86_399_000, '1 d 0 h'],
    [90_000_000, '1 d 1 h'],
  ])('shows %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('counts with separators, nouns and signs', () => {
    expect([formatCount(12_400), formatCount(12_345_678_901_234_567_890n)]).toEqual(['12,400', '12,345,678,901,234,567,890']);
    expect([formatCounted(1, 'row'), formatCounted(0, 'row'), formatCounted(2n, 'entry', 'entries')]).toEqual(['1 row', '0 rows', '2 entries']);
    expect([formatChange(0.5), formatChange(-1), formatChange(0), formatChange(12)]).toEqual(['+50 %', '-100 %', '0 %', '+1,200 %']);
    expect(formatInstant(new Date('2026-11-21T12:37:05.999Z'))).toBe('2026-11-21 12:37:05');
  });
});

describe('step lines', () => {
  const step = { verdict: 'OK', subject: 'incremental silver.stg_readings', detail: formatRows(12_400, 80) } as const;

  it('are one line for each thing', () => {
    expect(formatStep(plain, 2, 4, step)).toBe('2 of 4 OK   incremental silver.stg_readings [12,400 rows in 0.08 s]\n');
    expect(formatStep(plain, 2, 12, { verdict: 'SKIP', subject: 'x' })).toBe(' 2 of 12 SKIP x\n');
  });

  it('are coloured when the io says so, whatever the stdout of the process is', () => {
    expect(formatStep({ colours: true }, 1, 1, step)).toContain('\u001b[32mOK  \u001b[39m');
    expect(paint(plain, 'bad', 'x')).toBe('x');
  });

  it('are summed up', () => {
    expect(formatSummary(plain, 'step', ['OK', 'FAIL', 'OK'], 310)).toBe('3 steps in 0.31 s: 2 OK, 1 FAIL\n');
    expect(formatSummary(plain, 'step', [], 0)).toBe('0 steps in 0.00 s\n');
  });
});

describe('formatTable', () => {
  it('aligns by what is seen: colours, wide characters and combining marks', () => {
    const table = formatTable(plain, [{ title: 'name' }, { title: 'n', align: 'right' }], [
      ['\u001b[31mred\u001b[39m', '1'],
      ['温度', '20'],
      ['e\u0301te\u0301', '300'],
      ['👩‍🔬', '4'],
      ['two\nlines', '5'],
    ]);
    expect(table).toBe('name         n\n\u001b[31mred\u001b[39m          1\n温度        20\ne\u0301te\u0301        300\n👩‍🔬           4\ntwo lines    5\n');
  });
});

describe('writeJson', () => {
  it('writes a bigint as a number, and as a text where a number would be rounded', () => {
    let text = '';
    writeJson({ out: (part: string) => void (text += part) } as never, { a: 12n, b: 2n ** 60n, c: new Date(0) });
    expect(JSON.parse(text)).toEqual({ a: 12, b: '1152921504606846976', c: '1970-01-01T00:00:00.000Z' });
  });
});

describe('formatProblem', () => {
  const show = (text: string | undefined, line: number, column: number, message = 'wrong') => formatProblem(plain, { file: 'sql/x.sql', line, column, message }, () => text).split('\n');

  it('shows the line with a caret below the character', () => {
    expect(show('select 1,\n  lin\nfrom t\n', 2, 3)).toEqual(['sql/x.sql:2:3: wrong', '  2 | ' + '  lin', '    | ' + '  ^']);
  });

  it('counts characters, and places the caret by their width on the terminal', () => {
    expect(show("select '🙂🙂', nope", 1, 14).slice(1)).toEqual(["  1 | select '🙂🙂', nope", `    | ${' '.repeat(15)}^`]);
    expect(show("select 'e\u0301', nope", 1, 14).slice(1)).toEqual(["  1 | select 'e\u0301', nope", `    | ${' '.repeat(12)}^`]);
    expect(show('\tselect\tnope', 1, 9).slice(1)).toEqual(['  1 | \tselect\tnope', '    | \t      \t^']);
  });

  it('knows CRLF, a byte order mark, the end of a line and the end of the file', () => {
    expect(show('\uFEFFa\r\nbc\r\n', 2, 2).slice(1)).toEqual(['  2 | bc', '    |  ^']);
    expect(show('abc\nd', 1, 99).slice(1)).toEqual(['  1 | abc', '    |    ^']);
    expect(show('abc', 7, 1)).toEqual(['sql/x.sql:7:1: wrong']);
    expect(show(undefined, 1, 1, 'two\nlines')).toEqual(['sql/x.sql:1:1: two', '  lines']);
  });

  it('shows the part of a long line that matters', () => {
    const text = `${'x'.repeat(1_000)}HERE${'y'.repeat(1_000)}`;
    const [, line, caret] = show(text, 1, 1_001);
    expect(line!.length).toBeLessThan(180);
    expect(line![caret!.indexOf('^')]).toBe('H');
  });
});

import { describe, expect, it } from '@jest/globals';
import { Problems } from './problem.js';
import { Section } from './section.js';

/** Reads some YAML that begins in line 2 of its file, and returns the answer with the problems as `line:column: message`. */
function reading<T>(yaml: string, read: (section: Section) => T): { answer: T; problems: string[] } {
  const problems = new Problems();
  const section = Section.read({ file: 'f', fileText: `first\n${yaml}`, yaml, offset: 6 }, problems)!;
  const answer = read(section);
  return { answer, problems: problems.list.map(({ line, column, message }) => `${line}:${column}: ${message}`) };
}

const values = (entries: readonly { value: unknown }[]): unknown[] => entries.map(({ value }) => value);

describe('Section', () => {
  it('gives each value with its place', () => {
    const { answer, problems } = reading('name: x\nflag: true\ndefault: 1.5\n', (s) => [s.text('name'), s.flag('flag'), s.value('default'), s.text('absent')]);
    expect(answer).toEqual([
      { value: 'x', place: { file: 'f', line: 2, column: 7 } },
      { value: true, place: { file: 'f', line: 3, column: 7 } },
      { value: 1.5, place: { file: 'f', line: 4, column: 10 } },
      undefined,
    ]);
    expect(problems).toEqual([]);
  });

  it('takes a single text for a list of one', () => {
    expect(values(reading('keys: a', (s) => s.texts('keys')).answer)).toEqual(['a']);
    expect(values(reading('keys: [a, b]', (s) => s.texts('keys')).answer)).toEqual(['a', 'b']);
    expect(reading('keys: [a, [b, c]]', (s) => s.textLists('keys').map(values)).answer).toEqual([['a'], ['b', 'c']]);
    expect(reading('keys:', (s) => s.texts('keys'))).toEqual({ answer: [], problems: [] });
  });

  it('reads mappings of texts and of mappings in the order written', () => {
    const pairs = reading('sums: { b: sum, a: max }', (s) => s.textPairs('sums').map(({ name, value }) => [name.value, value.value]));
    expect(pairs).toEqual({ answer: [['b', 'sum'], ['a', 'max']], problems: [] });
    const named = reading('parameters:\n  from: { type: date }\n  to: { type: text }', (s) =>
      s.namedSections('parameters').map(({ name, section }) => [name.value, name.place.line, section.text('type')?.value]),
    );
    expect(named).toEqual({ answer: [['from', 3, 'date'], ['to', 4, 'text']], problems: [] });
  });

  it('knows the place of a key that is there and of one that is not', () => {
    expect(reading('a: 1\nb: 2', (s) => [s.placeOf('b'), s.placeOf('zzz'), s.has('b'), s.has('zzz')]).answer).toEqual([
      { file: 'f', line: 3, column: 1 },
      { file: 'f', line: 2, column: 1 },
      true,
      false,
    ]);
  });

  it('reports values of another type and goes on', () => {
    expect(reading('flag: maybe', (s) => s.flag('flag'))).toEqual({ answer: undefined, problems: ['2:7: flag must be true or false, is the text "maybe"'] });
    expect(reading('sums: [a]', (s) => s.textPairs('sums'))).toEqual({ answer: [], problems: ['2:7: sums must be a mapping `name: value`, is a list'] });
    expect(reading('sums: { a: 1, b: x }', (s) => s.textPairs('sums').length)).toEqual({ answer: 1, problems: ['2:12: sums.a must be text, is the number 1'] });
    expect(reading('from: { a: }', (s) => s.textPairs('from').length)).toEqual({ answer: 0, problems: ['2:12: from.a must be text, is empty'] });
    expect(reading('names: { from: x }', (s) => s.namedSections('names'))).toEqual({ answer: [], problems: ['2:16: names.from must be a mapping `key: value`, is the text "x"'] });
  });

  it('reports the keys nobody asked for', () => {
    const read = (s: Section): void => {
      s.text('description');
      s.finish(['refresh']);
    };
    expect(reading('descripton: x\nrefresh: y', read).problems).toEqual(['2:1: unknown key descripton; did you mean description?', '3:1: refresh is not built yet']);
  });
});

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

  it('reads words that may have settings', () => {
    const read = (s: Section): unknown[] => s.wordsWithSettings('tests').map(({ name, settings }) => [name.value, name.place.column, settings?.number('min')?.value]);
    expect(reading('tests: [a, b: { min: 1 }, { c: }]', read)).toEqual({ answer: [['a', 9, undefined], ['b', 12, 1], ['c', 29, undefined]], problems: [] });
    expect(reading('tests: a', read)).toEqual({ answer: [['a', 8, undefined]], problems: [] });
    expect(reading('tests: [{ a: 1 }, [b], { c: , min: 2 }, 3, {}]', read)).toEqual({
      answer: [],
      problems: [
        '2:14: tests.a must be a mapping `key: value`, is the number 1',
        '2:19: tests must be text, is a list',
        '2:31: tests: the settings of c belong one level deeper, under `c:`',
        '2:41: tests must be text, is the number 3',
        '2:44: tests must be text, is a mapping',
      ],
    });
  });

  it('reads numbers, lists of plain values and a mapping', () => {
    expect(reading('n: 1.5', (s) => s.number('n')?.value)).toEqual({ answer: 1.5, problems: [] });
    expect(reading('n: "1"', (s) => s.number('n'))).toEqual({ answer: undefined, problems: ['2:4: n must be a number, is the text "1"'] });
    expect(values(reading('v: [a, 1, true, 2022-04-14]', (s) => s.scalars('v')).answer)).toEqual(['a', 1, true, '2022-04-14']);
    expect(reading('v: [{ a: 1 }, ]', (s) => s.scalars('v')).problems).toEqual(['2:5: v must be text, a number or true or false, is a mapping']);
    expect(reading('s: { every: 1h }', (s) => [s.isMapping('s'), s.section('s')?.text('every')?.value])).toEqual({ answer: [true, '1h'], problems: [] });
    expect(reading('s: 1h', (s) => [s.isMapping('s'), s.section('s')])).toEqual({ answer: [false, undefined], problems: ['2:4: s must be a mapping `key: value`, is the text "1h"'] });
  });

  it('knows the place of each character of a text that stands in the file as it is', () => {
    const place = (yaml: string, index: number): [number, number] => {
      const { line, column } = reading(yaml, (s) => s.placeWithin('where', index)).answer;
      return [line, column];
    };
    expect(place('where: a = 1', 4)).toEqual([2, 12]);
    expect(place('where: "a = 1"', 4)).toEqual([2, 13]);
    expect(place("where: 'a = 1'", 4)).toEqual([2, 13]);
    expect(place('where: "a\\tb"', 2)).toEqual([2, 8]); // written otherwise: its beginning
    expect(place('where: |\n  a = 1\n  or b', 9)).toEqual([2, 8]);
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
    expect(reading('tests: x', (s) => s.finish([], { tests: 'write data_tests' })).problems).toEqual(['2:1: unknown key tests; write data_tests']);
    expect(reading('descripton: x\nrefresh: y', read).problems).toEqual(['2:1: unknown key descripton; did you mean description?', '3:1: refresh is not built yet']);
  });
});

import { describe, expect, it } from '@jest/globals';
import { Problems } from './problem.js';
import { splitSqlFile } from './sql-file.js';

/** The place of an unknown key `nmae` in a header. */
function placeOfWrong(fileText: string): string[] {
  const problems = new Problems();
  const file = splitSqlFile('f.sql', fileText, problems);
  for (const section of file?.header.sections('columns') ?? []) {
    section.text('name');
    section.finish();
  }
  return problems.list.map(({ line, column }) => `${line}:${column}`);
}

describe('the place of a problem in a YAML header', () => {
  it.each([
    ['behind surrogate pairs on its line', `/* ---\ncolumns: [{ name: "🙂🙂", nmae: x }]\n--- */\nselect 1`, '2:25'],
    ['behind combining marks on its line', `/* ---\ncolumns: [{ name: "e\u0301", nmae: x }]\n--- */\nselect 1`, '2:25'],
    ['behind such lines', `/* ---\ndescription: 🙂 温度\ncolumns:\n  - name: a\n    nmae: x\n--- */\nselect 1`, '5:5'],
    ['in a file with CRLF line ends and a byte order mark', `\uFEFF/* ---\r\ndescription: 🙂\r\ncolumns:\r\n  - name: a\r\n    nmae: x\r\n--- */\r\nselect 1`, '5:5'],
  ])('%s', (_where, text, place) => {
    expect(placeOfWrong(text)).toEqual([place]);
  });
});

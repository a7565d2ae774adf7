import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { formatPlace, type Place, type Problem } from '@ingot/datasets';
import type { Io } from '../io.js';
import { paint } from './colours.js';
import { displayWidth } from './width.js';

/** The text of a file as messages name it, e.g. `sql/sensor/dataset.yml`; undefined when it cannot be read. */
export type ReadText = (file: string) => string | undefined;

const LONGEST_LINE = 160;

/**
 * A problem with the line it lies in and a caret below the character:
 * ```
 * sql/sensor/silver/stg.sql:12:8: column "lin" does not exist
 *   12 | select lin
 *      |        ^
 * ```
 * @param read gives the file as its author sees it; without its text only the first line is shown
 */
export function formatProblem(io: Pick<Io, 'colours'>, problem: Problem, read: ReadText): string {
  const [first = '', ...more] = problem.message.split('\n');
  const head = [`${paint(io, 'strong', formatPlace(problem))}: ${first}`, ...more.map((line) => `  ${line}`)];
  return [...head, ...sourceLines(io, problem, read(problem.file))].join('\n');
}

/** Reads files of the project by the names messages give them, which begin with the folder of the datasets. */
export function projectTexts(sqlDir: string): ReadText {
  const root = dirname(resolve(sqlDir));
  return (file) => {
    try {
      return readFileSync(join(root, file), 'utf8');
    } catch {
      return undefined; // it is gone, or a folder: the place alone has to do
    }
  };
}

function sourceLines(io: Pick<Io, 'colours'>, place: Place, text: string | undefined): string[] {
  const line = text?.replace(/^\uFEFF/, '').split(/\r?\n/)[place.line - 1];
  if (line === undefined || line.trim() === '') return [];
  const characters = [...line];
  const column = Math.min(place.column, characters.length + 1) - 1;
  // A statement written on one long line would scroll its caret out of sight.
  const from = characters.length <= LONGEST_LINE ? 0 : Math.max(0, Math.min(column - LONGEST_LINE / 2, characters.length - LONGEST_LINE));
  const shown = characters.slice(from, from + LONGEST_LINE);
  const before = shown.slice(0, column - from).join('').replace(/[^\t]+/g, (run) => ' '.repeat(displayWidth(run)));
  const number = String(place.line);
  return [
    `${paint(io, 'quiet', `  ${number} | `)}${from > 0 ? '…' : ''}${shown.join('')}${from + LONGEST_LINE < characters.length ? '…' : ''}`,
    `${paint(io, 'quiet', `  ${' '.repeat(number.length)} | `)}${from > 0 ? ' ' : ''}${before}${paint(io, 'bad', '^')}`,
  ];
}

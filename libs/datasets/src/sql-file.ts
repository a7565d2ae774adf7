import { readFile } from 'node:fs/promises';
import type { Place } from './dataset.js';
import type { Problems } from './problem.js';
import { Section } from './section.js';
import { placeAt } from './text-position.js';

/** An SQL file whose header may be missing. */
export interface SqlText {
  /** The path shown in messages. */
  readonly file: string;
  readonly fileText: string;
  readonly header?: Section;
  /** What follows the header comment, as written. */
  readonly body: string;
  /** Where `body` starts in `fileText`. */
  readonly bodyOffset: number;
}

/** An SQL file in its two parts. */
export interface SqlFile extends SqlText {
  readonly header: Section;
}

const OPENING = /^\uFEFF?\s*\/\*[ \t]*---[ \t]*\r?\n/;
const CLOSING = /\r?\n[ \t]*---\s*$/;

/**
 * Reads a file whose first comment is a YAML header: a line with slash, star and three dashes opens it, three dashes,
 * star and slash close it.
 * @param path where the file is
 * @param file how messages name it
 * @returns undefined, with the problems added, when there is no such header or it is no YAML mapping
 */
export async function readSqlFile(path: string, file: string, problems: Problems): Promise<SqlFile | undefined> {
  const fileText = await readText(path, file, problems);
  return fileText === undefined ? undefined : splitSqlFile(file, fileText, problems);
}

/** As readSqlFile, for a file that may be nothing but a SELECT. */
export async function readSqlText(path: string, file: string, problems: Problems): Promise<SqlText | undefined> {
  const fileText = await readText(path, file, problems);
  if (fileText === undefined || OPENING.test(fileText)) return fileText === undefined ? undefined : splitSqlFile(file, fileText, problems);
  const bodyOffset = fileText.startsWith('\uFEFF') ? 1 : 0;
  return { file, fileText, body: fileText.slice(bodyOffset), bodyOffset };
}

/** As readSqlFile, for a text already read. */
export function splitSqlFile(file: string, fileText: string, problems: Problems): SqlFile | undefined {
  const opening = OPENING.exec(fileText);
  if (opening === null) {
    problems.add(startOf(file), 'the file must begin with a YAML header: a comment that opens with /* --- and closes with --- */');
    return undefined;
  }
  const start = opening[0].length;
  const end = endOfComment(fileText, fileText.indexOf('/*'));
  const closing = end === undefined ? null : CLOSING.exec(fileText.slice(start - 1, end - 2));
  if (end === undefined || closing === null) {
    const index = end === undefined ? fileText.indexOf('/*') : end - 2;
    problems.add(placeAt(file, fileText, index), 'the header comment must close with --- */ on a line of its own');
    return undefined;
  }
  const yaml = fileText.slice(start, Math.max(start, start - 1 + closing.index));
  const header = Section.read({ file, fileText, yaml, offset: start }, problems);
  return header === undefined ? undefined : { file, fileText, header, body: fileText.slice(end), bodyOffset: end };
}

/** A file's text; undefined, with the problem added, when it is not UTF-8 or holds a NUL, which Postgres refuses. */
export async function readText(path: string, file: string, problems: Problems): Promise<string | undefined> {
  const bytes = await readFile(path);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const nul = text.indexOf('\0');
    if (nul < 0) return text;
    problems.add(placeAt(file, text, nul), 'the file holds a NUL character');
  } catch {
    problems.add(startOf(file), 'the file is not valid UTF-8');
  }
  return undefined;
}

/** The first place of a file: for what is wrong with it as a whole. */
export function startOf(file: string): Place {
  return { file, line: 1, column: 1 };
}

/** The index after the comment's end. Postgres nests comments, so the header must end where psql sees its end. */
function endOfComment(text: string, start: number): number | undefined {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = start;
  let depth = 0;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return undefined;
}

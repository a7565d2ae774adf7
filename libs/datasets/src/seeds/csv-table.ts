import { CsvError, parse, type Options } from 'csv-parse/sync';
import type { Place } from '../dataset.js';
import { identifierFault } from '../identifier.js';
import type { Problems } from '../problem.js';
import { startOf } from '../sql-file.js';
import { placeAt } from '../text-position.js';

/** The rows of a CSV file under the names of its first line. */
export interface CsvTable {
  readonly names: readonly string[];
  /** An empty field without quotes is null, with quotes an empty text. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** Where a field of `rows` begins. */
  placeOf(row: number, column: number): Place;
}

interface CsvRecord {
  readonly record: (string | null)[];
  /** Its text with its line end and the empty lines before it; of `\r\n` only the first character. */
  readonly raw: string;
}

/** The text of a record alone: no field begins or ends with a line end outside of quotes. */
function bodyOf({ raw }: Pick<CsvRecord, 'raw'>): string {
  return raw.replace(/^[\r\n]+|[\r\n]+$/g, '');
}

/** Seeds are small: they are kept in memory, hashed at each start and compared in one statement. */
const MOST_ROWS = 10_000;
const ENGINE_COLUMNS = ['_run_id'];

/** Reads a CSV file (RFC 4180, commas, empty lines skipped); undefined when the problems found leave no table. */
export function readCsv(file: string, fileText: string, problems: Problems): CsvTable | undefined {
  const text = fileText.replace(/^\uFEFF/, '');
  const records = parseRecords(file, text, problems);
  if (records === undefined) return undefined;
  const offsets: number[] = [];
  let offset = 0;
  for (const record of records) {
    while (text[offset] === '\r' || text[offset] === '\n') offset++;
    offsets.push(offset);
    offset += bodyOf(record).length;
  }
  const placeOf = (record: number, field: number): Place => placeAt(file, text, offsets[record]! + fieldStart(bodyOf(records[record]!), field));
  const [header, ...rows] = records;
  if (header === undefined) {
    problems.add(startOf(file), 'the file is empty; its first line names the columns');
    return undefined;
  }
  const before = problems.size;
  checkNames(header.record, (field) => placeOf(0, field), problems);
  rows.forEach(({ record }, i) => {
    const [wanted, found] = [header.record.length, record.length];
    if (wanted !== found) problems.add(placeOf(i + 1, Math.min(wanted, found - 1)), `the row has ${count(found, 'field')}, the first line names ${count(wanted, 'column')}`);
  });
  if (rows.length > MOST_ROWS) problems.add(placeOf(MOST_ROWS + 1, 0), `a seed has at most ${MOST_ROWS} rows, this one ${rows.length}; load larger tables as a source`);
  if (problems.size > before) return undefined;
  return { names: header.record as string[], rows: rows.map(({ record }) => record), placeOf: (row, column) => placeOf(row + 1, column) };
}

const CSV_FORM: Options = {
  raw: true,
  skip_empty_lines: true,
  relax_column_count: true, // a ragged row is reported with its place above
  cast: (value, { quoting }) => (value === '' && !quoting ? null : value),
};

function parseRecords(file: string, text: string, problems: Problems): CsvRecord[] | undefined {
  try {
    // The library's types do not know that `raw` gives an object for each record.
    return parse(text, CSV_FORM) as unknown as CsvRecord[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    problems.add(placeOfError(file, text, error), `no valid CSV: ${MESSAGES[error.code] ?? error.message}`);
    return undefined;
  }
}

const MESSAGES: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote opens and does not close before the end of the file',
  INVALID_OPENING_QUOTE: 'a quote inside a field; put the whole field in quotes and double the quotes in it',
  CSV_INVALID_CLOSING_QUOTE: 'text behind a closing quote; double the quotes inside a field',
};

/** Where the field begins that could not be read: the error has the text of its record up to where it failed. */
function placeOfError(file: string, text: string, error: CsvError): Place {
  const { raw, index, lines } = error as unknown as { raw: string; index: number; lines: number };
  const body = raw.replace(/^[\r\n]+/, '');
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') return placeAt(file, text, text.length - body.length + fieldStart(body, index));
  const lineStarts = [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)];
  return placeAt(file, text, (lineStarts[lines - body.split('\n').length] ?? 0) + fieldStart(body, index));
}

function checkNames(names: readonly (string | null)[], placeOf: (field: number) => Place, problems: Problems): void {
  names.forEach((name, i) => {
    if (name === null) {
      problems.add(placeOf(i), 'the column has no name');
      return;
    }
    const fault = identifierFault(name);
    if (fault !== undefined) problems.add(placeOf(i), `the column name ${name} ${fault}${/[;\t|]/.test(name) ? '; fields are separated by commas' : ''}`);
    else if (names.indexOf(name) < i) problems.add(placeOf(i), `the first line names ${name} twice`);
    else if (ENGINE_COLUMNS.includes(name)) problems.add(placeOf(i), `${name} is the engine's own column`);
  });
}

/** The index of a field in the text of its record: behind as many commas outside of quotes. */
function fieldStart(raw: string, field: number): number {
  let quoted = false;
  let commas = 0;
  let index = 0;
  for (; index < raw.length && commas < field; index++) {
    if (raw[index] === '"') quoted = !quoted;
    else if (raw[index] === ',' && !quoted) commas++;
  }
  return index;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

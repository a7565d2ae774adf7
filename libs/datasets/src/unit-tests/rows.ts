import { CsvError, parse } from 'csv-parse/sync';
import { isScalar, type Node as YamlNode } from 'yaml';
import type { Place } from '../dataset.js';
import type { KnownColumns } from '../lineage/lineage.js';
import { didYouMean } from '../nearest-name.js';
import type { Problems } from '../problem.js';
import type { Section } from '../section.js';
import type { UnitCell, UnitRow } from './unit-test.js';

/** What rows of a relation may name. */
export interface RowColumns extends KnownColumns {
  /** As messages name it. */
  readonly relation: string;
  /** Columns that the engine fills itself. */
  readonly own: readonly string[];
}

/**
 * Reads the rows of a section: a list of mappings `column: value`, or with `format: csv` a text whose first line names
 * the columns.
 * @param fileText of the section's file
 */
export function readRows(section: Section, columns: RowColumns, fileText: string, problems: Problems): UnitRow[] {
  const format = section.choice('format', ['dict', 'csv'] as const, ['sql'])?.value ?? 'dict';
  const rows = format === 'csv' ? csvRows(section, fileText, problems) : section.sections('rows').map(readRow);
  for (const row of rows) checkColumns(row, columns, problems);
  return rows;
}

/** A mapping from columns to values. */
export function readRow(section: Section): UnitRow {
  const entries = section.ownEntries();
  const cells = entries.map(({ name, node, place }): [string, UnitCell] => [name.value, { value: valueOf(node), place }]);
  return { place: entries[0]?.name.place ?? section.placeOf(''), cells: new Map(cells) };
}

export function checkColumns(row: UnitRow, { relation, columns, complete, own }: RowColumns, problems: Problems): void {
  const names = columns.map(({ name }) => name);
  for (const [name, { place }] of row.cells) {
    if (own.includes(name)) problems.add(place, `${name} of ${relation} is the engine's own; a unit test does not give it`);
    else if (complete && !names.includes(name)) problems.add(place, `${relation} has no column ${name}${didYouMean(name, names) || `; it has ${names.join(', ')}`}`);
  }
}

/** A number keeps the text it was written as, so that no digit of a numeric is lost. */
function valueOf(node: YamlNode | null): UnitCell['value'] {
  if (node === null) return null;
  if (!isScalar(node)) return node.toJSON() as readonly unknown[] | Readonly<Record<string, unknown>>;
  const { value, source } = node;
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  const text = source ?? JSON.stringify(value);
  if (/^\.nan$/i.test(text)) return 'NaN';
  return text.replace(/^[+]?\.inf$/i, 'Infinity').replace(/^-\.inf$/i, '-Infinity');
}

/** An empty field is null, an empty text is `""`; blanks around a field do not count, so that columns can be aligned. */
function csvRows(section: Section, fileText: string, problems: Problems): UnitRow[] {
  const text = section.text('rows');
  if (text === undefined) return [];
  const isBlock = /^[|>]/.test([...(fileText.split('\n')[text.place.line - 1] ?? '')].slice(text.place.column - 1).join(''));
  const lineOf = (line: number): Place => (isBlock ? { ...text.place, line: text.place.line + line, column: 1 } : text.place);
  let records: { record: (string | null)[]; info: { lines: number } }[];
  try {
    records = parse(text.value, {
      info: true,
      trim: true,
      relax_column_count: true,
      skip_empty_lines: true,
      cast: (value, { quoting }) => (value === '' && !quoting ? null : value),
    }) as unknown as typeof records;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    problems.add(lineOf(Number(error.lines ?? 1)), `not valid CSV: ${error.message}`);
    return [];
  }
  const [header, ...rest] = records;
  if (header === undefined) return [];
  const names = header.record.map((name) => name ?? '');
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (names.includes('') || twice !== undefined) {
    problems.add(lineOf(header.info.lines), twice === undefined || twice === '' ? 'a column of the CSV has no name' : `the CSV names the column ${twice} twice`);
    return [];
  }
  return rest.flatMap(({ record, info }) => {
    const place = lineOf(info.lines);
    if (record.length === names.length) return [{ place, cells: new Map(names.map((name, i) => [name, { value: record[i] ?? null, place }])) }];
    problems.add(place, `the row has ${record.length} fields, the first line ${names.length}`);
    return [];
  });
}

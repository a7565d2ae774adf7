import { stat } from 'node:fs/promises';
import { seedCodeHash } from '../code-hash.js';
import type { WrittenTest } from '../data-tests/read-data-tests.js';
import { readDataTests } from '../data-tests/read-data-tests.js';
import type { SeedFile } from '../dataset-folder.js';
import type { Seed } from '../dataset.js';
import { plainNames } from '../identifier.js';
import { readColumns, readTags, type PlacedColumn } from '../model-header.js';
import { didYouMean } from '../nearest-name.js';
import { canonicalType } from '../parser.js';
import type { Problems } from '../problem.js';
import { Section, type Located } from '../section.js';
import { readText, startOf } from '../sql-file.js';
import { readCsv, type CsvTable } from './csv-table.js';
import { inferType, isNoValueOf } from './value-types.js';

/** A seed, with its data tests as written. */
export interface ReadSeed {
  readonly seed: Seed;
  readonly tests: readonly WrittenTest[];
}

interface SeedHeader {
  readonly description: string;
  readonly tags: readonly string[];
  readonly uniqueKey: readonly Located[];
  readonly columns: readonly PlacedColumn[];
  readonly tests: readonly WrittenTest[];
}

const LARGEST_BYTES = 1_048_576;
const NO_HEADER: SeedHeader = { description: '', tags: [], uniqueKey: [], columns: [], tests: [] };

/** Reads `seeds/<name>.csv` and `seeds/<name>.yml`; undefined when what was reported leaves no table. */
export async function readSeed(files: SeedFile, problems: Problems): Promise<ReadSeed | undefined> {
  const { relation, path, file } = files;
  const header = files.header === undefined ? NO_HEADER : await readSeedHeader(files.header.path, files.header.file, relation, problems);
  const { size } = await stat(path);
  if (size > LARGEST_BYTES) {
    problems.add(startOf(file), `a seed has at most 1 MiB, this one ${(size / LARGEST_BYTES).toFixed(1)} MiB; load larger tables as a source`);
    return undefined;
  }
  const text = await readText(path, file, problems);
  const table = text === undefined ? undefined : readCsv(file, text, problems);
  if (table === undefined || header === undefined) return undefined;
  checkHeader(header, table, problems);
  const columns = table.names.map((name, i) => {
    const declared = header.columns.find((column) => column.name === name);
    const values = table.rows.map((row) => row[i] ?? null);
    if (declared?.dataType !== undefined) checkValues(table, i, declared.dataType, problems);
    return { ...(declared ?? { name, place: table.placeOf(-1, i) }), dataType: declared?.dataType ?? inferType(values) };
  });
  const uniqueKey = header.uniqueKey.map(({ value }) => value);
  checkKey(table, uniqueKey, problems);
  const dataTests = header.tests.map(({ test }) => test);
  const seed = { relation, file, description: header.description, tags: header.tags, columns, uniqueKey, dataTests, rows: table.rows };
  return { seed: { ...seed, codeHash: seedCodeHash(seed) }, tests: header.tests };
}

async function readSeedHeader(path: string, file: string, relation: string, problems: Problems): Promise<SeedHeader | undefined> {
  const text = await readText(path, file, problems);
  const section = text === undefined ? undefined : Section.read({ file, fileText: text, yaml: text, offset: 0 }, problems);
  if (section === undefined) return undefined;
  const { columns, tests } = readColumns(section, relation, problems);
  const header = {
    description: section.text('description')?.value ?? '',
    tags: readTags(section, problems),
    uniqueKey: plainNames(section.texts('unique_key'), problems),
    columns,
    tests: [...tests, ...readDataTests(section, relation, undefined, problems)],
  };
  section.finish();
  return header;
}

function checkHeader({ columns, uniqueKey }: SeedHeader, { names }: CsvTable, problems: Problems): void {
  for (const { name, place } of columns) if (!names.includes(name)) problems.add(place, `columns names ${name}, which the CSV file does not have${didYouMean(name, names)}`);
  for (const { value, place } of uniqueKey) if (!names.includes(value)) problems.add(place, `unique_key names ${value}, which the CSV file does not have${didYouMean(value, names)}`);
}

/** Each value is shown once: a wrong type makes every row wrong. */
function checkValues(table: CsvTable, column: number, dataType: string, problems: Problems): void {
  const canonical = canonicalType(dataType);
  const row = canonical === undefined ? -1 : table.rows.findIndex((values) => typeof values[column] === 'string' && isNoValueOf(canonical, values[column]));
  if (row >= 0) problems.add(table.placeOf(row, column), `${JSON.stringify(table.rows[row]![column])} is no ${dataType}, which ${table.names[column]} is declared as`);
}

function checkKey(table: CsvTable, key: readonly string[], problems: Problems): void {
  const positions = key.map((name) => table.names.indexOf(name));
  if (positions.length === 0 || positions.includes(-1)) return;
  const seen = new Set<string>();
  table.rows.forEach((row, i) => {
    const values = JSON.stringify(positions.map((position) => row[position]));
    if (seen.has(values)) problems.add(table.placeOf(i, positions[0]!), `unique_key (${key.join(', ')}): an earlier row has the same values`);
    seen.add(values);
  });
}

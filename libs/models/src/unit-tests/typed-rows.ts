import { formatPlace, type Place, type UnitCell, type UnitRow } from '@ingot/datasets';
import { sqlState, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { serverError } from '../sql-error.js';
import { columnList, columnName, relationName } from '../sql-names.js';

/** What a unit test says cannot be done; the message names the place in its file. */
export class UnitTestError extends Error {
  override readonly name = 'UnitTestError';

  constructor(readonly place: Place, readonly reason: string, options?: ErrorOptions) {
    super(`${formatPlace(place)}: ${reason}`, options);
  }
}

/** Column -> its type, as a cast names it. */
export type ColumnTypes = ReadonlyMap<string, string>;

/** The types of all columns of a table, in order. */
export async function columnTypes(client: Client | Connection, relation: string): Promise<ColumnTypes> {
  // With the modifier -1, character(3) is bpchar and bit(3) is bit: names that a cast takes without cutting.
  const { rows } = await client.query<{ name: string; type: string }>(
    `select attname as name, format_type(atttypid, -1) as type from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [relationName(relation)],
  );
  return new Map(rows.map(({ name, type }) => [name, type]));
}

/**
 * Inserts rows as a test's file writes them, each value read by PostgreSQL as a literal of its column's type.
 * @param filled further columns with one value for each row, as text
 * @throws UnitTestError at the value that is none of its column's type, or at the first row that the table refuses
 */
export async function insertRows(client: Client | Connection, relation: string, types: ColumnTypes, rows: readonly UnitRow[], filled: ReadonlyMap<string, readonly string[]>): Promise<void> {
  if (rows.length === 0) return;
  const given = [...new Set(rows.flatMap(({ cells }) => [...cells.keys()]))];
  const own = [...filled.keys()].filter((column) => !given.includes(column));
  checkKnown(given, types, relation, rows);
  const values = [
    ...given.map((column) => rows.map(({ cells }, i) => {
      const cell = cells.get(column);
      return cell === undefined ? (filled.get(column)?.[i] ?? null) : literalOf(cell, types.get(column)!);
    })),
    ...own.map((column) => filled.get(column)!),
  ];
  const columns = [...given, ...own];
  const casts = columns.map((column, i) => `c${i}::${types.get(column)!}`);
  const names = columns.map((_, i) => `c${i}`);
  const arrays = columns.map((_, i) => `$${i + 1}::text[]`);
  const insert = `insert into ${relationName(relation)} (${columnList(columns)}) select ${casts.join(', ')} from unnest(${arrays.join(', ')}) as r(${names.join(', ')})`;
  await client.query('savepoint rows_of_test');
  try {
    await client.query(insert, values);
  } catch (error) {
    if (sqlState(error) === undefined) throw error;
    await client.query('rollback to savepoint rows_of_test');
    throw (await guiltyCell(client, types, rows)) ?? new UnitTestError(rows[0]!.place, serverError(error).detail ?? serverError(error).message ?? String(error), { cause: error });
  }
  await client.query('release savepoint rows_of_test');
}

/**
 * The condition that a row has the values of a test's row in the columns it names.
 * @param values takes the parameters; `$n` counts them
 */
export function hasCells(row: UnitRow, types: ColumnTypes, values: unknown[], alias?: string): string {
  const conditions = [...row.cells].map(([column, cell]) => {
    const type = types.get(column);
    if (type === undefined) throw new UnitTestError(cell.place, `there is no column ${column}`);
    values.push(literalOf(cell, type));
    const own = alias === undefined ? columnName(column) : `${alias}.${columnName(column)}`;
    return `${comparable(own, type)} is not distinct from ${comparable(`$${values.length}::text::${type}`, type)}`;
  });
  return conditions.length === 0 ? 'true' : conditions.join(' and ');
}

/** Types without an equality, or (box) with one that compares areas, are compared as what has one. */
export function comparable(expression: string, type: string): string {
  if (type === 'json') return `(${expression})::text::jsonb`;
  return /^(xml|point|line|lseg|box|path|polygon|circle)$/.test(type) ? `(${expression})::text` : `(${expression})`;
}

function literalOf({ value, place }: UnitCell, type: string): string | null {
  if (value === null || typeof value === 'string') return value;
  if (type === 'json' || type === 'jsonb') return JSON.stringify(value);
  if (Array.isArray(value) && type.endsWith('[]')) return arrayLiteral(value);
  throw new UnitTestError(place, `a ${Array.isArray(value) ? 'list' : 'mapping'} is no value of type ${type}`);
}

function arrayLiteral(elements: readonly unknown[]): string {
  const element = (value: unknown): string => {
    if (value === null || value === undefined) return 'null';
    if (Array.isArray(value)) return arrayLiteral(value);
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  };
  return `{${elements.map(element).join(',')}}`;
}

function checkKnown(columns: readonly string[], types: ColumnTypes, relation: string, rows: readonly UnitRow[]): void {
  for (const column of columns) {
    if (types.has(column)) continue;
    const cell = rows.flatMap(({ cells }) => cells.get(column) ?? [])[0];
    throw new UnitTestError(cell!.place, `${relation} has no column ${column}; it has ${[...types.keys()].join(', ')}`);
  }
}

async function guiltyCell(client: Client | Connection, types: ColumnTypes, rows: readonly UnitRow[]): Promise<UnitTestError | undefined> {
  for (const { cells } of rows) {
    for (const [column, cell] of cells) {
      await client.query('savepoint cell');
      try {
        await client.query(`select $1::text::${types.get(column)!}`, [literalOf(cell, types.get(column)!)]);
        await client.query('release savepoint cell');
      } catch (error) {
        await client.query('rollback to savepoint cell');
        return new UnitTestError(cell.place, `${column}: ${serverError(error).message ?? String(error)}`, { cause: error });
      }
    }
  }
  return undefined;
}

import type { Expectation } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { columnList, columnName, relationName, RUN_ID } from '../sql-names.js';
import { columnTypes, comparable, insertRows, type ColumnTypes } from './typed-rows.js';

/** How a table differs from the rows expected of it. */
export interface RowDifferences {
  /** The columns compared, and shown. */
  readonly columns: readonly string[];
  /** Rows that are as expected. */
  readonly equal: number;
  /** Empty when every row is as expected. */
  readonly rows: readonly RowDifference[];
}

/** An expected row that is not there, a row that is there and not expected, or (both) a row that is not as expected. */
export interface RowDifference {
  /** As PostgreSQL writes the values. */
  readonly expected?: Values;
  readonly actual?: Values;
  /** For both: which columns differ. */
  readonly differs?: readonly boolean[];
}

export type Values = readonly (string | null)[];

interface Unmatched {
  readonly ord: number;
  readonly values: Values;
}

/** What is looked at: a table or a query in parentheses, and where further tables may be made. */
export interface Compared {
  readonly rows: string;
  readonly schema: string;
  /** The type of each column. */
  readonly like: string;
  /** A row of the same key is the same row, however much of it differs. */
  readonly key: readonly string[];
}

/** More pairs than this are not looked at one by one: so many rows are another table, not a difference. */
const MOST_PAIRS = 40_000;

/**
 * Compares rows as sets that may hold a row several times. Values are compared as their type does (numeric 1.0 is
 * 1.00, a float must be the same to the last bit), null equals null, and columns that no expected row names do not
 * count.
 * @param client inside a transaction that the caller rolls back
 */
export async function rowDifferences(client: Client | Connection, expectation: Pick<Expectation, 'columns' | 'rows'>, compared: Compared): Promise<RowDifferences> {
  const types = await columnTypes(client, compared.like);
  const columns = expectation.rows.length > 0 ? expectation.columns : [...types.keys()].filter((column) => column !== RUN_ID);
  const table = (name: string): string => `${columnName(compared.schema)}.${columnName(name)}`;
  await client.query('savepoint compared');
  try {
    await client.query(`create table ${table('expected')} as select ${columnList(columns)} from ${relationName(compared.like)} with no data`);
    await client.query(`alter table ${table('expected')} add column ord int generated always as identity`);
    const typesOfExpected = new Map(columns.map((column) => [column, types.get(column)!]));
    await insertRows(client, `${compared.schema}.expected`, typesOfExpected, expectation.rows, new Map());
    await client.query(`create table ${table('actual')} as select ${columnList(columns)}, (row_number() over ())::int as ord from ${compared.rows} as r`);
    const missing = await unmatched(client, table('expected'), table('actual'), columns, types);
    const unexpected = await unmatched(client, table('actual'), table('expected'), columns, types);
    const rows = await pair(client, missing, unexpected, { columns, types, key: compared.key, expected: table('expected'), actual: table('actual') });
    return { columns, equal: expectation.rows.length - missing.length, rows };
  } finally {
    await client.query('rollback to savepoint compared');
  }
}

/** Rows of one table without a partner in the other; of equal rows the first of one meets the first of the other. */
async function unmatched(client: Client | Connection, left: string, right: string, columns: readonly string[], types: ColumnTypes): Promise<Unmatched[]> {
  const values = (alias: string): string[] => columns.map((column) => comparable(`${alias}.${columnName(column)}`, types.get(column)!));
  const numbered = (table: string): string => `(select t.*, row_number() over (partition by ${values('t').join(', ') || 'true'} order by ord) as copy from ${table} as t)`;
  const right_ = values('b');
  const same = values('a').map((value, i) => `${value} is not distinct from ${right_[i]!}`);
  const texts = columns.map((column) => `a.${columnName(column)}::text`);
  const { rows } = await client.query<{ ord: number; texts: (string | null)[] }>(
    `select a.ord, array[${texts.join(', ')}]::text[] as texts from ${numbered(left)} as a
     where not exists (select from ${numbered(right)} as b where ${[...same, 'a.copy = b.copy'].join(' and ')})
     order by a.ord`,
  );
  return rows.map(({ ord, texts: found }) => ({ ord, values: found }));
}

interface Pairing {
  readonly columns: readonly string[];
  readonly types: ColumnTypes;
  readonly key: readonly string[];
  readonly expected: string;
  readonly actual: string;
}

/** Puts each missing row beside the unexpected row that is it with other values, as far as there is one. */
async function pair(client: Client | Connection, missing: readonly Unmatched[], unexpected: readonly Unmatched[], pairing: Pairing): Promise<RowDifference[]> {
  const partners = new Map<number, { ord: number; differs: boolean[] }>();
  const taken = new Set<number>();
  for (const { a, b, same } of await likeness(client, missing, unexpected, pairing)) {
    if (partners.has(a) || taken.has(b)) continue;
    partners.set(a, { ord: b, differs: same.map((equal) => !equal) });
    taken.add(b);
  }
  const values = new Map(unexpected.map((row) => [row.ord, row.values]));
  return [
    ...missing.map((row): RowDifference => {
      const partner = partners.get(row.ord);
      return partner === undefined ? { expected: row.values } : { expected: row.values, actual: values.get(partner.ord)!, differs: partner.differs };
    }),
    ...unexpected.filter(({ ord }) => !taken.has(ord)).map((row): RowDifference => ({ actual: row.values })),
  ];
}

/** Pairs that are alike, the likest first: by the key when it is compared, else by half of their columns. */
async function likeness(client: Client | Connection, missing: readonly Unmatched[], unexpected: readonly Unmatched[], { columns, types, key, expected, actual }: Pairing): Promise<{ a: number; b: number; same: boolean[] }[]> {
  if (missing.length * unexpected.length === 0 || missing.length * unexpected.length > MOST_PAIRS) return [];
  const equal = (column: string): string => `${comparable(`a.${columnName(column)}`, types.get(column)!)} is not distinct from ${comparable(`b.${columnName(column)}`, types.get(column)!)}`;
  const { rows } = await client.query<{ a: number; b: number; same: boolean[] }>(
    `select a.ord as a, b.ord as b, array[${columns.map(equal).join(', ')}] as same
     from ${expected} as a cross join ${actual} as b where a.ord = any($1) and b.ord = any($2) order by a.ord, b.ord`,
    [missing.map(({ ord }) => ord), unexpected.map(({ ord }) => ord)],
  );
  const count = (same: readonly boolean[]): number => same.filter(Boolean).length;
  const isKeyed = key.length > 0 && key.every((column) => columns.includes(column));
  const alike = ({ same }: { same: readonly boolean[] }): boolean => (isKeyed ? key.every((column) => same[columns.indexOf(column)]) : 2 * count(same) >= columns.length);
  return rows.filter(alike).sort((x, y) => count(y.same) - count(x.same));
}

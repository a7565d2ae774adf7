import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { columnsOf } from '../catalog.js';
import { columnList, columnName, relationName } from '../sql-names.js';

/** How one model's rows of the sample differ between the applied files and those of now. */
export interface SampleDifference {
  readonly relation: string;
  /** Columns that both have; rows are compared by them. */
  readonly columns: readonly string[];
  /** Undefined for a model that is new. */
  readonly rowsBefore?: number;
  readonly rowsAfter: number;
  /** Input rows of the sample that cannot be computed, which a run would put aside; they are left out. */
  readonly failingBefore: number;
  readonly failingAfter: number;
  readonly added: number;
  readonly removed: number;
  /** Rows of the same `unique_key` with other values; without a key such a row is one removed and one added. */
  readonly changed: number;
  /** The first of them, at most 20, by key; values as text in the order of `columns`. */
  readonly rows: readonly ChangedRow[];
}

export interface ChangedRow {
  readonly before?: readonly (string | null)[];
  readonly after?: readonly (string | null)[];
}

const MOST_ROWS = 20;

/** Compares two tables as bags of rows, value by value as text; a key tells which rows belong together. */
export async function compareTables(client: Client | Connection, before: string | undefined, after: string, uniqueKey: readonly string[]): Promise<Omit<SampleDifference, 'relation' | 'failingBefore' | 'failingAfter'>> {
  const afterColumns = (await columnsOf(client, after)).map(({ name }) => name).filter((name) => name !== 'arrival');
  const beforeColumns = before === undefined ? afterColumns : (await columnsOf(client, before)).map(({ name }) => name);
  const columns = afterColumns.filter((name) => beforeColumns.includes(name));
  const key = uniqueKey.length > 0 && uniqueKey.every((name) => columns.includes(name)) ? uniqueKey : columns;
  const side = (table: string | undefined): string => {
    const texts = columns.map((name) => `${columnName(name)}::text`).join(', ');
    const values = columnList(key);
    return `select array[${texts}]::text[] as row, row_number() over (partition by ${values} order by array[${texts}]::text[]) as nth, array[${key.map((name) => `${columnName(name)}::text`).join(', ')}]::text[] as key from ${table === undefined ? `${relationName(after)} where false` : relationName(table)}`;
  };
  const joined = `(${side(before)}) as b full join (${side(after)}) as a on a.key = b.key and a.nth = b.nth where a.row is distinct from b.row`;
  const counts = await client.query<{ added: string; removed: string; changed: string }>(
    `select count(*) filter (where b.row is null) as added, count(*) filter (where a.row is null) as removed, count(*) filter (where a.row is not null and b.row is not null) as changed from ${joined}`,
  );
  const { rows } = await client.query<{ before: (string | null)[] | null; after: (string | null)[] | null }>(
    `select b.row as before, a.row as after from ${joined} order by coalesce(b.key, a.key), b.row limit ${MOST_ROWS}`,
  );
  const count = counts.rows[0]!;
  return {
    columns,
    ...(before === undefined ? {} : { rowsBefore: await countRows(client, before) }),
    rowsAfter: await countRows(client, after),
    added: Number(count.added),
    removed: Number(count.removed),
    changed: Number(count.changed),
    rows: rows.map((row) => ({ ...(row.before === null ? {} : { before: row.before }), ...(row.after === null ? {} : { after: row.after }) })),
  };
}

async function countRows(client: Client | Connection, table: string): Promise<number> {
  const { rows } = await client.query<{ count: string }>(`select count(*) from ${relationName(table)}`);
  return Number(rows[0]?.count ?? 0);
}

import { placeInQuery, type Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { ApplyError } from './apply-error.js';
import { serverError } from './sql-error.js';
import { bareName, columnList, columnName, joinedName, relationName, schemaOf } from './sql-names.js';

const NOT_NULL = 'ingot_not_null';

/** The constraint that keeps the data test `not_null` of a column. */
export function notNullConstraint(column: string): string {
  return joinedName(NOT_NULL, column);
}

/** The index that keeps the data test `unique` of a column. */
export function uniqueIndex(relation: string, column: string): string {
  return joinedName(bareName(relation), column, 'unique');
}

/**
 * Data tests `not_null` as CHECK constraints that are not validated: they look at the rows a run writes, and cost
 * nothing for those before. A query over the rows of a run would read a changing table whole, as it has no index on
 * `_run_id`.
 */
export async function syncConstraints(client: Client | Connection, model: Model): Promise<void> {
  const wanted = new Map(model.dataTests.flatMap((test): [string, string][] => (test.kind === 'not_null' ? [[notNullConstraint(test.column), test.column]] : [])));
  const { rows } = await client.query<{ name: string }>(
    `select conname as name from pg_constraint where conrelid = $1::regclass and contype = 'c' and starts_with(conname, $2)`,
    [relationName(model.relation), `${NOT_NULL}_`],
  );
  const present = new Set(rows.map(({ name }) => name));
  const changes = [
    ...[...present].filter((name) => !wanted.has(name)).map((name) => `drop constraint ${columnName(name)}`),
    ...[...wanted].filter(([name]) => !present.has(name)).map(([name, column]) => `add constraint ${columnName(name)} check (${columnName(column)} is not null) not valid`),
  ];
  if (changes.length > 0) await client.query(`alter table ${relationName(model.relation)} ${changes.join(', ')}`);
}

interface Index {
  readonly name: string;
  readonly columns: readonly string[];
  readonly unique: '' | 'nulls distinct' | 'nulls not distinct';
}

/**
 * Makes the declared indexes, one for `unique_key` (null is a value there, as it is in GROUP BY) and one for each data
 * test `unique`; drops those that earlier files declared.
 * @param before names of the indexes made by the last apply
 * @returns names of the indexes of now
 * @throws ApplyError when the rows of now are not unique
 */
export async function syncIndexes(client: Client | Connection, model: Model, before: readonly string[]): Promise<string[]> {
  const wanted = indexesOf(model);
  const names = wanted.map(({ name }) => name);
  for (const name of before.filter((old) => !names.includes(old))) await client.query(`drop index if exists ${relationName(`${schemaOf(model.relation)}.${name}`)}`);
  const { rows } = await client.query<{ name: string }>('select c.relname as name from pg_index as i join pg_class as c on c.oid = i.indexrelid where i.indrelid = $1::regclass', [relationName(model.relation)]);
  const present = new Set(rows.map(({ name }) => name));
  for (const { name, columns, unique } of wanted) {
    if (present.has(name)) continue;
    try {
      await client.query(`create ${unique === '' ? '' : 'unique '}index ${columnName(name)} on ${relationName(model.relation)} (${columnList(columns)}) ${unique === 'nulls not distinct' ? unique : ''}`);
    } catch (error) {
      const { message, detail } = serverError(error);
      throw new ApplyError([{ ...placeInQuery(model.query, 0), message: `${model.relation}: index on ${columns.join(', ')}: ${message}${detail === undefined ? '' : ` (${detail})`}` }], { cause: error });
    }
  }
  return [...names].sort();
}

function indexesOf(model: Model): Index[] {
  const table = bareName(model.relation);
  const keyed = model.strategy === 'accumulate' || model.strategy === 'delete+insert';
  const key: Index[] = keyed && model.uniqueKey.length > 0 ? [{ name: joinedName(table, ...model.uniqueKey, 'key'), columns: model.uniqueKey, unique: 'nulls not distinct' }] : [];
  const tests = model.dataTests.flatMap((test): Index[] => (test.kind === 'unique' ? [{ name: uniqueIndex(model.relation, test.columns.join('_')), columns: test.columns, unique: 'nulls distinct' }] : []));
  const declared = model.indexes.map((columns): Index => ({ name: joinedName(table, ...columns, 'idx'), columns, unique: '' }));
  const indexes = [...key, ...tests, ...declared];
  const touch = model.touchKey.map(({ column }) => column);
  // delete+insert finds its stored rows by the touched key; without an index it would read the whole table each time.
  if (touch.length > 0 && !indexes.some(({ columns }) => startsWithSet(columns, touch))) indexes.push({ name: joinedName(table, ...touch, 'touch'), columns: touch, unique: '' });
  return [...new Map(indexes.map((index) => [index.name, index])).values()];
}

function startsWithSet(columns: readonly string[], set: readonly string[]): boolean {
  const first = columns.slice(0, set.length);
  return set.every((column) => first.includes(column));
}

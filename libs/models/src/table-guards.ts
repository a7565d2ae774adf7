import { placeInQuery, type DataTest, type Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { ApplyError } from './apply-error.js';
import { CHECK_PREFIX, gatesOf, hasKeyIndex } from './data-tests/gates.js';
import { describeTest } from './data-tests/test-result.js';
import { serverError } from './sql-error.js';
import { bareName, columnList, columnName, joinedName, relationName, schemaOf } from './sql-names.js';

/**
 * Data tests of single rows as CHECK constraints that are not validated: they look at the rows that are written, and
 * cost nothing for those before.
 * @throws ApplyError at the test that cannot be one, e.g. whose values are not of the column's type
 */
export async function syncConstraints(client: Client | Connection, model: Model): Promise<void> {
  const table = relationName(model.relation);
  const wanted = gatesOf(model).filter((gate) => gate.kind === 'check');
  const { rows } = await client.query<{ name: string }>(
    `select conname as name from pg_constraint where conrelid = $1::regclass and contype = 'c' and (starts_with(conname, $2) or starts_with(conname, 'ingot_not_null_'))`,
    [table, `${CHECK_PREFIX}_`],
  );
  const present = new Set(rows.map(({ name }) => name));
  const names = new Set(wanted.map(({ name }) => name));
  const gone = [...present].filter((name) => !names.has(name)).map((name) => `drop constraint ${columnName(name)}`);
  if (gone.length > 0) await client.query(`alter table ${table} ${gone.join(', ')}`);
  for (const { name, test, expression } of wanted) {
    if (present.has(name)) continue;
    try {
      await client.query(`alter table ${table} add constraint ${columnName(name)} check (${expression}) not valid`);
    } catch (error) {
      throw new ApplyError([{ ...test.place, message: `data test ${describeTest(test)}: ${serverError(error).message ?? String(error)}` }], { cause: error });
    }
  }
}

interface Index {
  readonly name: string;
  readonly columns: readonly string[];
  readonly unique: '' | 'nulls not distinct';
  /** A data test `unique`, kept by a constraint: that can be put off until a query has told all keys that occur twice. */
  readonly test?: DataTest;
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
  for (const name of before.filter((old) => !names.includes(old))) {
    await client.query(`alter table ${relationName(model.relation)} drop constraint if exists ${columnName(name)}`);
    await client.query(`drop index if exists ${relationName(`${schemaOf(model.relation)}.${name}`)}`);
  }
  const { rows } = await client.query<{ name: string }>('select c.relname as name from pg_index as i join pg_class as c on c.oid = i.indexrelid where i.indrelid = $1::regclass', [relationName(model.relation)]);
  const present = new Set(rows.map(({ name }) => name));
  for (const { name, columns, unique, test } of wanted) {
    if (present.has(name)) continue;
    try {
      const index = `create ${unique === '' && test === undefined ? '' : 'unique '}index ${columnName(name)} on ${relationName(model.relation)} (${columnList(columns)}) ${unique}`;
      // A constraint that makes its own index locks readers out for as long as that takes. One message, so that a kill leaves both or none.
      const constraint = `alter table ${relationName(model.relation)} add constraint ${columnName(name)} unique using index ${columnName(name)} deferrable initially immediate`;
      await client.query(test === undefined ? index : `${index}; ${constraint}`);
    } catch (error) {
      const { message, detail } = serverError(error);
      throw new ApplyError([{ ...(test?.place ?? placeInQuery(model.query, 0)), message: `${model.relation}: index on ${columns.join(', ')}: ${message}${detail === undefined ? '' : ` (${detail})`}` }], { cause: error });
    }
  }
  return [...names].sort();
}

/** What keeps a table's data tests and keys, and speeds it up. */
export interface GuardNames {
  /** Of constraints. */
  readonly checks: readonly string[];
  readonly indexes: readonly string[];
}

/** What a model's table has when syncConstraints and syncIndexes have been at it; nothing for a view. */
export function guardNames(model: Model): GuardNames {
  if (model.materialized === 'view') return { checks: [], indexes: [] };
  return { checks: gatesOf(model).flatMap(({ kind, name }) => (kind === 'check' ? [name] : [])), indexes: indexesOf(model).map(({ name }) => name) };
}

function indexesOf(model: Model): Index[] {
  const table = bareName(model.relation);
  const key: Index[] = hasKeyIndex(model) ? [{ name: joinedName(table, ...model.uniqueKey, 'key'), columns: model.uniqueKey, unique: 'nulls not distinct' }] : [];
  const tests = gatesOf(model).flatMap((gate): Index[] => (gate.kind === 'unique' ? [{ name: gate.name, columns: gate.columns, unique: '', test: gate.test }] : []));
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

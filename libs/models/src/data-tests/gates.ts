import { createHash } from 'node:crypto';
import type { DataTest, Model } from '@ingot/datasets';
import { serverError } from '../sql-error.js';
import { bareName, joinedName } from '../sql-names.js';
import { isRowRule, violates } from '../strategies/row-wise/row-rules.js';

type TestedModel = Pick<Model, 'relation' | 'materialized' | 'strategy' | 'uniqueKey' | 'dataTests' | 'partitionBy'>;

/** A constraint that keeps a data test while rows are written. */
export type Gate =
  | { readonly test: DataTest; readonly name: string; readonly kind: 'check'; readonly expression: string }
  | { readonly test: DataTest; readonly name: string; readonly kind: 'unique'; readonly columns: readonly string[] };

export const CHECK_PREFIX = 'ingot_test';

/** With this setting the checks let every row pass, so that a query can tell all guilty rows. */
export const BY_QUERY = `set local ingot.data_tests = 'by query'`;
const IS_BY_QUERY = `coalesce(current_setting('ingot.data_tests', true), '') = 'by query'`;

/**
 * The data tests of a model that constraints keep: those of one row as CHECKs that are not validated, `unique` as a
 * unique constraint. They look at exactly the rows that are written, whichever way; a query over the rows of a run would
 * read a changing table whole, which has no index on `_run_id`.
 */
export function gatesOf(model: TestedModel): Gate[] {
  if (model.materialized === 'view') return [];
  return model.dataTests.flatMap((test): Gate[] => {
    if (test.onFail !== 'error' || test.errorAbove > 0) return [];
    if (isRowRule(test)) {
      const expression = `(${violates(test)}) is not true or ${IS_BY_QUERY}`;
      const version = createHash('sha256').update(expression).digest('hex').slice(0, 8);
      return [{ test, name: joinedName(CHECK_PREFIX, version, test.name), kind: 'check', expression }];
    }
    if (test.kind !== 'unique' || test.where !== undefined || isKeptByKey(model, test)) return [];
    return [{ test, name: joinedName(bareName(model.relation), ...test.columns, 'unique'), kind: 'unique', columns: test.columns }];
  });
}

/** Whether `unique_key` has a unique index: rows that are only appended replace none, so that their key is no more than a name. */
export function hasKeyIndex({ materialized, strategy, uniqueKey }: Pick<Model, 'materialized' | 'strategy' | 'uniqueKey'>): boolean {
  return materialized !== 'view' && strategy !== 'append' && uniqueKey.length > 0;
}

/** Whether the index of `unique_key` keeps a test, whatever its severity; it minds nulls, too. */
export function isKeptByKey(model: TestedModel, test: DataTest): boolean {
  if (test.kind !== 'unique' || !hasKeyIndex(model)) return false;
  return model.uniqueKey.length === test.columns.length && model.uniqueKey.every((column) => test.columns.includes(column));
}

/** The gate that an error of the server comes from. */
export function gateOfError(model: TestedModel, error: unknown): Gate | undefined {
  const { constraint, schema, table } = serverError(error);
  if (constraint === undefined || !isOfTable(model, schema, table)) return undefined;
  return gatesOf(model).find(({ name }) => name === constraint);
}

/** Whether the server speaks of the model's table, or of a partition of it: their names begin alike. */
export function isOfTable({ relation, partitionBy }: Pick<Model, 'relation' | 'partitionBy'>, schema: string | undefined, table: string | undefined): boolean {
  return `${schema}.${table}` === relation || (partitionBy !== undefined && `${schema}.${table}`.startsWith(`${relation}_`));
}

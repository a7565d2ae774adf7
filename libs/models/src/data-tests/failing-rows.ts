import type { DataTest } from '@ingot/datasets';
import { bareName, bigintLiteral, columnList, columnName, relationName, RUN_ID } from '../sql-names.js';
import { isRowRule, violates } from '../strategies/row-wise/row-rules.js';

/** A test whose failures are rows that a SELECT finds. */
export type SelectableTest = Exclude<DataTest, { kind: 'freshness' | 'row_count_change' }>;

export function isSelectable(test: DataTest): test is SelectableTest {
  return test.kind !== 'freshness' && test.kind !== 'row_count_change';
}

/**
 * The SELECT for the rows that a test forbids; for `unique` one row for each key that occurs more than once.
 * @param runId looks only at rows that this run wrote, for `unique` at their keys
 */
export function failingRows(test: SelectableTest, runId?: bigint): string {
  const table = relationName(test.relation);
  const alias = columnName(bareName(test.relation));
  const ofRun = runId === undefined ? [] : [`${columnName(RUN_ID)} = ${bigintLiteral(runId)}`];
  if (isRowRule(test)) return `select * from ${table} as ${alias} where ${[...ofRun, violates(test)].join(' and ')}`;
  const where = test.where === undefined ? [] : [`(\n${test.where}\n)`];
  if (test.kind === 'relationships') {
    const parent = `select from ${relationName(test.to)} as parent where parent.${columnName(test.field)} = ${alias}.${columnName(test.column)}`;
    const conditions = [...ofRun.map((condition) => `${alias}.${condition}`), ...where, `${alias}.${columnName(test.column)} is not null`, `not exists (${parent})`];
    return `select * from ${table} as ${alias} where ${conditions.join(' and ')}`;
  }
  const key = columnList(test.columns);
  const written = ofRun.map((condition) => `(${key}) in (select ${key} from ${table} where ${condition})`);
  const conditions = [...where, ...written, ...test.columns.map((column) => `${columnName(column)} is not null`)];
  return `select ${key}, count(*) as ${columnName('rows')} from ${table} as ${alias} where ${conditions.join(' and ')} group by ${key} having count(*) > 1`;
}

const MOST_SAMPLES = 20;
const LONGEST_VALUE = 1_000;
const FAILING = columnName('ingot:failing');

/** What stands around a SELECT of failing rows so that it gives their number, `failures`, and some of them, `samples`. */
export function counted(): { before: string; after: string } {
  const value = `case when length(value::text) > ${LONGEST_VALUE} then to_json(left(value #>> '{}', ${LONGEST_VALUE}) || '…') else value end`;
  const sample = `(select json_object_agg(key, ${value}) from json_each(row_to_json(f)))`;
  return {
    before: `with ${FAILING} as materialized (\n`,
    after: `\n)\nselect (select count(*) from ${FAILING})::int8 as failures, (select coalesce(json_agg(sample), '[]') from (select ${sample} as sample from ${FAILING} as f limit ${MOST_SAMPLES}) as s) as samples`,
  };
}

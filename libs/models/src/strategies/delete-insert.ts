import { withRelations, type Model } from '@ingot/datasets';
import type { Step } from '../plan.js';
import { bigintLiteral, columnList, columnName, relationName, RUN_ID } from '../sql-names.js';
import { wrapQuery } from './wrapped-query.js';
import { nullPatterns, type NullPattern } from './null-patterns.js';
import type { StepContext, StepRows } from './step-context.js';

/** Distinct keys in a temporary table. */
interface Touched {
  readonly table: string;
  readonly count: number;
}

/**
 * Computes the rows of the touched keys anew: the keys of every new, changed or removed row of every increment input,
 * with the values those rows had before. Their stored rows are deleted; the SELECT then reads all rows of those keys
 * in the place of each increment input.
 */
export async function deleteInsert(step: Step, context: StepContext): Promise<StepRows> {
  if (step.touched === undefined) throw new Error(`${step.model.relation}: no table for its touched keys`);
  const count = await collectTouched(step, step.touched.name, context);
  if (count === 0) return { written: 0, deleted: 0 };
  const patterns = await nullPatterns(step, step.touched.name, context);
  const touched = { table: step.touched.name, count };
  let deleted = 0;
  for (const pattern of patterns) deleted += await deleteTouched(step, touched, pattern, context);
  return { written: await insertTouched(step, touched, patterns, context), deleted };
}

async function collectTouched(step: Step, touched: string, context: StepContext): Promise<number> {
  const arms = step.model.incrementOn.flatMap((relation) => {
    const increment = context.increments.get(relation);
    if (increment === undefined) throw new Error(`${step.model.relation}: ${relation} has no increment`);
    if (increment.rows === 0) return [];
    const columns = columnList(sourceColumns(step.model, relation));
    if (increment.kind === 'growing') return [`select ${columns} from ${relationName(relation)} where ${increment.where}`];
    if (increment.changed === undefined) throw new Error(`${relation}: its changes were not kept`);
    return [`select ${columns} from ${increment.changed}`];
  });
  if (arms.length === 0) return 0;
  const keys = step.model.touchKey.map(({ column }) => column);
  const distinct = arms.length === 1 ? arms[0]!.replace(/^select /, 'select distinct ') : arms.join(' union ');
  return (await context.execute(step, { text: `insert into ${touched} (${columnList(keys)}) ${distinct}`, incrementOnly: true })).rowCount;
}

async function deleteTouched(step: Step, touched: Touched, pattern: NullPattern, context: StepContext): Promise<number> {
  const { model, changed } = step;
  const keys = model.touchKey.map(({ column }) => column);
  const remove = `delete from ${relationName(model.relation)} as stored where ${matches('stored', keys, touched, keys, pattern)}`;
  const text =
    changed === undefined
      ? remove
      : `with gone as (${remove} returning ${columnList(changed.columns, 'stored')}) insert into ${changed.name} (${columnList(changed.columns)}) select ${columnList(changed.columns)} from gone`;
  return (await context.execute(step, { text, incrementOnly: false })).rowCount;
}

async function insertTouched(step: Step, touched: Touched, patterns: readonly NullPattern[], context: StepContext): Promise<number> {
  const { model, columns, changed } = step;
  const rendered = withRelations(model.query, ({ relation }) => (model.incrementOn.includes(relation) ? touchedRows(model, relation, touched, patterns) : undefined));
  const insert = `insert into ${relationName(model.relation)} (${columnList([...columns, RUN_ID])})\nselect ${columnList(columns, 'q')}, ${bigintLiteral(context.runId)} from (\n`;
  const statement =
    changed === undefined
      ? wrapQuery(insert, rendered, '\n) as q')
      : wrapQuery(
          `with written as (${insert}`,
          rendered,
          `\n) as q\nreturning ${columnList(changed.columns)})\ninsert into ${changed.name} (${columnList(changed.columns)}) select ${columnList(changed.columns)} from written`,
        );
  return (await context.execute(step, { ...statement, incrementOnly: false })).rowCount;
}

/** All rows of an input that belong to touched keys. */
function touchedRows(model: Model, relation: string, touched: Touched, patterns: readonly NullPattern[]): string {
  const keys = model.touchKey.map(({ column }) => column);
  const arms = patterns.map((pattern) => `select * from ${relationName(relation)} as input where ${matches('input', sourceColumns(model, relation), touched, keys, pattern)}`);
  return `(${arms.join(' union all ')})`;
}

/** The input's columns that the touch key comes from, in its order. */
function sourceColumns(model: Model, relation: string): string[] {
  return model.touchKey.map(({ column, from }) => {
    const source = from[relation];
    if (source === undefined) throw new Error(`${model.relation}: touch_key ${column} does not come from ${relation}`);
    return source;
  });
}

/**
 * The condition for rows whose key is one of the touched ones with nulls in just these places. One condition for each
 * such pattern lets every one be an equality or IS NULL, which a b-tree serves; IS NOT DISTINCT FROM is served by none.
 * The LIMIT leaves nothing out: it tells the planner how many keys there are. It takes a table it has no statistics of
 * for 2,000 rows, and then reads tables of some 10,000 rows whole for the sake of one key.
 */
function matches(alias: string, columns: readonly string[], touched: Touched, keys: readonly string[], pattern: NullPattern): string {
  const present = pattern.flatMap((isNull, i) => (isNull ? [] : [i]));
  const nulls = pattern.flatMap((isNull, i) => (isNull ? [`${alias}.${columnName(columns[i]!)} is null`] : []));
  const sameNulls = keys.map((key, i) => `t.${columnName(key)} is ${pattern[i] ? '' : 'not '}null`).join(' and ');
  const key = columnList(present.map((i) => keys[i]!), 't');
  const own = columnList(present.map((i) => columns[i]!), alias);
  const isTouched = present.length === 0 ? [] : [`(${own}) in (select ${key} from ${touched.table} as t where ${sameNulls} limit ${touched.count})`];
  return [...nulls, ...isTouched].join(' and ');
}

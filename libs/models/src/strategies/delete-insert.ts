import { withRelations, type Model } from '@ingot/datasets';
import { rowsUpToRun } from '../increment.js';
import { notBelowFloors } from '../retention/floors.js';
import type { Step } from '../step.js';
import { bigintLiteral, columnList, relationName, RUN_ID } from '../sql-names.js';
import { keepingChanged } from './changed-keys.js';
import { matchesKey, nullPatterns, type KeyRows, type NullPattern } from './key-match.js';
import type { StepContext, StepRows } from './step-context.js';
import { wrapQuery } from './wrapped-query.js';

/**
 * Computes the rows of the touched keys anew: the keys of every new, changed or removed row of every increment input,
 * with the values those rows had before. Their stored rows are deleted; the SELECT then reads all rows of those keys
 * in the place of each increment input.
 */
export async function deleteInsert(step: Step, context: StepContext): Promise<StepRows> {
  if (step.touched === undefined) throw new Error(`${step.model.relation}: no table for its touched keys`);
  const columns = step.model.touchKey.map(({ column }) => column);
  const touched = { rows: step.touched.name, columns, count: await collectTouched(step, step.touched.name, context) };
  if (touched.count === 0) return { written: 0, deleted: 0 };
  const patterns = await nullPatterns(step, columns, touched.rows, context);
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
    const kept = step.months === undefined ? undefined : notBelowFloors(step.model, relation, context.floors, step.months);
    if (increment.kind === 'growing') return [`select ${columns} from ${relationName(relation)} where ${[`(${increment.where})`, ...(kept === undefined ? [] : [kept])].join(' and ')}`];
    if (increment.changed === undefined) throw new Error(`${relation}: its changes were not kept`);
    return [`select ${columns} from ${increment.changed}${kept === undefined ? '' : ` where ${kept}`}`];
  });
  if (arms.length === 0) return 0;
  const keys = step.model.touchKey.map(({ column }) => column);
  const distinct = arms.length === 1 ? arms[0]!.replace(/^select /, 'select distinct ') : arms.join(' union ');
  return (await context.execute(step, { text: `insert into ${touched} (${columnList(keys)}) ${distinct}`, incrementOnly: true })).rowCount;
}

async function deleteTouched(step: Step, touched: KeyRows, pattern: NullPattern, context: StepContext): Promise<number> {
  const { before, after } = keepingChanged(step, 'stored');
  const remove = `delete from ${relationName(step.model.relation)} as stored where ${matchesKey('stored', touched.columns, touched, pattern)}`;
  return (await context.execute(step, { text: before + remove + after, incrementOnly: false })).rowCount;
}

async function insertTouched(step: Step, touched: KeyRows, patterns: readonly NullPattern[], context: StepContext): Promise<number> {
  const { model, columns } = step;
  const rendered = withRelations(model.query, ({ relation }) => (model.incrementOn.includes(relation) ? touchedRows(model, relation, touched, patterns, context) : rowsUpToRun(context.increments, relation)));
  const { before, after } = keepingChanged(step, 'stored');
  const insert = `${before}insert into ${relationName(model.relation)} as stored (${columnList([...columns, RUN_ID])})\nselect ${columnList(columns, 'q')}, ${bigintLiteral(context.runId)} from (\n`;
  return (await context.execute(step, { ...wrapQuery(insert, rendered, `\n) as q${after}`), incrementOnly: false })).rowCount;
}

/** All rows of an input that belong to touched keys. */
function touchedRows(model: Model, relation: string, touched: KeyRows, patterns: readonly NullPattern[], { increments }: StepContext): string {
  const rows = rowsUpToRun(increments, relation) ?? relationName(relation);
  const arms = patterns.map((pattern) => `select * from ${rows} as input where ${matchesKey('input', sourceColumns(model, relation), touched, pattern)}`);
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

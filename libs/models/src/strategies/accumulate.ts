import { withRelations, type Aggregate } from '@ingot/datasets';
import { rowsUpToRun } from '../increment.js';
import type { Step } from '../step.js';
import { bigintLiteral, columnList, columnName, relationName, RUN_ID } from '../sql-names.js';
import { keepingChanged, keepValuesBefore } from './changed-keys.js';
import { growingInput, stageIncrement } from './staged-increment.js';
import type { StepContext, StepRows } from './step-context.js';
import { wrapQuery } from './wrapped-query.js';

/**
 * Adds the aggregates of the new rows to those stored under the same key. What readers go by is kept in the step's
 * temporary table in the same statement. Where they go by an accumulated value, the aggregates are computed into a table
 * of the session first, so that the values of before can be read by their keys.
 */
export async function accumulate(step: Step, context: StepContext): Promise<StepRows> {
  const { model, columns, computed } = step;
  const input = growingInput(step, context);
  const rows = await stageIncrement(step, context, input);
  const rendered = withRelations(model.query, ({ relation }) => (relation === input.relation ? rows : rowsUpToRun(context.increments, relation)));
  const incrementOnly = step.staged === undefined;
  const sets = Object.entries(model.accumulate).map(([column, aggregate]) => `${columnName(column)} = ${meet(columnName(column), aggregate)}`);
  const { before, after } = keepingChanged(step, 'stored');
  const insert = `${before}insert into ${relationName(model.relation)} as stored (${columnList([...columns, RUN_ID])})\nselect ${columnList(columns, 'q')}, ${bigintLiteral(context.runId)} from `;
  const upsert = ` as q\non conflict (${columnList(model.uniqueKey)}) do update set ${[...sets, `${columnName(RUN_ID)} = excluded.${columnName(RUN_ID)}`].join(', ')}${after}`;
  if (computed === undefined) {
    const { rowCount } = await context.execute(step, { ...wrapQuery(`${insert}(\n`, rendered, `\n)${upsert}`), incrementOnly });
    return { written: rowCount, deleted: 0 };
  }
  await context.execute(step, { ...wrapQuery(`insert into ${computed.name} (${columnList(columns)})\nselect ${columnList(columns, 'q')} from (\n`, rendered, '\n) as q'), incrementOnly });
  await keepValuesBefore(step, context, computed.name);
  const { rowCount } = await context.execute(step, { text: `${insert}${computed.name}${upsert}`, incrementOnly: false });
  return { written: rowCount, deleted: 0 };
}

/** How the stored value and that of the new rows become one; an aggregate over nothing but nulls is null. */
function meet(column: string, aggregate: Aggregate): string {
  const [stored, added] = [`stored.${column}`, `excluded.${column}`];
  switch (aggregate) {
    case 'sum':
    case 'count':
      return `coalesce(${stored} + ${added}, ${stored}, ${added})`;
    case 'min':
      return `least(${stored}, ${added})`;
    case 'max':
      return `greatest(${stored}, ${added})`;
  }
}

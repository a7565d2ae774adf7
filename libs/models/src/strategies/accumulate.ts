import { withRelations, type Aggregate } from '@ingot/datasets';
import type { Step } from '../plan.js';
import { bigintLiteral, columnList, columnName, relationName, RUN_ID } from '../sql-names.js';
import { growingInput, stageIncrement } from './staged-increment.js';
import { wrapQuery } from './wrapped-query.js';
import type { StepContext, StepRows } from './step-context.js';

/**
 * Adds the aggregates of the new rows to those stored under the same key. The keys written go to the step's temporary
 * table in the same statement; accumulating never changes a key, so those of before are the same.
 */
export async function accumulate(step: Step, context: StepContext): Promise<StepRows> {
  const { model, columns, changed } = step;
  const input = growingInput(step, context);
  const rows = await stageIncrement(step, context, input);
  const rendered = withRelations(model.query, ({ relation }) => (relation === input.relation ? rows : undefined));
  const sets = Object.entries(model.accumulate).map(([column, aggregate]) => `${columnName(column)} = ${meet(columnName(column), aggregate)}`);
  const insert = `insert into ${relationName(model.relation)} as stored (${columnList([...columns, RUN_ID])})\nselect ${columnList(columns, 'q')}, ${bigintLiteral(context.runId)} from (\n`;
  const upsert = `\n) as q\non conflict (${columnList(model.uniqueKey)}) do update set ${[...sets, `${columnName(RUN_ID)} = excluded.${columnName(RUN_ID)}`].join(', ')}`;
  const statement =
    changed === undefined
      ? wrapQuery(insert, rendered, upsert)
      : wrapQuery(
          `with written as (${insert}`,
          rendered,
          `${upsert}\nreturning ${columnList(changed.columns, 'stored')})\ninsert into ${changed.name} (${columnList(changed.columns)}) select ${columnList(changed.columns)} from written`,
        );
  const { rowCount } = await context.execute(step, { ...statement, incrementOnly: step.staged === undefined });
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

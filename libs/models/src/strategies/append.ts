import { withRelations } from '@ingot/datasets';
import { growingInput, stageIncrement } from './staged-increment.js';
import type { Step } from '../plan.js';
import { wrapQuery } from './wrapped-query.js';
import { bigintLiteral, columnList, relationName, RUN_ID } from '../sql-names.js';
import type { StepContext, StepRows } from './step-context.js';

/** Inserts what the SELECT makes of the new rows of its input. */
export async function append(step: Step, context: StepContext): Promise<StepRows> {
  const input = growingInput(step, context);
  const rows = await stageIncrement(step, context, input);
  const rendered = withRelations(step.model.query, ({ relation }) => (relation === input.relation ? rows : undefined));
  const statement = wrapQuery(
    `insert into ${relationName(step.model.relation)} (${columnList([...step.columns, RUN_ID])})\nselect ${columnList(step.columns, 'q')}, ${bigintLiteral(context.runId)} from (\n`,
    rendered,
    '\n) as q',
  );
  const { rowCount } = await context.execute(step, { ...statement, incrementOnly: step.staged === undefined });
  return { written: rowCount, deleted: 0 };
}

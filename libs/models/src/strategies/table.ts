import { withRelations } from '@ingot/datasets';
import { rowsUpToRun } from '../increment.js';
import type { Step } from '../step.js';
import { bigintLiteral, columnList, relationName, RUN_ID } from '../sql-names.js';
import type { StepContext, StepRows } from './step-context.js';
import { differenceStatements } from './table-difference.js';
import { wrapQuery } from './wrapped-query.js';

/**
 * Computes the whole result into a table of the session and applies the difference. Readers never wait and never see
 * less than a whole result: TRUNCATE would show an empty table to older snapshots, and stop readers for the length of
 * the tests.
 */
export async function table(step: Step, context: StepContext): Promise<StepRows> {
  const { model, columns, computed } = step;
  if (computed === undefined) throw new Error(`${model.relation}: no table for its result`);
  const rendered = withRelations(model.query, ({ relation }) => rowsUpToRun(context.increments, relation));
  await context.execute(step, { ...wrapQuery(`insert into ${computed.name} (${columnList(columns)})\nselect ${columnList(columns, 'q')} from (\n`, rendered, '\n) as q'), incrementOnly: false });
  const { remove, add } = differenceStatements({
    table: relationName(model.relation),
    wanted: computed.name,
    columns,
    distinct: model.uniqueKey.length > 0,
    also: { [RUN_ID]: bigintLiteral(context.runId) },
  });
  const { rowCount: deleted } = await context.execute(step, { text: remove, incrementOnly: false });
  const { rowCount: written } = await context.execute(step, { text: add, incrementOnly: false });
  return { written, deleted };
}

import { incrementRows, type GrowingIncrement } from '../increment.js';
import type { Step } from '../step.js';
import { columnList } from '../sql-names.js';
import type { StepContext } from './step-context.js';

/** The one input of a row-wise or accumulating step. */
export function growingInput(step: Step, context: StepContext): GrowingIncrement {
  const [relation] = step.model.incrementOn;
  const increment = relation === undefined ? undefined : context.increments.get(relation);
  if (increment?.kind !== 'growing') throw new Error(`${step.model.relation}: ${relation ?? 'its input'} has no increment of new rows`);
  return increment;
}

/** Brings the increment into the step's temporary table when it has one. Returns the SQL that stands for its rows. */
export async function stageIncrement(step: Step, context: StepContext, input: GrowingIncrement): Promise<string> {
  const rows = incrementRows(input);
  if (step.staged === undefined) return rows;
  const { name, columns } = step.staged;
  const { rowCount } = await context.execute(step, { text: `insert into ${name} (${columnList(columns)}) select ${columnList(columns)} from ${rows} as input`, incrementOnly: true });
  return `(select * from ${name} limit ${rowCount})`; // all of them: the LIMIT is what the planner knows of their number
}

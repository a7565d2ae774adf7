import type { Step } from '../plan.js';
import { columnName } from '../sql-names.js';
import type { StepContext } from './step-context.js';

/** For each key column, whether it is null. */
export type NullPattern = readonly boolean[];

/** Which patterns of nulls occur among the touched keys: one, for keys without nulls, as a rule. */
export async function nullPatterns(step: Step, touched: string, context: StepContext): Promise<NullPattern[]> {
  const keys = step.model.touchKey.map(({ column }) => column);
  const flags = keys.map((key, i) => `${columnName(key)} is null as n${i}`).join(', ');
  const { rows } = await context.execute(step, { text: `select distinct ${flags} from ${touched}`, incrementOnly: false });
  return rows.map((row) => keys.map((_, i) => row[`n${i}`] === true));
}

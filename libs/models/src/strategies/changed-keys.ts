import type { Step } from '../step.js';
import { columnList, relationName } from '../sql-names.js';
import { matchesKey, nullPatterns } from './key-match.js';
import type { StepContext } from './step-context.js';

/**
 * What stands around a statement that writes a model's table, so that the columns its readers go by are kept of every
 * row it writes or removes; nothing when nobody reads the model by increment.
 * @param alias of the table in the statement
 */
export function keepingChanged({ changed }: Step, alias: string): { before: string; after: string } {
  if (changed === undefined) return { before: '', after: '' };
  const columns = columnList(changed.columns);
  return { before: 'with written as (', after: `\nreturning ${columnList(changed.columns, alias)})\ninsert into ${changed.name} (${columns}) select ${columns} from written` };
}

/** Whether readers go by columns that an upsert replaces. The key it leaves as it is, and what it writes tells that. */
export function needsValuesBefore({ model, changed }: Pick<Step, 'model' | 'changed'>): boolean {
  return changed !== undefined && changed.columns.some((column) => !model.uniqueKey.includes(column));
}

/**
 * Before a step writes rows under some keys: keeps what the stored rows of these keys say in the columns its readers go
 * by. RETURNING shows the values of before from PostgreSQL 18 on only.
 * @param rows a table of the session, or a sub-select, with the columns of the model's unique_key
 */
export async function keepValuesBefore(step: Step, context: StepContext, rows: string): Promise<void> {
  const { changed, model } = step;
  if (changed === undefined || !needsValuesBefore(step)) return;
  const patterns = await nullPatterns(step, model.uniqueKey, rows, context);
  if (patterns.length === 0) return;
  const counted = await context.execute(step, { text: `select count(*)::int as n from ${rows} as keys`, incrementOnly: false });
  const keys = { rows, columns: model.uniqueKey, count: Number(counted.rows[0]?.n) };
  for (const pattern of patterns) {
    await context.execute(step, {
      text: `insert into ${changed.name} (${columnList(changed.columns)}) select ${columnList(changed.columns, 'stored')} from ${relationName(model.relation)} as stored where ${matchesKey('stored', model.uniqueKey, keys, pattern)}`,
      incrementOnly: false,
    });
  }
}

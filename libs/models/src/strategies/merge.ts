import type { OrderTerm } from '@ingot/datasets';
import type { Step } from '../step.js';
import { bigintLiteral, columnList, columnName, relationName, RUN_ID } from '../sql-names.js';
import { keepingChanged, keepValuesBefore } from './changed-keys.js';
import { executeMapped } from './row-wise/mapped-rows.js';
import { NUMBER } from './row-wise/row-columns.js';
import type { StepContext, StepRows } from './step-context.js';

/**
 * Writes each row of the SELECT under its `unique_key`, as if they came one after the other in order of arrival: a row
 * that is not older than what is stored, by `order_by`, replaces the columns that may be replaced. A row that says what
 * is stored already is not written, so it keeps its `_run_id`.
 */
export async function merge(step: Step, context: StepContext): Promise<StepRows> {
  const { rowWise } = step;
  if (rowWise === undefined) throw new Error(`${step.model.relation} is not row-wise`);
  return executeMapped(step, context, rowWise, async (rows) => {
    await keepValuesBefore(step, context, rows);
    const { before, after } = keepingChanged(step, 'stored');
    const { rowCount } = await context.execute(step, { text: before + upsert(step, context.runId, rows) + after, incrementOnly: false });
    return rowCount;
  });
}

function upsert({ model, columns }: Step, runId: bigint, rows: string): string {
  const { uniqueKey, orderBy } = model;
  const replaced = replacedColumns(model.mergeUpdateColumns, uniqueKey, orderBy, columns);
  const sets = [...replaced.map((column) => `${columnName(column)} = excluded.${columnName(column)}`), `${columnName(RUN_ID)} = excluded.${columnName(RUN_ID)}`];
  // Compared as they are stored: not every type has an equality, and 1.0 is not 1.00.
  // The casts keep the parser from taking the comparison apart, column by column.
  const differs = `row(${columnList(replaced, 'stored')})::record *<> row(${columnList(replaced, 'excluded')})::record`;
  return `insert into ${relationName(model.relation)} as stored (${columnList([...columns, RUN_ID])})
select ${columnList(columns)}, ${bigintLiteral(runId)} from (${lastOfEachKey(uniqueKey, orderBy, columns, replaced, rows)}) as q
on conflict (${columnList(uniqueKey)}) do ${replaced.length === 0 ? 'nothing' : `update set ${sets.join(', ')}
where not ${isOlder(orderBy)} and ${differs}`}`;
}

/** The order must advance with what it orders, or an older row would replace a newer one later. */
function replacedColumns(chosen: readonly string[] | undefined, key: readonly string[], orderBy: readonly OrderTerm[], columns: readonly string[]): string[] {
  const replaced = new Set(chosen === undefined ? columns : [...chosen, ...orderBy.map(({ column }) => column)]);
  return columns.filter((column) => replaced.has(column) && !key.includes(column));
}

/** One row a key: ON CONFLICT takes no two. Columns that are never replaced keep what the first to arrive says. */
function lastOfEachKey(key: readonly string[], orderBy: readonly OrderTerm[], columns: readonly string[], replaced: readonly string[], rows: string): string {
  const values = columns.map((column) => {
    const name = columnName(column);
    return key.includes(column) || replaced.includes(column) ? name : `first_value(${name}) over (partition by ${columnList(key)} order by ${NUMBER}) as ${name}`;
  });
  // A null is older than every value, whichever way the order goes.
  const lastFirst = orderBy.map(({ column, descending }) => `${columnName(column)} ${descending ? 'asc' : 'desc'} nulls last`);
  return `select distinct on (${columnList(key)}) ${values.join(', ')} from ${rows} as o order by ${[columnList(key), ...lastFirst, `${NUMBER} desc`].join(', ')}`;
}

/** Whether the new row comes before the stored one. Of two that are equal in order the one that arrives later wins. */
function isOlder(orderBy: readonly OrderTerm[]): string {
  return orderBy.reduceRight((rest, { column, descending }) => {
    const [stored, added] = [`stored.${columnName(column)}`, `excluded.${columnName(column)}`];
    const older = `coalesce(${added} ${descending ? '>' : '<'} ${stored}, ${added} is null and ${stored} is not null)`;
    return `(${older} or (${added} is not distinct from ${stored} and ${rest}))`;
  }, 'false');
}

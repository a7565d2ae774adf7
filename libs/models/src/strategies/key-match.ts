import type { Step } from '../step.js';
import { columnList, columnName } from '../sql-names.js';
import type { StepContext } from './step-context.js';

/** For each key column, whether it is null. */
export type NullPattern = readonly boolean[];

/** Rows that hold keys; a key may occur in several. */
export interface KeyRows {
  /** A table of the session or a sub-select, as it stands in SQL. */
  readonly rows: string;
  readonly columns: readonly string[];
  /** At least as many as there are. */
  readonly count: number;
}

/** Which patterns of nulls occur among keys: one, for keys without nulls, as a rule; none, when there are no rows. */
export async function nullPatterns(step: Step, columns: readonly string[], rows: string, context: StepContext): Promise<NullPattern[]> {
  const flags = columns.map((column, i) => `${columnName(column)} is null as n${i}`).join(', ');
  const found = await context.execute(step, { text: `select distinct ${flags} from ${rows} as keys`, incrementOnly: false });
  return found.rows.map((row) => columns.map((_, i) => row[`n${i}`] === true));
}

/**
 * The condition for rows whose key is one of the given ones with nulls in just these places. One condition for each
 * such pattern lets every one be an equality or IS NULL, which a b-tree serves; IS NOT DISTINCT FROM is served by none.
 * The LIMIT leaves nothing out: it tells the planner how many keys there are. It takes a table it has no statistics of
 * for 2,000 rows, and then reads tables of some 10,000 rows whole for the sake of one key.
 * @param own the columns behind `alias` that are compared with the key's, in its order
 */
export function matchesKey(alias: string, own: readonly string[], keys: KeyRows, pattern: NullPattern): string {
  const present = pattern.flatMap((isNull, i) => (isNull ? [] : [i]));
  const nulls = pattern.flatMap((isNull, i) => (isNull ? [`${alias}.${columnName(own[i]!)} is null`] : []));
  const sameNulls = keys.columns.map((key, i) => `t.${columnName(key)} is ${pattern[i] ? '' : 'not '}null`).join(' and ');
  const key = columnList(present.map((i) => keys.columns[i]!), 't');
  const columns = columnList(present.map((i) => own[i]!), alias);
  const isOne = present.length === 0 ? [] : [`(${columns}) in (select ${key} from ${keys.rows} as t where ${sameNulls} limit ${keys.count})`];
  return [...nulls, ...isOne].join(' and ');
}

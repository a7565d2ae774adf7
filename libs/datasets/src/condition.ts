import { parseSelect, trimStatement } from './parser.js';
import { isAggregate, isWindowCall } from './row-wise.js';
import { StatementError, type StatementProblem } from './statement-error.js';
import { columnFields, locationOf, walk } from './syntax-tree.js';

/** One expression over the rows of one relation. */
export interface Condition {
  /** As written, without comments and blanks around it: it can stand between parentheses. */
  readonly text: string;
  /** Where `text` begins in what was parsed. */
  readonly start: number;
  /** Every mention of a column; `index` counts from `start`. */
  readonly columns: readonly { readonly name: string; readonly index: number }[];
}

const BEFORE = 'select 1 where ';
const OF_ONE_CONDITION = new Set(['targetList', 'whereClause', 'limitOption', 'op']);

/**
 * Parses a condition such as `metric_name = 'Voltage'` in the grammar of PostgreSQL.
 * @throws StatementError when it is not one expression, or has a sub-select, an aggregate, a window function or a
 *   parameter; positions count from the beginning of `written`
 */
export function parseCondition(written: string): Condition {
  const { start, end } = trimStatement(written) ?? { start: 0, end: 0 };
  const text = written.slice(start, end);
  if (text === '') throw new StatementError([{ index: 0, message: 'there is no condition' }]);
  const { tree, indexOf } = shifted(start, () => parseSelect(BEFORE + text));
  const at = (part: unknown): number => start + Math.max(0, indexOf(locationOf(part) ?? 0) - BEFORE.length);

  const { whereClause } = tree;
  const problems: StatementProblem[] = [];
  const more = Object.entries(tree).filter(([key]) => !OF_ONE_CONDITION.has(key));
  if (more.length > 0) problems.push({ index: at(more), message: 'must be one condition, nothing behind it' });
  const columns: { name: string; index: number }[] = [];
  for (const { type, node } of walk(whereClause, (inner) => inner !== 'SubLink')) {
    const part = { [type]: node };
    if (type === 'SubLink') problems.push({ index: at(part), message: 'a sub-select would make each row depend on other rows; write a SELECT in tests/' });
    else if (isWindowCall(type, node)) problems.push({ index: at(part), message: 'a window function looks at several rows; write a SELECT in tests/' });
    else if (isAggregate(type, node)) problems.push({ index: at(part), message: 'an aggregate looks at several rows; write a SELECT in tests/' });
    const [name, ...further] = columnFields(part) ?? [];
    if (name === undefined) continue;
    if (further.length > 0) problems.push({ index: at(part), message: `${[name, ...further].join('.')}: name the column alone` });
    else columns.push({ name, index: at(part) - start });
  }
  if (problems.length > 0) throw new StatementError(problems);
  return { text, start, columns };
}

/** Positions of the statement become positions of the condition in it. */
function shifted<T>(start: number, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof StatementError)) throw error;
    throw new StatementError(error.problems.map(({ index, message }) => ({ index: start + Math.max(0, index - BEFORE.length), message })));
  }
}

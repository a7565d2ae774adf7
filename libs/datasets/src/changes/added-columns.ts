import type { A_Const, FuncCall, Node, ResTarget, SelectStmt } from 'libpg-query';
import { resultName } from '../result-name.js';
import { isAggregate, isWindowCall } from '../row-wise.js';
import { armsOf, as, builtinName, columnFields, walk } from '../syntax-tree.js';

/** Functions of pg_catalog that give several rows, PostgreSQL 15 to 18 (proretset in pg_proc); those of pg_ are all taken as such. */
const SET_RETURNING = new Set([
  ...['aclexplode', 'generate_series', 'generate_subscripts', 'json_array_elements', 'json_array_elements_text', 'json_each', 'json_each_text', 'json_object_keys'],
  ...['json_populate_recordset', 'json_to_recordset', 'jsonb_array_elements', 'jsonb_array_elements_text', 'jsonb_each', 'jsonb_each_text', 'jsonb_object_keys'],
  ...['jsonb_path_query', 'jsonb_path_query_tz', 'jsonb_populate_recordset', 'jsonb_to_recordset', 'regexp_matches', 'regexp_split_to_table', 'string_to_table'],
  ...['ts_debug', 'ts_parse', 'ts_stat', 'ts_token_type', 'txid_snapshot_xip', 'unnest'],
]);

/**
 * The names of the output columns that the second SELECT gives and the first does not, when that is all in which they
 * differ: the same FROM, WHERE, GROUP BY and so on, the same expression under each name of before, and nothing added
 * that would give more or fewer rows. The order of the columns does not count. Undefined when something else differs.
 * @param before, after parse trees without positions
 */
export function addedColumns(before: SelectStmt, after: SelectStmt): string[] | undefined {
  if (armsOf(before) !== undefined || armsOf(after) !== undefined) return sameText(before, after) ? [] : undefined;
  if (before.valuesLists !== undefined || after.valuesLists !== undefined) return sameText(before, after) ? [] : undefined;
  const [old, now] = [outputs(before), outputs(after)];
  const names = new Set(old.map(({ name }) => name));
  const added = now.filter(({ name }) => !names.has(name));
  const kept = now.filter(({ name }) => names.has(name));
  if (old.length !== kept.length || !old.every(({ name, text }) => kept.some((output) => output.name === name && output.text === text))) return undefined;
  if (added.length === 0) return sameText(rest(before), rest(after)) ? [] : undefined;

  const addedNames = added.flatMap(({ name }) => name ?? []);
  const isSafe = addedNames.length === added.length && added.every(({ name, value }) => name !== '*' && !givesOtherRows(value, before));
  if (!isSafe || isPlainDistinct(before) || namesOutput(after, addedNames)) return undefined;
  return sameText(rest(before), rest(after)) ? addedNames : undefined;
}

interface Output {
  /** Undefined for an expression that PostgreSQL would name `?column?`. */
  readonly name: string | undefined;
  readonly value: Node | undefined;
  readonly text: string;
}

function outputs(select: SelectStmt): Output[] {
  return (select.targetList ?? []).map((node) => {
    const target = as<ResTarget>('ResTarget', node);
    return { name: target?.name ?? resultName(target?.val), value: target?.val, text: JSON.stringify(target?.val) };
  });
}

/** All but the outputs; `group by 2` as what the second output is, so that another order of the outputs is no change. */
function rest(select: SelectStmt): unknown {
  const { groupClause, sortClause, distinctClause } = select;
  const meaning = (nodes: readonly Node[] | undefined): unknown => nodes?.map((node) => {
    const sort = as<{ node?: Node }>('SortBy', node);
    return sort === undefined ? outputAt(node, select) : { SortBy: { ...sort, node: outputAt(sort.node, select) } };
  });
  return { ...select, targetList: undefined, groupClause: meaning(groupClause), sortClause: meaning(sortClause), distinctClause: meaning(distinctClause) };
}

function outputAt(node: Node | undefined, select: SelectStmt): Node | undefined {
  const position = as<A_Const>('A_Const', node)?.ival?.ival;
  const target = position === undefined ? undefined : as<ResTarget>('ResTarget', select.targetList?.[position - 1]);
  return target?.val ?? node;
}

/** A function that gives several rows multiplies the rows of its SELECT; the first aggregate makes one row of them all. */
function givesOtherRows(value: Node | undefined, before: SelectStmt): boolean {
  const grouped = before.groupClause !== undefined || before.havingClause !== undefined || hasAggregate(before.targetList);
  for (const { type, node } of walk(value)) {
    if (type === 'FuncCall') {
      const name = builtinName(node);
      if (name === undefined || name.startsWith('pg_') || SET_RETURNING.has(name)) return true;
    }
    // In a sub-select too: there it may belong to the SELECT around it.
    if (!grouped && isAggregate(type, node) && !isWindowCall(type, node)) return true;
  }
  return false;
}

function hasAggregate(targetList: readonly Node[] | undefined): boolean {
  for (const { type, node } of walk(targetList, (inner) => inner !== 'SelectStmt')) {
    if (isAggregate(type, node) && (type !== 'FuncCall' || (node as FuncCall).over === undefined)) return true;
  }
  return false;
}

/** `select distinct` without ON: a further column makes rows differ that were one. */
function isPlainDistinct({ distinctClause }: SelectStmt): boolean {
  return distinctClause?.some((node) => Object.keys(node).length === 0) ?? false;
}

/** GROUP BY, ORDER BY or DISTINCT ON by a bare name that is now an output's: it may have been an input's before. */
function namesOutput({ groupClause, sortClause, distinctClause }: SelectStmt, added: readonly string[]): boolean {
  const bare = [...(groupClause ?? []), ...(distinctClause ?? []), ...(sortClause ?? []).map((node) => as<{ node?: Node }>('SortBy', node)?.node)];
  return bare.some((node) => {
    const fields = columnFields(node);
    return fields?.length === 1 && added.includes(fields[0]!);
  });
}

function sameText(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

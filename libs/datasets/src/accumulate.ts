import type { A_Const, A_Expr, CoalesceExpr, FuncCall, Node, ResTarget } from 'libpg-query';
import type { Aggregate } from './dataset.js';
import type { ColumnScope } from './lineage/column-scope.js';
import type { Lineage } from './lineage/lineage.js';
import type { ModelHeader } from './model-header.js';
import { didYouMean } from './nearest-name.js';
import type { SelectStatement } from './parser.js';
import { castTypeOf, resultName } from './result-name.js';
import { isAggregate } from './row-wise.js';
import { as, builtinName, columnFields, locationOf, walk, withoutPositions } from './syntax-tree.js';

/** Where a problem is: at a byte of the SELECT, or at a value of the header. */
export interface Reports {
  inQuery(byte: number | undefined, message: string): void;
  inHeader(place: ModelHeader['place'], message: string): void;
}

interface Output {
  readonly name: string | undefined;
  readonly expression: Node | undefined;
}

/** What an aggregate of the SELECT may be called under `accumulate`: counts add up like sums. */
const LISTED_AS: Record<string, readonly Aggregate[]> = { sum: ['sum'], count: ['count', 'sum'], min: ['min'], max: ['max'] };
const FLOATS = new Set(['float4', 'float8']);

/**
 * Each output column must be a group key listed in unique_key, or a bare sum, count, min or max listed under
 * accumulate: only those can be added to what is stored. That the SELECT reads its input row by row is row-wise.ts's.
 */
export function checkAccumulate(statement: SelectStatement, header: ModelHeader, lineage: Lineage, reports: Reports): void {
  const { select, arms } = statement.block;
  if (arms.length > 0) return; // reported as no row-wise use
  const scope = lineage.scope(statement.block);
  const outputs = (select.targetList ?? []).map((node): Output => {
    const target = as<ResTarget>('ResTarget', node);
    return { name: target?.name ?? resultName(target?.val), expression: target?.val };
  });
  if (outputs.some(({ expression }) => columnFields(expression)?.at(-1) === '*')) {
    reports.inQuery(locationOf(select.targetList), 'accumulate: name each output column instead of *');
    return;
  }
  if (select.groupClause === undefined) {
    reports.inQuery(locationOf(select.targetList), 'accumulate needs GROUP BY: each row is added to the stored row of the same unique_key');
    return;
  }
  const keys = groupKeys(select.groupClause, outputs, scope, reports);
  if (keys === undefined) return;
  for (const output of outputs) checkOutput(output, keys, header, scope, reports);
  const names = outputs.flatMap(({ name }) => name ?? []);
  for (const { value, place } of header.uniqueKey) {
    if (!names.includes(value)) reports.inHeader(place, `unique_key names ${value}, which is no output column${didYouMean(value, names)}`);
  }
  for (const { name } of header.accumulate) {
    if (!names.includes(name.value)) reports.inHeader(name.place, `accumulate names ${name.value}, which is no output column${didYouMean(name.value, names)}`);
  }
}

/** The output columns that are group keys; undefined when GROUP BY cannot be followed. */
function groupKeys(groupClause: readonly Node[], outputs: readonly Output[], scope: ColumnScope, reports: Reports): ReadonlySet<Output> | undefined {
  const keys = new Set<Output>();
  for (const node of groupClause) {
    if ('GroupingSet' in node) {
      reports.inQuery(node.GroupingSet.location, 'accumulate: no grouping sets, ROLLUP or CUBE');
      return undefined;
    }
    const found = outputs.filter((output, i) => isGroupedBy(node, output, i, scope));
    if (found.length === 0) {
      reports.inQuery(locationOf(node), 'accumulate: GROUP BY has a key that is no output column, so several rows would share one unique_key');
    }
    for (const output of found) keys.add(output);
  }
  return keys;
}

/** As Postgres reads GROUP BY: a number is a position, a bare name an input column if there is one, else an output column. */
function isGroupedBy(node: Node, output: Output, index: number, scope: ColumnScope): boolean {
  const position = as<A_Const>('A_Const', node)?.ival?.ival;
  if (position !== undefined) return position === index + 1;
  const column = scope.resolve(node);
  if (column !== undefined && scope.resolve(output.expression) === column) return true;
  const fields = columnFields(node);
  if (fields?.length === 1 && fields[0] === output.name && column === undefined) return true;
  return JSON.stringify(withoutPositions(node)) === JSON.stringify(withoutPositions(output.expression));
}

function checkOutput(output: Output, keys: ReadonlySet<Output>, header: ModelHeader, scope: ColumnScope, reports: Reports): void {
  const { name, expression } = output;
  const at = locationOf(expression);
  if (name === undefined) return; // feeding.ts asks for a name
  const listed = header.accumulate.find((entry) => entry.name.value === name);
  const isKey = header.uniqueKey.some(({ value }) => value === name);
  if (keys.has(output)) {
    if (listed !== undefined) reports.inHeader(listed.name.place, `accumulate names ${name}, which is a group key`);
    if (!isKey) reports.inQuery(at, `accumulate: the group key ${name} is not listed in unique_key`);
    return;
  }
  const call = as<FuncCall>('FuncCall', expression);
  const kinds = call === undefined ? undefined : LISTED_AS[builtinName(call) ?? ''];
  if (call === undefined || kinds === undefined || call.over !== undefined) {
    reports.inQuery(at, `accumulate: ${name} must be a group key of unique_key, or nothing but sum, count, min or max${holdsAggregate(expression) ? '; compute with them in the model that reads this one' : ''}`);
    return;
  }
  if (isKey) reports.inQuery(at, `accumulate: ${name} is listed in unique_key but is no group key`);
  if (call.agg_distinct === true) reports.inQuery(at, `accumulate: ${name} uses DISTINCT, which cannot be added to what is stored`);
  if (listed === undefined) reports.inQuery(at, `accumulate: ${name} is not listed under accumulate, as in \`${name}: ${kinds[0]}\``);
  else if (!kinds.includes(listed.value.value)) reports.inHeader(listed.value.place, `accumulate says ${name} is a ${listed.value.value}, the SELECT makes it a ${builtinName(call)}`);
  if (builtinName(call) === 'sum' && isFloat(call.args?.[0], scope)) {
    reports.inQuery(at, `accumulate: ${name} is a sum of float, whose result depends on the order of the rows; sum x::text::numeric instead`);
  }
}

function holdsAggregate(expression: unknown): boolean {
  for (const { type, node } of walk(expression)) if (isAggregate(type, node)) return true;
  return false;
}

/** True when the tree and the declared types show a float; what they do not show, the database says at apply. */
function isFloat(expression: Node | undefined, scope: ColumnScope): boolean {
  const cast = castTypeOf(expression);
  if (cast !== undefined) return FLOATS.has(cast);
  const column = scope.resolve(expression);
  if (column !== undefined) return FLOATS.has(column.dataType ?? '');
  const operation = as<A_Expr>('A_Expr', expression);
  if (operation?.kind === 'AEXPR_OP') return isFloat(operation.lexpr, scope) || isFloat(operation.rexpr, scope);
  return as<CoalesceExpr>('CoalesceExpr', expression)?.args?.some((part) => isFloat(part, scope)) ?? false;
}

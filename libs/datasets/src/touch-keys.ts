import type { FuncCall, Node, SelectStmt, WindowDef } from 'libpg-query';
import type { Reports } from './accumulate.js';
import type { Origins } from './lineage/value-group.js';
import type { TouchColumn } from './dataset.js';
import type { Lineage, Outputs } from './lineage/lineage.js';
import { didYouMean } from './nearest-name.js';
import type { SelectStatement } from './parser.js';
import type { FromItem, QueryBlock, RelationItem } from './query-block.js';
import { leavesOut } from './row-wise.js';
import type { Located } from './section.js';
import { as, locationOf, walk } from './syntax-tree.js';

/**
 * The columns by which a `delete+insert` model is computed anew. The engine keeps, of every mention of an increment
 * input, the rows of touched keys only; that gives the rows of those keys exactly when each key is a plain column of
 * each such mention, and nothing in the SELECT (LIMIT, a window, ...) looks across keys.
 * @param keys output columns, at their place in the header
 * @returns the keys that could be followed
 */
export function readTouchKeys(statement: SelectStatement, keys: readonly Located[], inputs: readonly string[], lineage: Lineage, reports: Reports): TouchColumn[] {
  const mentions = inputs.flatMap((relation) => relationItems(statement.block).filter((item) => item.relation === relation));
  const outputs = lineage.outputs(statement.block);
  const touch = keys.flatMap(({ value, place }) => touchColumn({ value, place }, outputs, mentions, reports, statement));
  if (touch.length === keys.length) checkAcrossKeys(statement.block, touch, lineage, reports);
  return touch;
}

function touchColumn(key: Located, outputs: Outputs, mentions: readonly RelationItem[], reports: Reports, statement: SelectStatement): TouchColumn[] {
  const names = outputs.list.flatMap((column) => column?.name ?? []);
  const output = outputs.list.find((column) => column?.name === key.value);
  if (output === undefined) {
    const hint = outputs.complete ? didYouMean(key.value, names) : '; a * hides columns that only the database knows: list them';
    reports.inHeader(key.place, `touch_key names ${key.value}, which is no output column${hint}`);
    return [];
  }
  const from: Record<string, string> = {};
  for (const mention of mentions) {
    const column = output.group.origins.get(mention);
    if (column === undefined) {
      const { line } = lineOf(statement.text, mention.start);
      reports.inHeader(key.place, `touch_key ${key.value} is not by lineage a plain column of ${mention.relation} as read in line ${line} of the SELECT`);
      return [];
    }
    if ((from[mention.relation] ??= column) !== column) {
      reports.inHeader(key.place, `touch_key ${key.value} comes from two columns of ${mention.relation}: ${from[mention.relation]} and ${column}`);
      return [];
    }
  }
  return [{ column: key.value, from }];
}

/** What looks at several rows of a SELECT must stay within one touched key. */
function checkAcrossKeys(block: QueryBlock, touch: readonly TouchColumn[], lineage: Lineage, reports: Reports): void {
  const inputs = new Set(touch.flatMap(({ from }) => Object.keys(from)));
  const below = relationItems(block).filter((item) => inputs.has(item.relation));
  if (below.length === 0) return;
  const { select } = block;
  for (const [part, name] of [[select.limitCount, 'LIMIT'], [leavesOut(select.limitOffset) ? select.limitOffset : undefined, 'OFFSET']] as const) {
    if (part !== undefined) reports.inQuery(locationOf(part), `delete+insert: ${name} looks across touched keys`);
  }
  if (block.arms.length === 0) {
    const scope = lineage.scope(block);
    const covers = (expressions: readonly Node[]): boolean => {
      const origins = expressions.map((expression): Origins => scope.resolve(expression)?.group.origins ?? new Map<RelationItem, string>());
      return touch.every(({ from }) => origins.some((known) => below.every((item) => known.get(item) === from[item.relation])));
    };
    const names = touch.map(({ column }) => column).join(', ');
    for (const { call, partition } of windowCalls(select)) {
      if (!covers(partition)) reports.inQuery(locationOf({ FuncCall: call }), `delete+insert: a window must be PARTITION BY the touch_key (${names})`);
    }
    const distinctOn = (select.distinctClause ?? []).filter((node) => Object.keys(node).length > 0);
    if (distinctOn.length > 0 && !covers(distinctOn)) reports.inQuery(locationOf(distinctOn), `delete+insert: DISTINCT ON must name the touch_key (${names})`);
    const sets = (select.groupClause ?? []).filter((node) => 'GroupingSet' in node);
    if (sets.length > 0 && !covers((select.groupClause ?? []).map((node) => outputAt(node, select)))) {
      reports.inQuery(locationOf(sets), `delete+insert: grouping sets must leave the touch_key (${names}) a plain group key`);
    }
  }
  for (const inner of [...block.arms, ...block.from.flatMap(blocksIn)]) checkAcrossKeys(inner, touch, lineage, reports);
}

/** `group by 1` stands for the first output expression. */
function outputAt(node: Node, select: SelectStmt): Node {
  const position = as<{ ival?: { ival?: number } }>('A_Const', node)?.ival?.ival;
  const target = position === undefined ? undefined : as<{ val?: Node }>('ResTarget', select.targetList?.[position - 1]);
  return target?.val ?? node;
}

function windowCalls(select: SelectStmt): { call: FuncCall; partition: readonly Node[] }[] {
  const windows = (select.windowClause ?? []).flatMap((node) => as<WindowDef>('WindowDef', node) ?? []);
  const partitionOf = (window: WindowDef): readonly Node[] => {
    const base = windows.find(({ name }) => name !== undefined && name === (window.refname ?? (windows.includes(window) ? undefined : window.name)));
    return window.partitionClause ?? (base === undefined || base === window ? [] : partitionOf(base));
  };
  const { targetList, sortClause, distinctClause } = select;
  const calls: { call: FuncCall; partition: readonly Node[] }[] = [];
  for (const { type, node } of walk({ targetList, sortClause, distinctClause }, (inner) => inner !== 'SelectStmt')) {
    const over = type === 'FuncCall' ? (node as FuncCall).over : undefined;
    if (over !== undefined) calls.push({ call: node, partition: partitionOf(over) });
  }
  return calls;
}

/** Every mention of a table in a query, WITH queries at each place that reads them, sub-selects of expressions too. */
export function relationItems(block: QueryBlock): RelationItem[] {
  const ofItem = (item: FromItem): RelationItem[] => {
    if (item.kind === 'relation') return [item];
    if (item.kind === 'query') return relationItems(item.block);
    return item.kind === 'join' ? [...ofItem(item.left), ...ofItem(item.right)] : [];
  };
  return [...block.from.flatMap(ofItem), ...[...block.arms, ...block.sublinks].flatMap(relationItems)];
}

function blocksIn(item: FromItem): QueryBlock[] {
  if (item.kind === 'query') return [item.block];
  return item.kind === 'join' ? [...blocksIn(item.left), ...blocksIn(item.right)] : [];
}

function lineOf(text: string, index: number): { line: number } {
  return { line: text.slice(0, index).split('\n').length };
}

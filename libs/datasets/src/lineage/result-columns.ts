import type { A_Const, Node, ResTarget, SelectStmt } from 'libpg-query';
import { castTypeOf, resultName } from '../result-name.js';
import { as, columnFields } from '../syntax-tree.js';
import { UNNAMED, type Column, type Columns, type ColumnScope, type Result } from './column-scope.js';
import type { ExpressionSources } from './expression-sources.js';
import { NONE, union, weaken, type Sources } from './sources.js';
import { ValueGroup, type Origins } from './value-group.js';

/**
 * A value comes from one arm or the other: an arm in which it is nobody's plain column spoils it. EXCEPT and INTERSECT
 * take their values from the first arm; what all but UNION ALL compare decides which rows there are.
 */
export function unite(select: SelectStmt, left: Result, right: Result): Result {
  const onlyLeft = select.op === 'SETOP_EXCEPT' || select.op === 'SETOP_INTERSECT';
  const list = left.list.map((column, i) => {
    const other = right.list[i];
    const [a, b] = [column.group.origins, other?.group.origins ?? (new Map() as Origins)];
    const from = onlyLeft ? column.from : union([column.from, other?.from ?? right.unlisted?.(column.name) ?? NONE]);
    return { ...column, from, group: new ValueGroup(a.size > 0 && b.size > 0 ? new Map([...a, ...b]) : new Map()) };
  });
  const complete = left.complete && right.complete;
  const unlisted = (name: string): Sources => union([left, right].map((arm) => arm.unlisted?.(name) ?? NONE));
  const compared = select.op === 'SETOP_UNION' && select.all === true ? [] : [...left.list, ...right.list].map(({ from }) => from);
  const ordered = (select.sortClause ?? []).map((node) => list.find((column, i) => isOutput(sortedBy(node), column.name, i))?.from ?? NONE);
  const rows = union([left.rows, right.rows, weaken(union([...compared, ...ordered]), 'condition')]);
  return { list, complete, rows, ...(complete ? {} : { unlisted }) };
}

/** The columns of a SELECT's list. */
export function results(select: SelectStmt, scope: ColumnScope, expressions: ExpressionSources): Columns {
  let complete = true;
  const stars: Columns[] = [];
  const list = (select.targetList ?? []).flatMap((node): readonly Column[] => {
    const target = as<ResTarget>('ResTarget', node);
    const fields = columnFields(target?.val);
    if (fields?.at(-1) === '*') {
      const source = fields.length === 1 ? scope.all : scope.allOf(fields[0]!);
      complete &&= source?.complete ?? false;
      if (source !== undefined) stars.push(source);
      return source?.list ?? [];
    }
    const from = expressions.of(target?.val);
    if (as<{ indirection?: Node[] }>('A_Indirection', target?.val)?.indirection?.some((part) => 'A_Star' in part) === true) {
      complete = false;
      stars.push({ list: [], complete, unlisted: () => from });
      return [];
    }
    const name = target?.name ?? resultName(target?.val) ?? UNNAMED;
    const column = scope.resolve(target?.val);
    const dataType = column?.dataType ?? castTypeOf(target?.val);
    return [{ name, group: column?.group ?? new ValueGroup(), from, ...(dataType === undefined ? {} : { dataType }) }];
  });
  return { list, complete, ...(complete ? {} : { unlisted: (name: string) => union(stars.map((star) => star.unlisted?.(name) ?? NONE)) }) };
}

/** What the clauses beside FROM make of the rows. */
export function clauses(select: SelectStmt, { list }: Columns, scope: ColumnScope, expressions: ExpressionSources): Sources[] {
  const { whereClause, havingClause, limitCount, limitOffset, distinctClause } = select;
  /** GROUP BY takes a bare name for an input's column first, ORDER BY and DISTINCT ON for an output's. */
  const key = (node: Node | undefined, inputFirst: boolean): Sources => {
    const column = list.find((output, i) => isOutput(node, output.name, i));
    const isInput = inputFirst && scope.resolve(node) !== undefined;
    return column === undefined || isInput ? expressions.within(node, 'condition') : weaken(column.from, 'condition');
  };
  const isDistinct = distinctClause?.some((node) => Object.keys(node).length === 0) ?? false;
  return [
    expressions.within([whereClause, havingClause, limitCount, limitOffset], 'condition'),
    ...(select.groupClause ?? []).map((node) => key(node, true)),
    ...(isDistinct ? list.map((column) => weaken(column.from, 'condition')) : (distinctClause ?? []).map((node) => key(node, false))),
    ...(select.sortClause ?? []).map((node) => key(sortedBy(node), false)),
  ];
}

function sortedBy(node: Node): Node | undefined {
  return as<{ node?: Node }>('SortBy', node)?.node;
}

/** Whether GROUP BY or ORDER BY names an output column, by its position or its name. */
function isOutput(node: Node | undefined, name: string, index: number): boolean {
  const position = as<A_Const>('A_Const', node)?.ival?.ival;
  if (position !== undefined) return position === index + 1;
  const fields = columnFields(node);
  return fields?.length === 1 && fields[0] === name;
}

/** The columns of VALUES. */
export function valuesColumns(select: SelectStmt, expressions: ExpressionSources): Column[] {
  const rows = (select.valuesLists ?? []).map((row) => as<{ items?: Node[] }>('List', row)?.items ?? []);
  const width = rows[0]?.length ?? 0;
  return Array.from({ length: width }, (_, i) => ({ name: `column${i + 1}`, group: new ValueGroup(), from: union(rows.map((row) => expressions.of(row[i]))) }));
}

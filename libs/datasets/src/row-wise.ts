import type { A_Const, FuncCall, Node, SelectStmt } from 'libpg-query';
import type { FromItem, QueryBlock, RelationItem } from './query-block.js';
import { as, builtinName, columnFields, locationOf, walk } from './syntax-tree.js';

/** Why a SELECT is not row-wise over a relation; `byte` where it says so. */
export interface Obstacle {
  readonly what: string;
  readonly byte: number | undefined;
}

/** One place at which a query reads a relation, and all that stands between its rows and the result's rows. */
export interface Use {
  readonly item: RelationItem;
  readonly obstacles: readonly Obstacle[];
}

/** Aggregates of pg_catalog, PostgreSQL 15 to 18 (prokind 'a' in pg_proc). User-defined functions are refused before. */
const AGGREGATES = new Set([
  ...['any_value', 'array_agg', 'avg', 'bit_and', 'bit_or', 'bit_xor', 'bool_and', 'bool_or', 'corr', 'count', 'covar_pop', 'covar_samp', 'every'],
  ...['json_agg', 'json_agg_strict', 'json_object_agg', 'json_object_agg_strict', 'json_object_agg_unique', 'json_object_agg_unique_strict'],
  ...['jsonb_agg', 'jsonb_agg_strict', 'jsonb_object_agg', 'jsonb_object_agg_strict', 'jsonb_object_agg_unique', 'jsonb_object_agg_unique_strict'],
  ...['max', 'min', 'mode', 'percentile_cont', 'percentile_disc', 'range_agg', 'range_intersect_agg', 'regr_avgx', 'regr_avgy', 'regr_count'],
  ...['regr_intercept', 'regr_r2', 'regr_slope', 'regr_sxx', 'regr_sxy', 'regr_syy', 'stddev', 'stddev_pop', 'stddev_samp', 'string_agg', 'sum'],
  ...['var_pop', 'var_samp', 'variance', 'xmlagg'],
]);

/**
 * Every place that reads a relation, WITH queries counted at each place that reads them.
 * @param topMayGroup true when GROUP BY and aggregates of the outermost SELECT are no obstacle
 */
export function usesOf(block: QueryBlock, relation: string, topMayGroup = false): Use[] {
  // What is wrong further inside does not matter any more, and would hide the reason among others.
  const behind = (what: string, uses: readonly Use[]): Use[] => uses.map(({ item }) => ({ item, obstacles: [{ what, byte: undefined }] }));

  const ofItem = (item: FromItem): Use[] => {
    switch (item.kind) {
      case 'relation':
        return item.relation === relation ? [{ item, obstacles: [] }] : [];
      case 'query': {
        const uses = usesOf(item.block, relation);
        return item.lateral ? behind('LATERAL', uses) : uses;
      }
      case 'opaque':
        return [];
      case 'join': {
        const [left, right] = [ofItem(item.left), ofItem(item.right)];
        if (item.type === 'full') return behind('FULL JOIN', [...left, ...right]);
        const nullable = 'the nullable side of an outer join';
        return [...(item.type === 'right' ? behind(nullable, left) : left), ...(item.type === 'left' ? behind(nullable, right) : right)];
      }
    }
  };

  const own = [...obstaclesIn(block.select, topMayGroup), ...block.sublinks.flatMap(outerAggregates)];
  const direct = block.from.flatMap(ofItem).map((use) => ({ item: use.item, obstacles: [...own, ...use.obstacles] }));
  const inArms = behind('a set operation', block.arms.flatMap((arm) => usesOf(arm, relation)));
  const inSublinks = behind('a sub-select in an expression', block.sublinks.flatMap((sublink) => usesOf(sublink, relation)));
  return [...direct, ...inArms, ...inSublinks];
}

/** What makes one SELECT, apart from its FROM, give other rows than one for each row it reads. */
function obstaclesIn(select: SelectStmt, mayGroup: boolean): Obstacle[] {
  const found: Obstacle[] = [];
  const add = (what: string, part: unknown): void => {
    if (part !== undefined) found.push({ what, byte: locationOf(part) });
  };
  const { targetList, havingClause, sortClause } = select;
  for (const { type, node } of walk({ targetList, havingClause, sortClause }, (inner) => inner !== 'SelectStmt')) {
    if (isWindowCall(type, node)) add('a window function', { [type]: node });
    else if (!mayGroup && isAggregate(type, node)) add('an aggregate', { [type]: node });
  }
  if (!mayGroup) add('GROUP BY', select.groupClause);
  add('DISTINCT', select.distinctClause === undefined ? undefined : (locationOf(select.distinctClause) === undefined ? targetList : select.distinctClause));
  add('HAVING', havingClause);
  add('LIMIT', select.limitCount);
  add('OFFSET', leavesOut(select.limitOffset) ? select.limitOffset : undefined);
  return found;
}

/** False for OFFSET 0 as well: it skips nothing, and is how SQL asks PostgreSQL to compute a sub-select's columns once. */
export function leavesOut(offset: Node | undefined): boolean {
  const constant = as<A_Const>('A_Const', offset);
  return offset !== undefined && (constant?.ival === undefined || (constant.ival.ival ?? 0) !== 0);
}

/** `(select sum(t.x))` inside an expression is an aggregate of the SELECT around it, to which t belongs. */
function outerAggregates({ select, from }: QueryBlock): Obstacle[] {
  const aliases = from.flatMap(aliasesOf);
  const found: Obstacle[] = [];
  for (const { type, node } of walk({ ...select, fromClause: undefined, withClause: undefined }, (inner) => inner !== 'SelectStmt')) {
    if (!isAggregate(type, node)) continue;
    const columns = [...walk(node, (inner) => inner !== 'SelectStmt')].filter((part) => part.type === 'ColumnRef').map((part) => columnFields({ ColumnRef: part.node }) ?? []);
    const outer = columns.every(([first, second]) => (second === undefined ? from.length === 0 : !aliases.includes(first ?? '')));
    if (columns.length > 0 && outer) found.push({ what: 'an aggregate', byte: locationOf({ [type]: node }) });
  }
  return found;
}

function aliasesOf(item: FromItem): string[] {
  const inner = item.kind === 'join' ? [...aliasesOf(item.left), ...aliasesOf(item.right)] : [];
  return item.alias === undefined ? inner : [item.alias];
}

export function isAggregate(type: string, node: Record<string, unknown>): boolean {
  if (type === 'JsonArrayAgg' || type === 'JsonObjectAgg') return true;
  if (type !== 'FuncCall') return false;
  const call = node as FuncCall;
  const marked = call.agg_star ?? call.agg_distinct ?? call.agg_within_group ?? false;
  return marked || call.agg_filter !== undefined || call.agg_order !== undefined || AGGREGATES.has(builtinName(call) ?? '');
}

export function isWindowCall(type: string, node: Record<string, unknown>): boolean {
  return (type === 'FuncCall' && node.over !== undefined) || ((type === 'JsonArrayAgg' || type === 'JsonObjectAgg') && JSON.stringify(node).includes('"over"'));
}

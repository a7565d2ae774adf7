import { bareName, columnFields, isAggregate, isWindowCall, locationOf, resultName, StatementError, walk, type Dataset, type FromItem, type QueryBlock, type SelectStatement } from '@ingot/datasets';
import type { Node, SelectStmt, SortBy } from 'libpg-query';
import pg from 'pg';
import type { Arm, SortKey } from './arm.js';

interface Problem {
  readonly index: number;
  readonly message: string;
}

/** A relation in FROM whose rows no outer join fills with nulls, its columns under their own names. */
interface Kept {
  readonly alias: string;
  readonly relation: string;
}

/**
 * The arms of a statement that is to be paged: itself, or the SELECTs that UNION ALL puts one after the other. Their
 * order is taken to be unique, which only its author knows; that its columns are never null is known from the models'
 * data tests, and a page must know it, because no row stands before or behind a null.
 * @throws StatementError with what stands in the way, at its place in the statement
 */
export function findArms({ block, indexOf }: SelectStatement, dataset: Pick<Dataset, 'models' | 'seeds'>): Arm[] {
  const problems: Problem[] = [];
  const add = (part: unknown, message: string): void => void problems.push({ index: indexOf(locationOf(part) ?? 0), message });
  const arms = topLevel(block, add).map((arm) => {
    refuseObstacles(arm.select, add);
    const kept = arm.from.flatMap(keptRelations);
    const order = arm.select.sortClause ?? [];
    if (order.length === 0) add(arm.select.targetList, 'a page is cut from rows in a unique order: this SELECT has no ORDER BY of its own');
    return { keys: order.flatMap((term) => sortKey(term, arm.select, kept, dataset, add)), growing: [...new Set(relationsIn(arm))].filter((relation) => isGrowing(dataset, relation)).sort() };
  });
  if (problems.length > 0) throw new StatementError(problems);
  return arms;
}

type Add = (part: unknown, message: string) => void;

function topLevel(block: QueryBlock, add: Add): QueryBlock[] {
  const { select, arms } = block;
  if (arms.length === 0) return [block];
  if (select.withClause !== undefined) add(select.withClause, 'WITH before arms is not paged: write its query as a sub-select where it is read');
  if (select.op !== 'SETOP_UNION' || select.all !== true) add(select.larg?.targetList, 'pages go through one arm after the other: only UNION ALL does that');
  if ((select.sortClause ?? []).length > 0) add(select.sortClause, 'this ORDER BY sorts all arms together, for each page anew: put each arm in parentheses with an ORDER BY of its own');
  if (select.limitCount !== undefined || select.limitOffset !== undefined) add(select.limitCount ?? select.limitOffset, 'a paged statement has no LIMIT or OFFSET of its own');
  return arms.flatMap((arm) => topLevel(arm, add));
}

/** A condition on the order's columns must leave every other row of the SELECT as it is. */
function refuseObstacles(select: SelectStmt, add: Add): void {
  const { targetList, sortClause, limitCount, limitOffset, withClause } = select;
  if (limitCount !== undefined || limitOffset !== undefined) add(limitCount ?? limitOffset, 'a paged statement has no LIMIT or OFFSET of its own');
  const first = (part: unknown, what: string): void => {
    if (part !== undefined) add(part, `a SELECT with ${what} is not paged: give its rows a model of their own, or a sub-select in FROM`);
  };
  first(withClause, 'WITH');
  first(select.distinctClause === undefined ? undefined : targetList, 'DISTINCT');
  first(select.groupClause, 'GROUP BY');
  first(select.havingClause, 'HAVING');
  first(select.windowClause, 'WINDOW');
  first(select.valuesLists, 'VALUES');
  for (const { type, node } of walk({ targetList, sortClause }, (inner) => inner !== 'SelectStmt')) {
    if (isWindowCall(type, node)) first({ [type]: node }, 'a window function');
    else if (isAggregate(type, node)) first({ [type]: node }, 'an aggregate');
  }
}

function keptRelations(item: FromItem): Kept[] {
  if (item.kind === 'relation') return item.columnNames.length > 0 ? [] : [{ alias: item.alias ?? bareName(item.relation), relation: item.relation }];
  if (item.kind !== 'join' || item.alias !== undefined) return [];
  const left = item.type === 'inner' || item.type === 'left' ? keptRelations(item.left) : [];
  const right = item.type === 'inner' || item.type === 'right' ? keptRelations(item.right) : [];
  return [...left, ...right];
}

function sortKey(term: Node, select: SelectStmt, kept: readonly Kept[], dataset: Pick<Dataset, 'models' | 'seeds'>, add: Add): SortKey[] {
  const sort = 'SortBy' in term ? term.SortBy : ({} as SortBy);
  const { node, sortby_dir: direction } = sort;
  const fields = columnFields(meaning(node, select));
  const [last, alias] = [fields?.at(-1), fields?.length === 2 ? fields[0] : undefined];
  if (fields === undefined || last === undefined || last === '*') {
    add(node, 'pages are cut by plain columns: order by columns of the tables in FROM, with the alias in front where a result column has the same name');
    return [];
  }
  if (direction === 'SORTBY_USING') add(node, 'ORDER BY ... USING is not paged; write ASC or DESC');
  const relations = kept.filter((item) => alias === undefined || item.alias === alias).map(({ relation }) => relation);
  if (!relations.some((relation) => isNeverNull(dataset, relation, last))) {
    add(node, `${fields.join('.')} may be null, as far as its model says, and pages would leave those rows out: give the column data_tests: [not_null]`);
  }
  return [{ column: fields.map((field) => pg.escapeIdentifier(field)).join('.'), descending: direction === 'SORTBY_DESC' }];
}

/** A bare name in ORDER BY is a result column before it is a column of a table; a number is the n-th result column. */
function meaning(node: Node | undefined, { targetList = [] }: SelectStmt): Node | undefined {
  const targets = targetList.map((target) => ('ResTarget' in target ? target.ResTarget : {}));
  if (node !== undefined && 'A_Const' in node) return 'ival' in node.A_Const ? targets[((node.A_Const.ival as { ival?: number }).ival ?? 0) - 1]?.val : undefined;
  const fields = columnFields(node);
  if (fields?.length !== 1) return node;
  return targets.find(({ name, val }) => (name ?? resultName(val)) === fields[0])?.val ?? node;
}

function* relationsIn({ from, arms, sublinks }: QueryBlock): Generator<string> {
  const items = [...from];
  for (const item of items) {
    if (item.kind === 'relation') yield item.relation;
    else if (item.kind === 'query') yield* relationsIn(item.block);
    else if (item.kind === 'join') items.push(item.left, item.right);
  }
  for (const block of [...arms, ...sublinks]) yield* relationsIn(block);
}

function isGrowing({ models }: Pick<Dataset, 'models'>, relation: string): boolean {
  return models.some((model) => model.relation === relation && model.strategy === 'append');
}

/** A data test that no row gets past, not even one that was there before: `warn` and conditions let some through. */
function isNeverNull({ models, seeds }: Pick<Dataset, 'models' | 'seeds'>, relation: string, column: string): boolean {
  const owner = models.find((model) => model.relation === relation && model.materialized !== 'view') ?? seeds.find((seed) => seed.relation === relation);
  return owner?.dataTests.some((test) => test.kind === 'not_null' && test.column === column && test.onFail !== 'warn' && test.where === undefined && test.errorAbove === 0) ?? false;
}

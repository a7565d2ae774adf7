import type { Query } from '../dataset.js';
import { parseSelect } from '../parser.js';
import type { FromItem, QueryBlock } from '../query-block.js';
import { columnFields, strings, walk } from '../syntax-tree.js';

/**
 * Why a query may give something else when a relation it reads gets further columns: it takes all of them, renames them
 * by position, or says a name of which another table's column was meant so far.
 * @param relation the relation that gets columns
 * @param added their names
 * @returns a reason to follow `<model> `, e.g. `reads every column of silver.readings`; undefined when nothing changes
 */
export function readsAddedColumns(query: Query, relation: string, added: readonly string[]): string | undefined {
  const { block, tree } = parseSelect(query.text);
  const own = reasonIn(block, relation);
  if (own !== undefined) return own;
  for (const { type, node } of walk(tree)) {
    const names = type === 'JoinExpr' ? strings(node.usingClause as Parameters<typeof strings>[0]) : type === 'ColumnRef' ? bareName(node) : [];
    const met = names.find((name) => added.includes(name));
    if (met !== undefined) return `names ${met} without its table, which ${relation} now has too`;
  }
  return undefined;
}

function bareName(node: Record<string, unknown>): string[] {
  const fields = columnFields({ ColumnRef: node }) ?? [];
  return fields.length === 1 ? fields : [];
}

function reasonIn(block: QueryBlock, relation: string): string | undefined {
  const items = block.from.flatMap((item) => mentionsOf(item, relation));
  if (items.length > 0) {
    if (items.some(({ columnNames }) => columnNames.length > 0)) return `renames the columns of ${relation} by position`;
    const aliases = new Set(items.flatMap(({ alias }) => alias ?? []));
    if (readsAll(block, aliases)) return `reads every column of ${relation}`;
  }
  const inner = [...block.arms, ...block.sublinks, ...block.from.flatMap(blocksIn)];
  for (const next of inner) {
    const reason = reasonIn(next, relation);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** `*`, `alias.*` or the alias as a value: each is every column. */
function readsAll({ select }: QueryBlock, aliases: ReadonlySet<string>): boolean {
  const { fromClause } = select;
  const expressions = { ...select, fromClause: undefined, withClause: undefined };
  const own = [...walk(expressions, (type) => type !== 'SelectStmt')];
  if (own.some(({ type, node }) => type === 'ColumnRef' && bareName(node)[0] === '*')) return true;
  return [...walk({ expressions, fromClause })].some(({ type, node }) => {
    const [first, second] = type === 'ColumnRef' ? (columnFields({ ColumnRef: node }) ?? []) : [];
    return first !== undefined && aliases.has(first) && (second === undefined || second === '*');
  });
}

/** The relation's places in FROM, and the joins around them that have a name of their own. */
function mentionsOf(item: FromItem, relation: string): FromItem[] {
  if (item.kind === 'relation') return item.relation === relation ? [item] : [];
  if (item.kind !== 'join') return [];
  const inner = [...mentionsOf(item.left, relation), ...mentionsOf(item.right, relation)];
  return inner.length > 0 && item.alias !== undefined ? [...inner, item] : inner;
}

function blocksIn(item: FromItem): QueryBlock[] {
  if (item.kind === 'query') return [item.block];
  return item.kind === 'join' ? [...blocksIn(item.left), ...blocksIn(item.right)] : [];
}

import type { ColumnRef, FuncCall, Node, SelectStmt, TypeName } from 'libpg-query';

/** A node of the parse tree with its type, e.g. `ColumnRef`. */
export interface TypedNode {
  readonly type: string;
  readonly node: Record<string, unknown>;
}

/**
 * All typed nodes below a value of the parse tree, in the order of the text. The parser leaves the arms of a set
 * operation, `with` and `into` without a type; what is in them is visited all the same. Iterative, because a long
 * chain of operators is a deep tree.
 * @param descend false for a type whose inside is not to be visited
 */
export function* walk(root: unknown, descend: (type: string) => boolean = () => true): Generator<TypedNode> {
  const stack: [string | undefined, unknown][] = [[undefined, root]];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const [key, value] = top;
    if (typeof value !== 'object' || value === null) continue;
    const type = key !== undefined && /^[A-Z]/.test(key) ? key : undefined;
    if (type !== undefined) yield { type, node: value as Record<string, unknown> };
    if (type !== undefined && !descend(type)) continue;
    const children: [string | undefined, unknown][] = Array.isArray(value) ? value.map((item) => [undefined, item as unknown]) : Object.entries(value);
    stack.push(...children.reverse());
  }
}

/** The inside of a node when it is of this type. */
export function as<T>(type: string, node: unknown): T | undefined {
  return typeof node === 'object' && node !== null && type in node ? (node as Record<string, T>)[type] : undefined;
}

/** The texts of a list of String nodes; a `*` ends as '*'. */
export function strings(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).map((node) => ('String' in node ? (node.String.sval ?? '') : 'A_Star' in node ? '*' : ''));
}

/** `x` gives ['x'], `t.x` gives ['t', 'x'], `t.*` gives ['t', '*']. */
export function columnFields(node: unknown): string[] | undefined {
  const column = as<ColumnRef>('ColumnRef', node);
  return column === undefined ? undefined : strings(column.fields);
}

/** The name of a function; undefined when it is not one of Postgres's own. */
export function builtinName(call: FuncCall): string | undefined {
  const [first, second] = strings(call.funcname);
  if (second === undefined) return first;
  return first === 'pg_catalog' ? second : undefined;
}

/** A type as Postgres's parser knows it, without `pg_catalog.` and modifiers: `double precision` is float8. */
export function typeText(type: TypeName): string {
  const names = strings(type.names);
  const name = (names[0] === 'pg_catalog' ? names.slice(1) : names).join('.');
  return (type.arrayBounds?.length ?? 0) > 0 ? `${name}[]` : name;
}

/** The byte offset of the first thing in a part of the tree that says where it is; an operator says where its sign is. */
export function locationOf(part: unknown): number | undefined {
  let first: number | undefined;
  for (const { node } of walk(part)) {
    if (typeof node.location === 'number' && node.location >= 0 && node.location < (first ?? Infinity)) first = node.location;
  }
  return first;
}

/** Every key the parser uses for a position in the text. */
const POSITION = /^(location|name_location|stmt_location|stmt_len|(rexpr_)?list_(start|end))$/;

/** The tree without positions: two texts that differ in layout, comments and parentheses only give equal trees. */
export function withoutPositions<T>(tree: T): T {
  return JSON.parse(JSON.stringify(tree, (key, value: unknown) => (POSITION.test(key) ? undefined : value))) as T;
}

/** The two arms of a set operation, or undefined. */
export function armsOf(select: SelectStmt): [SelectStmt, SelectStmt] | undefined {
  return select.larg !== undefined && select.rarg !== undefined ? [select.larg, select.rarg] : undefined;
}

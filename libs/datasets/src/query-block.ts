import type { Alias, CommonTableExpr, JoinExpr, Node, RangeSubselect, RangeVar, ScanToken, SelectStmt } from 'libpg-query';
import type { Mention } from './dataset.js';
import { nearestName } from './nearest-name.js';
import { bareName } from './relation-name.js';
import type { StatementProblem } from './statement-error.js';
import { armsOf, as, strings, walk } from './syntax-tree.js';

/** One SELECT with everything it reads. A WITH query stands at each place that reads it, as a copy of its own. */
export interface QueryBlock {
  readonly select: SelectStmt;
  readonly from: readonly FromItem[];
  /** The two sides of a set operation, else empty. */
  readonly arms: readonly QueryBlock[];
  /** SELECTs inside expressions: scalar sub-selects, EXISTS, IN, ARRAY. */
  readonly sublinks: readonly QueryBlock[];
  /** For a WITH query that reads itself: what its OpaqueItems name as `itself`. */
  readonly recursive?: object;
}

export type FromItem = RelationItem | QueryItem | JoinItem | OpaqueItem;

interface Named {
  readonly alias?: string;
  /** New names of the first columns, as in `t(a, b)`. */
  readonly columnNames: readonly string[];
}

export interface RelationItem extends Named {
  readonly kind: 'relation';
  readonly relation: string;
  /** Index into the statement. */
  readonly start: number;
}

export interface QueryItem extends Named {
  readonly kind: 'query';
  readonly block: QueryBlock;
  readonly lateral: boolean;
  /** Columns that SEARCH and CYCLE add to a recursive WITH query. */
  readonly generated: readonly string[];
}

export interface JoinItem extends Named {
  readonly kind: 'join';
  readonly type: 'inner' | 'left' | 'right' | 'full';
  readonly left: FromItem;
  readonly right: FromItem;
  readonly using: readonly string[];
  readonly on?: Node;
}

/** A function, whose columns are not known, or a recursive WITH query at the place where it reads itself. */
export interface OpaqueItem extends Named {
  readonly kind: 'opaque';
  /** The function with its arguments. */
  readonly node?: Node;
  readonly itself?: object;
}

interface WithQuery {
  readonly node: CommonTableExpr;
  readonly scope: Scope;
  read: boolean;
}
/** Stands for a recursive WITH query inside its own text. */
interface Itself {
  readonly itself: CommonTableExpr;
  read: boolean;
}
type Scope = ReadonlyMap<string, WithQuery | Itself>;

/** Copies of WITH queries double with each level that reads the one before twice. */
const MOST_BLOCKS = 1_000;

/**
 * Resolves what each name in FROM stands for. A name of a WITH query hides nothing but the unqualified name, in its
 * own scope; an unqualified name that is none is a problem, as search_path holds pg_catalog alone.
 */
export function buildQueryBlock(
  tree: SelectStmt,
  text: string,
  tokens: readonly ScanToken[],
  indexOf: (byte: number) => number,
  relations: readonly string[] = [],
): { block: QueryBlock; mentions: Mention[]; problems: StatementProblem[] } {
  const builder = new BlockBuilder(text, tokens, indexOf, relations);
  const block = builder.block(tree, new Map());
  const mentions = [...builder.mentions.values()].sort((a, b) => a.start - b.start);
  return { block, mentions, problems: [...builder.problems.values()] };
}

class BlockBuilder {
  readonly mentions = new Map<number, Mention>();
  readonly problems = new Map<string, StatementProblem>();
  private blocks = 0;

  constructor(
    private readonly text: string,
    private readonly tokens: readonly ScanToken[],
    private readonly indexOf: (byte: number) => number,
    private readonly relations: readonly string[],
  ) {}

  block(select: SelectStmt, outer: Scope, itself?: Itself): QueryBlock {
    if (++this.blocks > MOST_BLOCKS) throw new RangeError('too many sub-selects');
    const own = this.scopeOf(select, outer);
    const arms = (armsOf(select) ?? []).map((arm) => this.block(arm, own));
    const from = (select.fromClause ?? []).map((node) => this.fromItem(node, own));
    const sublinks = this.sublinks(select, own);
    for (const query of own.values()) {
      // A WITH query that nothing reads runs nowhere, yet its text must be right.
      if ('itself' in query || query.read || outer.get(query.node.ctename ?? '') === query) continue;
      this.withQuery(query);
    }
    return { select, from, arms, sublinks, ...(itself?.read === true ? { recursive: itself.itself } : {}) };
  }

  private scopeOf(select: SelectStmt, outer: Scope): Scope {
    let scope = outer;
    const recursive = select.withClause?.recursive === true;
    const nodes = (select.withClause?.ctes ?? []).flatMap((node) => as<CommonTableExpr>('CommonTableExpr', node) ?? []);
    if (recursive) {
      const shared = new Map(outer);
      for (const node of nodes) shared.set(node.ctename ?? '', { node, scope: shared, read: false });
      return shared;
    }
    for (const node of nodes) scope = new Map(scope).set(node.ctename ?? '', { node, scope, read: false });
    return scope;
  }

  private withQuery(query: WithQuery): QueryBlock | undefined {
    query.read = true;
    const select = as<SelectStmt>('SelectStmt', query.node.ctequery);
    if (select === undefined) return undefined; // statement-rules.ts refuses it
    const name = query.node.ctename ?? '';
    if (query.scope.get(name) !== query) return this.block(select, query.scope);
    const itself = { itself: query.node, read: false };
    return this.block(select, new Map(query.scope).set(name, itself), itself);
  }

  private fromItem(node: Node, scope: Scope): FromItem {
    const relation = as<RangeVar>('RangeVar', node);
    if (relation !== undefined) return this.relation(relation, scope);
    const join = as<JoinExpr>('JoinExpr', node);
    if (join !== undefined) return this.join(join, scope);
    const sub = as<RangeSubselect>('RangeSubselect', node);
    const select = as<SelectStmt>('SelectStmt', sub?.subquery);
    if (sub !== undefined && select !== undefined) {
      return { kind: 'query', block: this.block(select, scope), lateral: sub.lateral === true, generated: [], ...named(sub.alias) };
    }
    const inner = Object.values(node)[0] as { alias?: Alias; coldeflist?: readonly Node[] };
    const names = named(inner.alias);
    const defined = (inner.coldeflist ?? []).map((column) => as<{ colname?: string }>('ColumnDef', column)?.colname ?? '');
    return { kind: 'opaque', node, ...names, columnNames: names.columnNames.length > 0 ? names.columnNames : defined };
  }

  private join(join: JoinExpr, scope: Scope): FromItem {
    const types = { JOIN_LEFT: 'left', JOIN_RIGHT: 'right', JOIN_FULL: 'full' } as const;
    return {
      kind: 'join',
      type: types[join.jointype as keyof typeof types] ?? 'inner',
      left: this.fromItem(join.larg!, scope),
      right: this.fromItem(join.rarg!, scope),
      using: strings(join.usingClause),
      ...(join.quals === undefined ? {} : { on: join.quals }),
      ...named(join.alias),
    };
  }

  private relation(node: RangeVar, scope: Scope): FromItem {
    const name = node.relname ?? '';
    const names = named(node.alias, name);
    const start = this.indexOf(node.location ?? 0);
    if (node.schemaname === undefined) {
      const query = scope.get(name);
      if (query === undefined) this.problem(start, `${name} is no WITH query; name a table with its schema, as in ${this.qualified(name)}`);
      if (query === undefined) return { kind: 'opaque', ...names };
      const { aliascolnames, search_clause: search, cycle_clause: cycle } = 'itself' in query ? query.itself : query.node;
      const renamed = strings(aliascolnames).map((column, i) => names.columnNames[i] ?? column);
      const columnNames = renamed.length > 0 ? renamed : names.columnNames;
      if ('itself' in query) {
        query.read = true;
        return { kind: 'opaque', itself: query.itself, ...names, columnNames };
      }
      const block = this.withQuery(query);
      if (block === undefined) return { kind: 'opaque', ...names };
      const generated = [search?.search_seq_column, cycle?.cycle_mark_column, cycle?.cycle_path_column].flatMap((column) => column ?? []);
      return { kind: 'query', block, lateral: false, generated, ...names, columnNames };
    }
    if (node.catalogname !== undefined) this.problem(start, `${node.catalogname}.${node.schemaname}.${name}: a table is named by schema and name only`);
    if (node.inh !== true) this.problem(start, 'ONLY would leave out the partitions of the table');
    const relation = `${node.schemaname}.${name}`;
    this.mentions.set(start, { relation, start, end: this.endOfName(node), aliased: node.alias !== undefined });
    return { kind: 'relation', relation, start, ...names };
  }

  private qualified(name: string): string {
    const nearest = nearestName(name, this.relations.map(bareName));
    return this.relations.find((relation) => bareName(relation) === nearest) ?? `silver.${name}`;
  }

  /** The parser says where `schema.name` begins; the scanner where its last part ends, whatever stands between. */
  private endOfName(node: RangeVar): number {
    const first = this.tokens.findIndex((token) => token.start === node.location);
    const words = this.tokens.slice(first).filter((token) => !token.text.startsWith('--') && !token.text.startsWith('/*'));
    const last = words[node.catalogname === undefined ? 2 : 4];
    return last === undefined ? this.text.length : this.indexOf(last.end);
  }

  private sublinks(select: SelectStmt, scope: Scope): QueryBlock[] {
    const { fromClause } = select;
    const expressions = { ...select, fromClause: undefined, withClause: undefined, larg: undefined, rarg: undefined };
    const found: QueryBlock[] = [];
    const take = (root: unknown): void => {
      for (const { type, node } of walk(root, (inner) => inner !== 'SelectStmt')) {
        if (type === 'SelectStmt') found.push(this.block(node, scope));
      }
    };
    take(expressions);
    for (const { type, node } of walk(fromClause, (inner) => inner !== 'RangeSubselect' && inner !== 'SelectStmt')) {
      if (type === 'JoinExpr') take(node.quals);
      if (type.startsWith('RangeFunction') || type === 'RangeTableFunc' || type === 'JsonTable') take(node);
    }
    return found;
  }

  private problem(index: number, message: string): void {
    this.problems.set(`${index}:${message}`, { index, message });
  }
}

function named(alias: Alias | undefined, name?: string): Named {
  const shown = alias?.aliasname ?? name;
  return { ...(shown === undefined ? {} : { alias: shown }), columnNames: strings(alias?.colnames) };
}

import type { FromItem, JoinItem, OpaqueItem, QueryBlock, RelationItem } from '../query-block.js';
import { ColumnScope, UNNAMED, type Column, type Result } from './column-scope.js';
import { equalIn, equalities } from './equal-columns.js';
import { ExpressionSources } from './expression-sources.js';
import { clauses, results, unite, valuesColumns } from './result-columns.js';
import { NONE, sourceOf, union, weaken, weightOf, type Sources } from './sources.js';
import { ValueGroup, type Origins } from './value-group.js';

/** What is known of a relation without a database. */
export interface KnownColumns {
  readonly columns: readonly KnownColumn[];
  /** False when it has columns that only a database knows. */
  readonly complete: boolean;
}

export interface KnownColumn {
  readonly name: string;
  readonly dataType?: string;
}

export type Catalogue = (relation: string) => KnownColumns;

export type Outputs = Omit<Result, 'list'> & { readonly list: readonly (Column | undefined)[] };

/** A part of FROM. */
interface Part {
  readonly scope: ColumnScope;
  readonly rows: Sources;
}

/**
 * Follows columns through aliases, sub-selects, WITH queries, joins and set operations: each result column to the
 * columns it comes from (`from`), and to the mentions whose own column it is in every row (`group`), which is what
 * touched keys need.
 * @param tracked the relations whose mentions count as origins; joinItem says why no others do
 */
export class Lineage {
  /** What a recursive WITH query gives as far as known, while it is followed. */
  private readonly recursions = new Map<object, Result>();

  constructor(private readonly catalogue: Catalogue, private readonly tracked: ReadonlySet<string>) {}

  /** The result columns of a SELECT; undefined stands for one without a name. */
  outputs(block: QueryBlock): Outputs {
    const result = this.follow(block, ColumnScope.empty);
    return { ...result, list: result.list.map((column) => (column.name === UNNAMED ? undefined : column)) };
  }

  /** @param outer what a correlated or lateral SELECT can name besides its own FROM */
  private follow(block: QueryBlock, outer: ColumnScope): Result {
    const [left, right] = block.arms;
    if (left !== undefined && right !== undefined) return this.setOperation(block, left, right, outer);
    const { scope, rows } = this.from(block, outer);
    const expressions = this.expressions(block, scope);
    if (block.select.valuesLists !== undefined) return { list: valuesColumns(block.select, expressions), complete: true, rows };
    const columns = results(block.select, scope, expressions);
    return { ...columns, rows: union([rows, ...clauses(block.select, columns, scope, expressions)]) };
  }

  /** What the expressions of a SELECT that is no set operation can name. */
  scope(block: QueryBlock): ColumnScope {
    return this.from(block, ColumnScope.empty).scope;
  }

  private expressions(block: QueryBlock, scope: ColumnScope): ExpressionSources {
    return new ExpressionSources(block, scope, (inner, outer) => this.follow(inner, outer));
  }

  private from(block: QueryBlock, outer: ColumnScope): Part {
    let scope = ColumnScope.empty.within(outer);
    const rows: Sources[] = [];
    for (const item of block.from) {
      const part = this.item(item, block, scope, outer);
      scope = scope.beside(part.scope);
      rows.push(part.rows);
    }
    for (const [a, b] of equalities(block.select.whereClause)) {
      const [first, second] = [scope.resolve(a), scope.resolve(b)];
      if (first !== undefined && second !== undefined) first.group.unite(second.group);
    }
    return { scope, rows: union(rows) };
  }

  /** @param beside what LATERAL and functions can name: the items to the left, and what is outside */
  private item(item: FromItem, block: QueryBlock, beside: ColumnScope, outer: ColumnScope): Part {
    switch (item.kind) {
      case 'relation': {
        const { columns, complete } = this.catalogue(item.relation);
        const from = (name: string): Sources => sourceOf(item.relation, name);
        const list = columns.map((column) => ({ ...column, group: new ValueGroup(this.originOf(item, column.name)), from: from(column.name) }));
        return { scope: ColumnScope.table(item.alias, { list, complete, ...(complete ? {} : { unlisted: from }) }, item.columnNames), rows: NONE };
      }
      case 'query': {
        const result = this.follow(item.block, item.lateral ? beside : outer);
        const generated = item.generated.map((name) => ({ name, group: new ValueGroup(), from: result.rows }));
        return { scope: ColumnScope.table(item.alias, { ...result, list: [...result.list, ...generated] }, item.columnNames), rows: result.rows };
      }
      case 'opaque':
        return this.opaque(item, block, beside);
      case 'join': {
        const part = this.join(item, block, beside, outer);
        return item.alias === undefined ? part : { ...part, scope: ColumnScope.table(item.alias, part.scope.all, item.columnNames) };
      }
    }
  }

  private originOf(item: RelationItem, column: string): Origins {
    return this.tracked.has(item.relation) ? new Map([[item, column]]) : new Map();
  }

  private opaque(item: OpaqueItem, block: QueryBlock, beside: ColumnScope): Part {
    const itself = item.itself === undefined ? undefined : this.recursions.get(item.itself);
    if (itself !== undefined) {
      const list = itself.list.map((column) => ({ ...column, group: new ValueGroup() }));
      return { scope: ColumnScope.table(item.alias, { ...itself, list }, item.columnNames), rows: NONE };
    }
    const from = item.node === undefined ? NONE : this.expressions(block, beside).within(item.node, 'computed');
    const list = item.columnNames.map((name) => ({ name, group: new ValueGroup(), from }));
    return { scope: ColumnScope.table(item.alias, { list, complete: false, unlisted: () => from }), rows: weaken(from, 'condition') };
  }

  /**
   * A column of the side that may be missing holds nulls of the join's making, so it is no plain column any more. The
   * equal column of the kept side stands for both, but only when it has origins itself: a lookup on the kept side
   * gives rows for keys that no row of the other side has.
   */
  private join(join: JoinItem, block: QueryBlock, beside: ColumnScope, outer: ColumnScope): Part {
    const leftPart = this.item(join.left, block, beside, outer);
    const rightPart = this.item(join.right, block, beside.beside(leftPart.scope), outer);
    const [left, right] = [leftPart.scope, rightPart.scope];
    const both = left.beside(right);
    const pairs = join.using.map((name) => ({ name, a: left.named(name), b: right.named(name) }));
    for (const [a, b] of equalities(join.on)) {
      const [leftToRight, rightToLeft] = [{ a: left.resolve(a), b: right.resolve(b) }, { a: left.resolve(b), b: right.resolve(a) }];
      pairs.push({ name: '', ...(leftToRight.a !== undefined && leftToRight.b !== undefined ? leftToRight : rightToLeft) });
    }
    const merged: Column[] = [];
    const rows = [leftPart.rows, rightPart.rows, this.expressions(block, both.within(outer)).within(join.on, 'condition')];
    for (const { name, a, b } of pairs) {
      const group = a === undefined || b === undefined ? new ValueGroup() : equalIn(join.type, a.group, b.group);
      if (name === '') continue;
      const [ofLeft, ofRight] = [left.sourcesOf([name]), right.sourcesOf([name])];
      const from = { inner: ofLeft, left: ofLeft, right: ofRight, full: union([ofLeft, ofRight]) }[join.type];
      const dataType = a?.dataType ?? b?.dataType;
      merged.push({ name, group, from, ...(dataType === undefined ? {} : { dataType }) });
      rows.push(weaken(union([ofLeft, ofRight]), 'condition'));
    }
    if (join.type === 'left' || join.type === 'full') right.forgetOrigins();
    if (join.type === 'right' || join.type === 'full') left.forgetOrigins();
    return { scope: both.merging(merged), rows: union(rows) };
  }

  /** A recursive WITH query is followed until it comes from nothing new: its step may read each column of itself. */
  private setOperation(block: QueryBlock, left: QueryBlock, right: QueryBlock, outer: ColumnScope): Result {
    const first = this.follow(left, outer);
    if (block.recursive === undefined) return unite(block.select, first, this.follow(right, outer));
    let known = first;
    for (;;) {
      this.recursions.set(block.recursive, known);
      const next = unite(block.select, first, this.follow(right, outer));
      this.recursions.delete(block.recursive);
      if (weight(next) === weight(known)) return next;
      known = next;
    }
  }
}

function weight({ list, rows }: Result): number {
  return list.reduce((sum, column) => sum + weightOf(column.from), weightOf(rows));
}

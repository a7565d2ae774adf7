import type { A_Expr, BoolExpr, Node, ResTarget, SelectStmt } from 'libpg-query';
import { ColumnScope, ValueGroup, type Column, type Columns, type Origins } from './column-scope.js';
import { castTypeOf, resultName } from './result-name.js';
import type { FromItem, JoinItem, QueryBlock, RelationItem } from './query-block.js';
import { as, columnFields, strings } from './syntax-tree.js';

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

/**
 * Follows plain columns through aliases, sub-selects, WITH queries, joins and set operations.
 * @param tracked the relations whose mentions count as origins; joinItem says why no others do
 */
export class Lineage {
  constructor(private readonly catalogue: Catalogue, private readonly tracked: ReadonlySet<string>) {}

  /** The result columns of a SELECT. */
  outputs(block: QueryBlock): Columns {
    const [left, right] = block.arms;
    if (left !== undefined && right !== undefined) return uniteArms(this.outputs(left), this.outputs(right));
    if (block.select.valuesLists !== undefined) return { list: valuesColumns(block.select), complete: true };
    return results(block.select, this.scope(block));
  }

  /** What the expressions of a SELECT that is no set operation can name. */
  scope(block: QueryBlock): ColumnScope {
    const scope = block.from.map((item) => this.item(item)).reduce((left, right) => left.beside(right), ColumnScope.empty);
    for (const [a, b] of equalities(block.select.whereClause)) {
      const [first, second] = [scope.resolve(a), scope.resolve(b)];
      if (first !== undefined && second !== undefined) first.group.unite(second.group);
    }
    return scope;
  }

  private item(item: FromItem): ColumnScope {
    switch (item.kind) {
      case 'relation': {
        const { columns, complete } = this.catalogue(item.relation);
        const list = columns.map((column) => ({ ...column, group: new ValueGroup(this.originOf(item, column.name)) }));
        return ColumnScope.table(item.alias, { list, complete }, item.columnNames);
      }
      case 'query':
        return ColumnScope.table(item.alias, this.outputs(item.block), item.columnNames);
      case 'opaque':
        return ColumnScope.table(item.alias, { list: [], complete: false });
      case 'join': {
        const scope = this.joinItem(item);
        return item.alias === undefined ? scope : ColumnScope.table(item.alias, scope.all, item.columnNames);
      }
    }
  }

  private originOf(item: RelationItem, column: string): Origins {
    return this.tracked.has(item.relation) ? new Map([[item, column]]) : new Map();
  }

  /**
   * A column of the side that may be missing holds nulls of the join's making, so it is no plain column any more. The
   * equal column of the kept side stands for both, but only when it has origins itself: a lookup on the kept side
   * gives rows for keys that no row of the other side has.
   */
  private joinItem(join: JoinItem): ColumnScope {
    const [left, right] = [this.item(join.left), this.item(join.right)];
    const both = left.beside(right);
    const pairs = join.using.map((name) => ({ name, a: left.named(name), b: right.named(name) }));
    for (const [a, b] of equalities(join.on)) {
      const [leftToRight, rightToLeft] = [{ a: left.resolve(a), b: right.resolve(b) }, { a: left.resolve(b), b: right.resolve(a) }];
      pairs.push({ name: '', ...(leftToRight.a !== undefined && leftToRight.b !== undefined ? leftToRight : rightToLeft) });
    }
    const merged: Column[] = [];
    for (const { name, a, b } of pairs) {
      const group = a === undefined || b === undefined ? new ValueGroup() : equalIn(join.type, a.group, b.group);
      const dataType = a?.dataType ?? b?.dataType;
      if (name !== '') merged.push({ name, group, ...(dataType === undefined ? {} : { dataType }) });
    }
    if (join.type === 'left' || join.type === 'full') right.forgetOrigins();
    if (join.type === 'right' || join.type === 'full') left.forgetOrigins();
    return both.merging(merged);
  }
}

/** The value that two equal columns share after a join. */
function equalIn(type: JoinItem['type'], a: ValueGroup, b: ValueGroup): ValueGroup {
  switch (type) {
    case 'inner':
      a.unite(b);
      return a;
    case 'left':
      if (a.origins.size > 0) a.add(b.origins);
      return a;
    case 'right':
      if (b.origins.size > 0) b.add(a.origins);
      return b;
    case 'full':
      return new ValueGroup(a.origins.size > 0 && b.origins.size > 0 ? new Map([...a.origins, ...b.origins]) : new Map());
  }
}

/** A value comes from one arm or the other: an arm in which it is nobody's plain column spoils it. */
function uniteArms(left: Columns, right: Columns): Columns {
  const list = left.list.map((column, i) => {
    if (column === undefined) return undefined;
    const [a, b] = [column.group.origins, right.list[i]?.group.origins ?? new Map<RelationItem, string>()];
    return { ...column, group: new ValueGroup(a.size > 0 && b.size > 0 ? new Map([...a, ...b]) : new Map()) };
  });
  return { list, complete: left.complete && right.complete };
}

function results(select: SelectStmt, scope: ColumnScope): Columns {
  let complete = true;
  const list = (select.targetList ?? []).flatMap((node): readonly (Column | undefined)[] => {
    const target = as<ResTarget>('ResTarget', node);
    const fields = columnFields(target?.val);
    if (fields?.at(-1) === '*') {
      const source = fields.length === 1 ? scope.all : scope.allOf(fields[0]!);
      complete &&= source?.complete ?? false;
      return source?.list ?? [];
    }
    if (as<{ indirection?: Node[] }>('A_Indirection', target?.val)?.indirection?.some((part) => 'A_Star' in part) === true) {
      complete = false;
      return [];
    }
    const name = target?.name ?? resultName(target?.val);
    if (name === undefined) return [undefined];
    const column = scope.resolve(target?.val);
    const dataType = column?.dataType ?? castTypeOf(target?.val);
    return [{ name, group: column?.group ?? new ValueGroup(), ...(dataType === undefined ? {} : { dataType }) }];
  });
  return { list, complete };
}

function valuesColumns(select: SelectStmt): Column[] {
  const width = as<{ items?: Node[] }>('List', select.valuesLists?.[0])?.items?.length ?? 0;
  return Array.from({ length: width }, (_, i) => ({ name: `column${i + 1}`, group: new ValueGroup() }));
}

/** The two sides of each `a = b` that must hold: a condition itself, or a part of its top-level AND. */
function equalities(condition: Node | undefined): [Node, Node][] {
  const and = as<BoolExpr>('BoolExpr', condition);
  if (and?.boolop === 'AND_EXPR') return (and.args ?? []).flatMap((part) => equalities(part));
  const equal = as<A_Expr>('A_Expr', condition);
  if (equal?.kind !== 'AEXPR_OP' || strings(equal.name).join() !== '=' || equal.lexpr === undefined || equal.rexpr === undefined) return [];
  return [[equal.lexpr, equal.rexpr]];
}

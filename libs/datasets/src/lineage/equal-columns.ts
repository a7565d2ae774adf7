import type { A_Expr, BoolExpr, Node } from 'libpg-query';
import type { JoinItem } from '../query-block.js';
import { as, strings } from '../syntax-tree.js';
import { ValueGroup } from './value-group.js';

/** The value that two equal columns share after a join. */
export function equalIn(type: JoinItem['type'], a: ValueGroup, b: ValueGroup): ValueGroup {
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

/** The two sides of each `a = b` that must hold: a condition itself, or a part of its top-level AND. */
export function equalities(condition: Node | undefined): [Node, Node][] {
  const and = as<BoolExpr>('BoolExpr', condition);
  if (and?.boolop === 'AND_EXPR') return (and.args ?? []).flatMap((part) => equalities(part));
  const equal = as<A_Expr>('A_Expr', condition);
  if (equal?.kind !== 'AEXPR_OP' || strings(equal.name).join() !== '=' || equal.lexpr === undefined || equal.rexpr === undefined) return [];
  return [[equal.lexpr, equal.rexpr]];
}

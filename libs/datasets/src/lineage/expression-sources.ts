import type { FuncCall, SelectStmt, SubLink, WindowDef } from 'libpg-query';
import type { QueryBlock } from '../query-block.js';
import { as, columnFields } from '../syntax-tree.js';
import type { ColumnScope, Result } from './column-scope.js';
import { NONE, union, weaken, type DependencyKind, type Sources } from './sources.js';

/** What the expressions of one SELECT come from. */
export class ExpressionSources {
  /**
   * @param block the SELECT, for the sub-selects in its expressions
   * @param evaluate the result of a sub-select that may name what a scope has
   */
  constructor(
    private readonly block: QueryBlock,
    private readonly scope: ColumnScope,
    private readonly evaluate: (block: QueryBlock, outer: ColumnScope) => Result,
  ) {}

  /** A column keeps what it comes from, anything else is computed. */
  of(expression: unknown): Sources {
    const fields = columnFields(expression);
    return fields === undefined ? this.within(expression, 'computed') : this.scope.sourcesOf(fields);
  }

  /**
   * Everything that any part of the tree comes from, at most of this kind. Iterative, because a long chain of operators
   * is a deep tree.
   */
  within(part: unknown, kind: DependencyKind): Sources {
    const found: Sources[] = [];
    const stack: [unknown, DependencyKind][] = [[part, kind]];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const [node, limit] = top;
      if (typeof node !== 'object' || node === null) continue;
      const column = columnFields(node);
      const link = as<SubLink>('SubLink', node);
      const call = as<FuncCall>('FuncCall', node);
      if (column !== undefined) {
        found.push(weaken(this.scope.sourcesOf(column), limit));
      } else if (link !== undefined) {
        found.push(this.sublink(link, limit));
        stack.push([link.testexpr, limit]);
      } else if (call !== undefined) {
        const { agg_filter: filter, agg_order: order, over, ...rest } = call;
        stack.push([rest, limit], [[filter, order, over, this.namedWindow(over)], 'condition']);
      } else if (!('SelectStmt' in node)) {
        for (const child of Object.values(node)) stack.push([child, limit]);
      }
    }
    return union(found);
  }

  private sublink(link: SubLink, limit: DependencyKind): Sources {
    const select = as<SelectStmt>('SelectStmt', link.subselect);
    const block = this.block.sublinks.find((sublink) => sublink.select === select);
    if (block === undefined) return NONE;
    const { list, rows, unlisted } = this.evaluate(block, this.scope);
    if (link.subLinkType === 'EXISTS_SUBLINK') return rows; // what it selects does not matter
    return union([...list.map(({ from }) => weaken(from, limit)), weaken(unlisted?.('*') ?? NONE, limit), rows]);
  }

  /** `over w` and `over (w order by x)` stand for what the WINDOW clause says of w. */
  private namedWindow(over: WindowDef | undefined): unknown {
    const name = over?.refname ?? over?.name;
    const windows = (this.block.select.windowClause ?? []).flatMap((node) => as<WindowDef>('WindowDef', node) ?? []);
    const window = windows.find((candidate) => name !== undefined && candidate.name === name);
    return window === undefined || window === over ? undefined : [window, this.namedWindow({ ...window, name: window.refname })];
  }
}

import { compareText } from './problem.js';

/** A path that ends where it began: each node reads the next one. */
export class CycleError extends Error {
  override readonly name = 'CycleError';
  constructor(readonly path: readonly string[]) {
    super(`cycle: ${path.join(' -> ')}`);
  }
}

/** Named nodes and what each of them needs. Knows nothing of SQL. */
export class Graph {
  private readonly needs = new Map<string, Set<string>>();

  /** Adds a node; its needs become nodes too. Adding it again adds to its needs. */
  add(node: string, needs: Iterable<string> = []): this {
    const known = this.needs.get(node) ?? new Set();
    this.needs.set(node, known);
    for (const need of needs) {
      known.add(need);
      if (!this.needs.has(need)) this.needs.set(need, new Set());
    }
    return this;
  }

  needsOf(node: string): readonly string[] {
    return [...(this.needs.get(node) ?? [])].sort(compareText);
  }

  /**
   * Every node after all it needs; of those that could come next, the first by name.
   * @throws CycleError with the path of one cycle
   */
  order(): string[] {
    const waiting = new Map([...this.needs].map(([node, needs]) => [node, needs.size]));
    const neededBy = this.inverse();
    const ready = [...waiting].filter(([, count]) => count === 0).map(([node]) => node);
    const ordered: string[] = [];
    while (ready.length > 0) {
      const node = ready.sort(compareText).shift()!;
      ordered.push(node);
      for (const user of neededBy.get(node) ?? []) {
        const left = waiting.get(user)! - 1;
        waiting.set(user, left);
        if (left === 0) ready.push(user);
      }
    }
    if (ordered.length < this.needs.size) throw new CycleError(this.cycleAmong(new Set(ordered)));
    return ordered;
  }

  /** The given nodes with all they need, directly or not. */
  subgraph(nodes: Iterable<string>): Graph {
    return this.reach(nodes, this.needs);
  }

  /** The given nodes with all that need them, directly or not; edges to other nodes are left out. */
  descendants(nodes: Iterable<string>): Graph {
    return this.reach(nodes, this.inverse());
  }

  private reach(nodes: Iterable<string>, edges: ReadonlyMap<string, ReadonlySet<string>>): Graph {
    const reached = new Set<string>();
    const todo = [...nodes].filter((node) => this.needs.has(node));
    for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
      if (reached.has(node)) continue;
      reached.add(node);
      todo.push(...(edges.get(node) ?? []));
    }
    const graph = new Graph();
    for (const node of reached) graph.add(node, this.needsOf(node).filter((need) => reached.has(need)));
    return graph;
  }

  private inverse(): Map<string, Set<string>> {
    const inverse = new Map<string, Set<string>>();
    for (const [node, needs] of this.needs) {
      for (const need of needs) inverse.set(need, (inverse.get(need) ?? new Set()).add(node));
    }
    return inverse;
  }

  /** Every node that was not ordered needs another such node, so walking along them must come back. */
  private cycleAmong(ordered: ReadonlySet<string>): string[] {
    const path: string[] = [];
    let node = [...this.needs.keys()].filter((name) => !ordered.has(name)).sort(compareText)[0]!;
    while (!path.includes(node)) {
      path.push(node);
      node = this.needsOf(node).find((need) => !ordered.has(need))!;
    }
    const cycle = path.slice(path.indexOf(node));
    const first = cycle.indexOf([...cycle].sort(compareText)[0]!);
    return [...cycle.slice(first), ...cycle.slice(0, first), cycle[first]!];
  }
}

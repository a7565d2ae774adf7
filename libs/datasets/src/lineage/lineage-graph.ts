import { compareText } from '../problem.js';
import type { LineageNode } from './dataset-lineage.js';
import type { DependencyKind } from './sources.js';

/** A column of a node, or a node as a whole. */
export interface LineageEnd {
  readonly node: string;
  readonly column?: string;
}

/** What one end depends on, or what depends on it; between nodes as a whole there is no kind. */
export interface LineageEdge extends LineageEnd {
  readonly kind?: DependencyKind;
}

export interface Reached extends LineageEdge {
  /** Edges on the shortest way. */
  readonly distance: number;
}

export type Direction = 'upstream' | 'downstream';

const KINDS: readonly DependencyKind[] = ['condition', 'computed', 'same'];

/** The edges of one lineage, or of several together, in both directions. */
export class LineageGraph {
  private readonly edges: Record<Direction, Map<string, LineageEdge[]>> = { upstream: new Map(), downstream: new Map() };

  constructor(readonly nodes: readonly LineageNode[]) {
    for (const { name, reads, columns } of nodes) {
      for (const read of reads) this.add({ node: name }, { node: read });
      for (const column of columns) {
        for (const { relation, column: source, kind } of column.from) this.add({ node: name, column: column.name }, { node: relation, column: source }, kind);
      }
    }
  }

  /** The direct edges of one end, in the order of the nodes. */
  direct(end: LineageEnd, direction: Direction): readonly LineageEdge[] {
    return this.edges[direction].get(keyOf(end)) ?? [];
  }

  /**
   * Everything that can be reached, itself left out: nearest first, then in the order of the nodes. The kind of a way is its weakest edge, that of an end
   * its strongest way: `same` says that the value arrives unchanged.
   */
  reach(start: LineageEnd, direction: Direction): Reached[] {
    const found = new Map<string, Reached>();
    let ends: Reached[] = [{ ...start, distance: 0 }];
    while (ends.length > 0) {
      const next = new Map<string, Reached>();
      for (const end of ends) {
        for (const edge of this.direct(end, direction)) {
          const kind = edge.kind === undefined ? undefined : weakest(end.kind ?? 'same', edge.kind);
          const known = next.get(keyOf(edge)) ?? found.get(keyOf(edge));
          if (known !== undefined && rank(known.kind) >= rank(kind)) continue;
          next.set(keyOf(edge), { ...edge, ...(kind === undefined ? {} : { kind }), distance: known?.distance ?? end.distance + 1 });
        }
      }
      for (const [key, end] of next) found.set(key, end);
      ends = [...next.values()];
    }
    const position = new Map(this.nodes.map(({ name }, at) => [name, at]));
    return [...found.values()].sort((a, b) => a.distance - b.distance || position.get(a.node)! - position.get(b.node)! || compareText(a.column ?? '', b.column ?? ''));
  }

  private add(reader: LineageEnd, source: LineageEnd, kind?: DependencyKind): void {
    const put = (direction: Direction, from: LineageEnd, to: LineageEnd): void => {
      const list = this.edges[direction].get(keyOf(from)) ?? [];
      this.edges[direction].set(keyOf(from), [...list, kind === undefined ? to : { ...to, kind }]);
    };
    put('upstream', reader, source);
    put('downstream', source, reader);
  }
}

function keyOf({ node, column }: LineageEnd): string {
  return column === undefined ? node : `${node}.${column}`;
}

function rank(kind: DependencyKind | undefined): number {
  return kind === undefined ? 0 : KINDS.indexOf(kind);
}

function weakest(a: DependencyKind, b: DependencyKind): DependencyKind {
  return rank(a) < rank(b) ? a : b;
}

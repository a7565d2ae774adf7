/**
 * How a result column depends on a column of a relation: it hands on its value (`same`), its value is computed from it
 * (`computed`), or which rows there are, and in what order, depends on it (`condition`).
 */
export type DependencyKind = 'same' | 'computed' | 'condition';

export interface ColumnSource {
  readonly relation: string;
  /** `*` for a row taken whole whose columns no file names. */
  readonly column: string;
  readonly kind: DependencyKind;
}

/** Each column of a relation once, with its strongest kind. */
export type Sources = ReadonlyMap<string, ColumnSource>;

export const NONE: Sources = new Map();

const STRENGTH: Record<DependencyKind, number> = { condition: 0, computed: 1, same: 2 };

export function sourceOf(relation: string, column: string): Sources {
  return new Map([[`${relation}.${column}`, { relation, column, kind: 'same' }]]);
}

export function union(all: Iterable<Sources>): Sources {
  const found = new Map<string, ColumnSource>();
  for (const sources of all) {
    for (const [key, source] of sources) {
      const known = found.get(key);
      if (known === undefined || STRENGTH[source.kind] > STRENGTH[known.kind]) found.set(key, source);
    }
  }
  return found;
}

/** The same sources, none of them of a stronger kind than this one. */
export function weaken(sources: Sources, kind: DependencyKind): Sources {
  return new Map([...sources].map(([key, source]) => [key, STRENGTH[source.kind] > STRENGTH[kind] ? { ...source, kind } : source]));
}

/** Grows with every source found and with every kind that gets stronger. */
export function weightOf(sources: Sources): number {
  return [...sources.values()].reduce((sum, { kind }) => sum + 1 + STRENGTH[kind], 0);
}

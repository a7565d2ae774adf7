import type { Dataset } from '../dataset.js';
import type { UnitTest } from '../unit-tests/unit-test.js';

/** One thing a selector can name. */
export interface Selectable {
  /** `silver.stg_readings`; for a test its own name. */
  readonly name: string;
  readonly kind: 'source' | 'seed' | 'model' | 'test';
  readonly file: string;
  readonly tags: readonly string[];
  /** What it reads, directly. */
  readonly reads: readonly string[];
}

/** Everything of some datasets that selectors can name, each after what it reads. */
export class SelectionGraph {
  readonly nodes: readonly Selectable[];
  private readonly byName: ReadonlyMap<string, Selectable>;
  private readonly readers = new Map<string, string[]>();

  constructor(datasets: readonly Dataset[], unitTests: readonly UnitTest[] = []) {
    const nodes = datasets.flatMap(nodesOf);
    this.nodes = [...nodes, ...unitTests.map(({ name, file, model }): Selectable => ({ name, kind: 'test', file, tags: nodes.find((node) => node.name === model)?.tags ?? [], reads: [model] }))];
    this.byName = new Map(this.nodes.map((node) => [node.name, node]));
    for (const { name, reads } of this.nodes) for (const read of reads) this.readers.set(read, [...(this.readers.get(read) ?? []), name]);
  }

  /** Nodes with all that is at most so many edges away; `upstream` is what they read. */
  reach(from: Iterable<string>, direction: 'upstream' | 'downstream', depth: number): Set<string> {
    const reached = new Set(from);
    let edge = [...reached];
    for (let distance = 0; distance < depth && edge.length > 0; distance++) {
      const next = edge.flatMap((name) => (direction === 'upstream' ? (this.byName.get(name)?.reads ?? []) : (this.readers.get(name) ?? [])));
      edge = [...new Set(next)].filter((name) => !reached.has(name) && this.byName.has(name));
      for (const name of edge) reached.add(name);
    }
    return reached;
  }
}

function nodesOf(dataset: Dataset): Selectable[] {
  const { sources, seeds, models, dataTests } = dataset;
  const relations: Selectable[] = [
    ...sources.map(({ relation, file, tags }) => ({ name: relation, kind: 'source' as const, file, tags, reads: [] })),
    ...seeds.map(({ relation, file, tags }) => ({ name: relation, kind: 'seed' as const, file, tags, reads: [] })),
    ...models.map(({ relation, file, tags, query }) => ({ name: relation, kind: 'model' as const, file, tags, reads: mentioned(query) })),
  ];
  const byName = new Map(relations.map((node) => [node.name, node]));
  const headerTests = [...seeds, ...models].flatMap(({ dataTests: tests }) => tests).map((test): Selectable => ({
    name: test.name,
    kind: 'test',
    file: test.place.file,
    tags: byName.get(test.relation)?.tags ?? [],
    reads: [...new Set(test.kind === 'relationships' ? [test.relation, test.to] : [test.relation])],
  }));
  const queryTests = dataTests.map(({ name, file, tags, query }): Selectable => ({ name, kind: 'test', file, tags, reads: mentioned(query) }));
  return [...relations, ...headerTests, ...queryTests];
}

function mentioned({ mentions }: { readonly mentions: readonly { readonly relation: string }[] }): string[] {
  return [...new Set(mentions.map(({ relation }) => relation))];
}

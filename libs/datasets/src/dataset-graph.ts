import { checkDataTests, type Tested } from './data-tests/check-data-tests.js';
import type { Model } from './dataset.js';
import { checkFeeding, type Input } from './feeding.js';
import { CycleError, Graph } from './graph.js';
import type { ModelFile } from './model-file.js';
import type { Problems } from './problem.js';
import { placeInQuery } from './rendered-query.js';
import type { ReadSeed } from './seeds/read-seed.js';
import { BRONZE_COLUMNS } from './source-file.js';

/** What a dataset's files own, beside its models. */
export interface Owned {
  readonly sources: readonly string[];
  /** Undefined for a seed whose file has problems. */
  readonly seeds: ReadonlyMap<string, ReadSeed | undefined>;
}

/** Stands for what could not be read: what reads it is checked as far as it can be, so that one start shows all. */
const UNKNOWN: Input = { kind: 'unknown', columns: [], complete: false, behind: new Set() };

/** The models in graph order, each checked against what it reads, and the data tests of models and seeds. */
export function checkGraph(owned: Owned, files: readonly ModelFile[], problems: Problems): { models: Model[]; inputs: ReadonlyMap<string, Input> } {
  const byRelation = new Map(files.map((file) => [file.relation, file]));
  const inputs = new Map<string, Input>(owned.sources.map((relation) => [relation, { kind: 'bronze table', columns: BRONZE_COLUMNS, complete: true, behind: new Set<string>() }]));
  const tested: Tested[] = [];
  for (const [relation, read] of owned.seeds) {
    const input: Input = read === undefined ? UNKNOWN : { kind: 'seed', columns: read.seed.columns, complete: true, behind: new Set() };
    inputs.set(relation, input);
    if (read !== undefined) tested.push({ relation, input, tests: read.tests });
  }
  const models = orderOf(files, byRelation, problems).flatMap((relation) => {
    const file = byRelation.get(relation);
    if (file === undefined) return [];
    for (const mention of file.query.mentions) if (!inputs.has(mention.relation)) inputs.set(mention.relation, UNKNOWN); // reported
    const { model, input } = checkFeeding(file, inputs, problems);
    inputs.set(relation, input);
    tested.push({ relation, input, tests: file.header.tests });
    return [model];
  });
  for (const each of tested) checkDataTests(each, inputs, problems);
  return { models, inputs };
}

/** Every model after what it reads. Each cycle is reported and then cut open, so that the others are seen too. */
function orderOf(files: readonly ModelFile[], byRelation: ReadonlyMap<string, ModelFile>, problems: Problems): string[] {
  const cut = new Set<string>();
  for (;;) {
    const graph = new Graph();
    for (const { relation, query } of files) {
      graph.add(relation, new Set(query.mentions.map((mention) => mention.relation).filter((input) => !cut.has(`${relation} ${input}`))));
    }
    try {
      return graph.order();
    } catch (error) {
      if (!(error instanceof CycleError)) throw error;
      const [first, second] = error.path;
      const { query } = byRelation.get(first!)!;
      const mention = query.mentions.find(({ relation }) => relation === second);
      problems.add(placeInQuery(query, mention?.start ?? 0), error.message);
      cut.add(`${first!} ${second!}`);
    }
  }
}

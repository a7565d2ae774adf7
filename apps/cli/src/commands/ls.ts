import type { Dataset } from '@ingot/datasets';
import { planApply, type ApplyPlan } from '@ingot/models';
import { Command, Option } from 'commander';
import { withDatabase } from '../database.js';
import type { Io } from '../io.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatTable } from '../output/table.js';
import { loadProject } from '../project.js';
import { asksForState, chooseRelations, modifiedRelations, withSelectors, type SelectorOptions } from '../selectors.js';

interface Options extends SelectorOptions {
  readonly json?: boolean;
  readonly tests?: boolean;
  readonly output?: 'name' | 'path';
}

/** One entry of `ingot ls --json`, an array. */
interface Listed {
  readonly name: string;
  readonly kind: 'source' | 'seed' | 'model' | 'test';
  readonly dataset: string;
  readonly file: string;
  /** For a model: view, table, incremental; for a test: what it looks for. */
  readonly type: string;
  readonly strategy?: string;
  readonly tags: readonly string[];
  readonly description: string;
}

export const lsCommand = (io: Io): Command => withSelectors(new Command('ls').alias('list'))
  .description('list sources, seeds and models in graph order, chosen by selectors')
  .option('--tests', 'list the data tests too')
  .addOption(new Option('--output <what>', 'one bare line for each').choices(['name', 'path']))
  .addOption(jsonOption())
  .action(async (selectors: string[], options: Options) => {
    const datasets = (await loadProject(io)).parts.map(({ dataset }) => dataset);
    const modified = asksForState(selectors, options) ? modifiedRelations(await plansOf(io)) : undefined;
    const { relations, tests } = chooseRelations(datasets, selectors, options, modified);
    const known = new Map(datasets.flatMap(listed).map((entry) => [entry.name, entry]));
    const chosen = [...relations, ...(options.tests ? tests : [])].flatMap((name) => known.get(name) ?? []);
    if (options.json) return writeJson(io, chosen);
    if (options.output !== undefined) return io.out([...new Set(chosen.map((entry) => (options.output === 'name' ? entry.name : entry.file)))].map((line) => `${line}\n`).join(''));
    if (chosen.length === 0) return io.say('nothing is selected');
    io.out(formatTable(io, [{ title: 'name' }, { title: 'kind' }, { title: 'type' }, { title: 'strategy' }, { title: 'tags' }], chosen.map(({ name, kind, type, strategy, tags }) => [name, kind, type, strategy ?? '', tags.join(', ')])));
  });

function plansOf(io: Io): Promise<ApplyPlan[]> {
  return withDatabase(io, { name: 'ingot ls' }, async ({ client, datasets }) => {
    const plans: ApplyPlan[] = [];
    for (const dataset of datasets) plans.push(await planApply(client, dataset));
    return plans;
  });
}

function listed({ name: dataset, sources, seeds, models, dataTests }: Dataset): Listed[] {
  const ofHeaders = [...seeds, ...models].flatMap((owner) => owner.dataTests.map(({ name, kind, place }): Listed => ({ name, kind: 'test', dataset, file: place.file, type: kind, tags: owner.tags, description: '' })));
  return [
    ...sources.map(({ relation: name, kind: type, file, tags, description }): Listed => ({ name, kind: 'source', dataset, file, type, tags, description })),
    ...seeds.map(({ relation: name, file, tags, description }): Listed => ({ name, kind: 'seed', dataset, file, type: 'csv', tags, description })),
    ...models.map(({ relation: name, file, materialized: type, strategy, tags, description }): Listed => ({ name, kind: 'model', dataset, file, type, ...(strategy === undefined ? {} : { strategy }), tags, description })),
    ...ofHeaders,
    ...dataTests.map(({ name, file, tags, description }): Listed => ({ name, kind: 'test', dataset, file, type: 'query', tags, description })),
  ];
}

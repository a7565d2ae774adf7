import { rebuild, type Applied } from '@ingot/models';
import { Command } from 'commander';
import { applyOptions, withBackfillOptions, type BackfillOptions } from '../backfill-options.js';
import { WrongUsage } from '../command-failed.js';
import { withDatabase } from '../database.js';
import type { Io } from '../io.js';
import { formatApplied, plainApplied } from '../output/applied.js';
import { jsonOption, writeJson } from '../output/json.js';
import { chooseRelations, withSelectors, type SelectorOptions } from '../selectors.js';

type Options = BackfillOptions & SelectorOptions & { readonly json?: true };

export const rebuildCommand = (io: Io): Command => withBackfillOptions(withSelectors(new Command('rebuild')))
  .description('compute chosen models anew from their inputs, beside the live tables, with every model that reads them')
  .addOption(jsonOption())
  .action((selectors: string[], options: Options) => {
    if (selectors.length + (options.select?.length ?? 0) === 0) throw new WrongUsage('rebuild: say which models; `ingot rebuild \'*\'` takes all of them');
    return withDatabase(io, { name: 'ingot rebuild', endpoints: true, whenStopped: 'what is not told as rebuilt is as it was, and the same command goes on with it' }, async (session) => {
      const { client, datasets } = session;
      const chosen = new Set(chooseRelations(datasets, selectors, options).relations);
      const tables = datasets.flatMap(({ models }) => models).filter(({ relation, materialized }) => chosen.has(relation) && materialized !== 'view');
      if (tables.length === 0) throw new WrongUsage(`rebuild: ${[...chosen].join(', ') || 'nothing'} is chosen, and none of it is a table that a model owns`);
      const outcomes = [];
      for (const dataset of datasets) {
        let applied: Applied | undefined;
        const relations = dataset.models.filter((model) => tables.includes(model)).map(({ relation }) => relation);
        if (relations.length === 0) continue;
        await rebuild(client, dataset, relations, (line) => io.say(line), { ...applyOptions(io, session, dataset.name, options), onApplied: (done) => (applied = done) });
        io.progress(undefined);
        outcomes.push(plainApplied(dataset.name, applied));
        if (applied !== undefined && !options.json) io.out(formatApplied(io, applied));
        io.say(`rebuilt: ${relations.join(', ')}`);
      }
      if (options.json) writeJson(io, { datasets: outcomes });
    });
  });

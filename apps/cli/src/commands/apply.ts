import { apply, type Applied } from '@ingot/models';
import { Command } from 'commander';
import { applyOptions, withBackfillOptions, type BackfillOptions } from '../backfill-options.js';
import { chooseDatasets, datasetOption } from '../choose-datasets.js';
import { withDatabase } from '../database.js';
import type { Io } from '../io.js';
import { formatApplied, plainApplied } from '../output/applied.js';
import { jsonOption, writeJson } from '../output/json.js';
import { watchProject } from '../watch.js';
import { unitTests } from './unit.js';

interface Options extends BackfillOptions {
  readonly dataset?: string;
  readonly backfill?: true;
  readonly watch?: true;
  readonly json?: true;
}

export const applyCommand = (io: Io): Command => withBackfillOptions(new Command('apply'))
  .description('migrate the database and make it agree with the files under sql/; `ingot plan` shows what that is')
  .addOption(datasetOption())
  .option('--backfill', 'compute new columns for the rows of before too, whatever on_schema_change says')
  .option('--watch', 'on each save run the unit tests, and apply when they pass, until Ctrl-C')
  .addOption(jsonOption().conflicts('watch'))
  .action(async (options: Options) => {
    if (options.watch === undefined) return applyFiles(io, options);
    await watchProject(io, async (here) => {
      await withDatabase(here, { name: 'ingot apply', migrate: true }, () => Promise.resolve());
      await unitTests(here, [], {});
      await applyFiles(here, options);
    });
  });

async function applyFiles(io: Io, options: Options): Promise<void> {
  await withDatabase(io, { name: 'ingot apply', migrate: true, endpoints: true, whenStopped: 'what is not told as applied is as it was, and the next `ingot apply` goes on with it' }, async (session) => {
    const outcomes = [];
    for (const dataset of chooseDatasets(session.datasets, options.dataset)) {
      let applied: Applied | undefined;
      await apply(session.client, dataset, (line) => io.say(line), { ...applyOptions(io, session, dataset.name, options), backfill: options.backfill ?? false, onApplied: (done) => (applied = done) });
      io.progress(undefined);
      outcomes.push(plainApplied(dataset.name, applied));
      if (applied !== undefined && !options.json) io.out(formatApplied(io, applied));
      if (applied === undefined) io.say(`${dataset.name}: nothing to do, the database agrees with the files`);
      io.say(`applied: ${dataset.name}`);
    }
    if (options.json) writeJson(io, { datasets: outcomes });
  });
}

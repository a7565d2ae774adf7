import { restoreArchive } from '@ingot/archive';
import { Command } from 'commander';
import { withDatabase } from '../database.js';
import type { Io } from '../io.js';
import { durationOption } from '../number-options.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatCounted } from '../output/quantities.js';

interface Options {
  readonly keep: number;
  readonly replay?: true;
  readonly json?: true;
}

const WEEK_MS = 7 * 86_400_000;

export const restoreCommand = (io: Io): Command => new Command('restore')
  .description('bring the lines of an archive back as they were: no run counts them again, a rebuild does')
  .argument('<manifest>', 'the .manifest.json that `ingot archive` has written')
  .addOption(durationOption('--keep <time>', 'how long they stay, whatever retention says').default(WEEK_MS, '7d'))
  .option('--replay', 'take the lines in as new ones, which the next run counts: for a database that has never counted them')
  .addOption(jsonOption())
  .action((path: string, { keep, replay, json }: Options) => withDatabase(io, { name: 'ingot restore' }, async ({ client, datasets }) => {
    const { manifest, partition, added, there } = await restoreArchive(client, datasets, path, { keepMs: keep, replay: replay === true });
    if (json) return writeJson(io, { source: manifest.source, ...(partition === undefined ? {} : { partition }), added, there });
    const known = there === 0 ? '' : `; ${formatCounted(there, 'line')} ${there === 1 ? 'was' : 'were'} there already`;
    io.out(`${manifest.source}: ${formatCounted(added, 'line')} ${partition === undefined ? 'taken in as new ones' : `restored to ${partition}`}${known}\n`);
  }));

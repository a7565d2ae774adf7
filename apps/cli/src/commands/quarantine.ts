import { didYouMean, type Dataset } from '@ingot/datasets';
import { listQuarantine, requestReplay, type Entries, type QuarantineGroup } from '@ingot/models';
import { Command } from 'commander';
import { chooseDatasets, datasetOption } from '../choose-datasets.js';
import { CommandFailed, WrongUsage } from '../command-failed.js';
import { withDatabase, type Session } from '../database.js';
import type { Io } from '../io.js';
import { wholeNumber } from '../number-options.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatCount, formatCounted, formatInstant } from '../output/quantities.js';
import { formatTable } from '../output/table.js';
import { quarantineShowCommand } from './quarantine-show.js';

interface Options {
  readonly dataset?: string;
  readonly model?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

export const quarantineCommand = (io: Io): Command => new Command('quarantine')
  .description('rows kept aside because they broke a rule or made the SQL itself fail')
  .addCommand(listCommand(io))
  .addCommand(quarantineShowCommand(io))
  .addCommand(replayCommand(io));

const listCommand = (io: Io): Command => new Command('ls')
  .description('how many rows lie there, by model and reason, the most frequent first')
  .option('-m, --model <relation>', 'of one model')
  .addOption(datasetOption())
  .addOption(jsonOption())
  .action((options: Options) => withDatabase(io, { name: 'ingot quarantine' }, async ({ client, datasets }) => {
    const names = chooseDatasets(datasets, options.dataset).map(({ name }) => name);
    const groups = await listQuarantine(client, names, options);
    if (options.json) writeJson(io, { groups });
    else io.out(groups.length === 0 ? 'nothing lies in quarantine\n' : formatTable(io, COLUMNS, groups.map(row)));
  }));

const replayCommand = (io: Io): Command => new Command('replay')
  .description('let the next run take rows in again, as new rows: after the model has changed, or a rule')
  .argument('[ids...]', 'entries, as `ls` and `show` number them', (id: string, before: number[] | undefined) => [...(before ?? []), wholeNumber(id)])
  .option('-m, --model <relation>', 'all entries of a model')
  .option('--all', 'all entries')
  .addOption(datasetOption())
  .addOption(jsonOption())
  .action((ids: number[], options: Options) => withDatabase(io, { name: 'ingot quarantine' }, (session) => replay(io, session, ids, options)));

async function replay(io: Io, { client, datasets }: Session, ids: readonly number[], options: Options): Promise<void> {
  const chosen = chooseDatasets(datasets, options.dataset);
  const entries = chooseEntries(ids, options, chosen);
  const outcomes = [];
  for (const dataset of chosen) outcomes.push({ dataset: dataset.name, ...(await requestReplay(client, dataset, entries)) });
  const requested = outcomes.reduce((sum, outcome) => sum + outcome.requested, 0);
  const refused = outcomes.flatMap((outcome) => outcome.refused);
  if (options.json) writeJson(io, { requested, refused });
  else if (requested > 0) io.out(`${formatCounted(requested, 'entry', 'entries')} will be taken in by the next run\n`);
  for (const { id, model, input } of refused) io.say(`entry ${id} stays: it was read from ${input}, which ${model} does not read by increment now`);
  if (requested > 0 || refused.length > 0) return;
  io.say('no such entry lies in quarantine');
  throw new CommandFailed();
}

function chooseEntries(ids: readonly number[], { model, all }: Options, datasets: readonly Dataset[]): Entries {
  if ([ids.length > 0, model !== undefined, all === true].filter(Boolean).length !== 1) {
    throw new WrongUsage('ingot quarantine replay takes ids, or --model, or --all');
  }
  if (ids.length > 0) return { ids };
  if (model === undefined) return 'all';
  const relations = datasets.flatMap(({ models }) => models.map(({ relation }) => relation));
  if (!relations.includes(model)) throw new WrongUsage(`there is no model ${model}${didYouMean(model, relations)}`);
  return { model };
}

const COLUMNS = [
  { title: 'model' },
  { title: 'reasons' },
  { title: 'rows', align: 'right' },
  { title: 'first (UTC)' },
  { title: 'last (UTC)' },
  { title: 'last id', align: 'right' },
  { title: '' },
] as const;

function row(group: QuarantineGroup): string[] {
  const { model, reasons, message, entries, toReplay, firstAt, lastAt, lastId } = group;
  return [
    model,
    `${reasons.join(', ')}${message === null ? '' : `: ${message}`}`,
    formatCount(entries),
    formatInstant(firstAt),
    formatInstant(lastAt),
    String(lastId),
    toReplay === 0 ? '' : `${formatCount(toReplay)} to replay`,
  ];
}

import { resolve } from 'node:path';
import { archivePartition, isIntact } from '@ingot/archive';
import { didYouMean, recomputedFrom, type Dataset, type Source } from '@ingot/datasets';
import { closedPartitions, dropBronzePartition, expiredPartitions, factsOf, type Partition, type PartitionFacts } from '@ingot/models';
import { Command } from 'commander';
import { chooseDatasets, datasetOption } from '../choose-datasets.js';
import { CommandFailed, WrongUsage } from '../command-failed.js';
import { withDatabase, type Session } from '../database.js';
import type { Io } from '../io.js';
import { durationOption } from '../number-options.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatCount, formatInstant } from '../output/quantities.js';
import { formatTable } from '../output/table.js';

interface Options {
  readonly dataset?: string;
  readonly source?: string;
  readonly to?: string;
  readonly olderThan?: number;
  readonly drop?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

/** What was done, or with --dry-run would be done, with one partition. */
interface Outcome {
  readonly source: string;
  readonly partition: string;
  readonly rows: number;
  readonly receivedFrom: Date | null;
  readonly receivedTo: Date | null;
  readonly archive: 'written' | 'there';
  readonly manifest?: string;
  readonly dropped: boolean;
}

export const archiveCommand = (io: Io): Command => new Command('archive')
  .description('write closed bronze partitions to Parquet files, each verified by reading it back; `ingot restore` brings one back')
  .option('--to <folder>', 'where to; default: INGOT_ARCHIVE_DIR')
  .option('--source <table>', 'one source instead of all of them, e.g. bronze.raw_readings')
  .addOption(durationOption('--older-than <time>', 'partitions whose newest line is older, e.g. 90d; default: the retention of dataset.yml, or else every closed one'))
  .option('--drop', 'drop each partition once its archive is verified')
  .option('--dry-run', 'only say what would be done')
  .addOption(datasetOption())
  .addOption(jsonOption())
  .action((options: Options) => withDatabase(io, { name: 'ingot archive' }, async (session) => {
    const folder = options.to ?? session.config.INGOT_ARCHIVE_DIR;
    if (folder === undefined) throw new WrongUsage('ingot archive: say where to write, with --to or INGOT_ARCHIVE_DIR');
    const outcomes: Outcome[] = [];
    let isWhole = true;
    for (const { dataset, source } of chooseSources(chooseDatasets(session.datasets, options.dataset), options)) {
      isWhole = (await archiveSource(io, session, dataset, source, { ...options, folder: resolve(folder) }, outcomes)) && isWhole;
    }
    io.progress(undefined);
    if (options.json) writeJson(io, { dryRun: options.dryRun === true, partitions: outcomes });
    else io.out(outcomes.length === 0 ? 'no partition is to be archived\n' : formatTable(io, COLUMNS, outcomes.map((outcome) => row(outcome, options.dryRun === true))));
    if (!isWhole) throw new CommandFailed();
  }));

function chooseSources(datasets: readonly Dataset[], { source: name, drop, olderThan }: Options): { dataset: Dataset; source: Source }[] {
  const all = datasets.flatMap((dataset) => dataset.sources.map((source) => ({ dataset, source })));
  const chosen = name === undefined ? all : all.filter(({ source }) => source.relation === name);
  if (chosen.length === 0) throw new WrongUsage(`there is no source ${name}${didYouMean(name ?? '', all.map(({ source }) => source.relation))}`);
  const endless = chosen.find(({ source }) => source.retention === undefined);
  if (drop && olderThan === undefined && endless !== undefined) throw new WrongUsage(`ingot archive --drop: ${endless.source.relation} has no retention in dataset.yml, so say what may go with --older-than`);
  for (const { dataset, source } of drop ? chosen : []) {
    const [anew] = recomputedFrom(source.relation, dataset.models);
    if (anew !== undefined) throw new WrongUsage(`ingot archive --drop: ${anew.relation} computes rows anew from all that is left of ${source.relation}, so it would lose what dropped lines gave`);
  }
  return chosen;
}

/** @returns false when something that should have been dropped could not be */
async function archiveSource(io: Io, { client }: Session, dataset: Dataset, { relation, retention }: Source, options: Options & { readonly folder: string }, outcomes: Outcome[]): Promise<boolean> {
  const { folder, drop, dryRun } = options;
  const olderThan = options.olderThan ?? retention?.keepMs;
  const partitions: { partition: Partition; facts: PartitionFacts }[] = [];
  if (olderThan !== undefined) partitions.push(...(await expiredPartitions(client, dataset.name, relation, olderThan)));
  else for (const partition of await closedPartitions(client, dataset.name, relation)) partitions.push({ partition, facts: await factsOf(client, relation, partition) });
  for (const { partition, facts } of partitions) {
    io.progress(`archiving bronze.${partition.name}, ${formatCount(facts.rows)} lines`);
    // Before anything is dropped the archive has to be where it was written; else it is written again.
    const isThere = facts.archive !== undefined && (drop !== true || (await isIntact(facts.archive)));
    const manifest = isThere && facts.archive !== undefined ? facts.archive.file : dryRun ? undefined : (await archivePartition(client, { dataset: dataset.name, relation, partition, folder })).path;
    const dropped = drop === true && (dryRun === true || (await dropBronzePartition(client, dataset.name, relation, partition, true)));
    outcomes.push({
      source: relation,
      partition: `bronze.${partition.name}`,
      rows: facts.rows,
      receivedFrom: facts.receivedFrom,
      receivedTo: facts.receivedTo,
      archive: isThere ? 'there' : 'written',
      ...(manifest === undefined ? {} : { manifest }),
      dropped,
    });
    if (drop && !dropped) {
      io.say(`bronze.${partition.name} was archived and stays: it is needed again`);
      return false;
    }
  }
  return true;
}

const COLUMNS = [{ title: 'partition' }, { title: 'lines', align: 'right' }, { title: 'received from (UTC)' }, { title: 'to' }, { title: 'archive' }, { title: '' }] as const;

function row({ partition, rows, receivedFrom, receivedTo, archive, manifest, dropped }: Outcome, dryRun: boolean): string[] {
  const said = archive === 'there' ? 'was there' : dryRun ? 'to be written' : 'written';
  const instant = (at: Date | null): string => (at === null ? '' : formatInstant(at));
  return [partition, formatCount(rows), instant(receivedFrom), instant(receivedTo), manifest === undefined ? said : `${said}: ${manifest}`, dropped ? (dryRun ? 'to be dropped' : 'dropped') : ''];
}

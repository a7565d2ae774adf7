import { runDocument, type Run } from '@ingot/db';
import { Command, Option } from 'commander';
import { datasetOption } from '../choose-datasets.js';
import { formatRunIds, withHistory } from '../history.js';
import type { Io } from '../io.js';
import { countOption } from '../number-options.js';
import { paint } from '../output/colours.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatCount, formatDuration, formatInstant } from '../output/quantities.js';
import { formatTable } from '../output/table.js';
import { runsCompareCommand } from './runs-compare.js';
import { runsShowCommand } from './runs-show.js';

interface Options {
  readonly dataset?: string;
  readonly status?: Run['status'];
  readonly limit: number;
  readonly before?: number;
  readonly json?: boolean;
}

export const runsCommand = (io: Io): Command => new Command('runs')
  .description('what has run: newest first; `runs show` tells one of them, `runs compare` two')
  .addOption(datasetOption())
  .addOption(new Option('--status <status>', 'only those').choices(['succeeded', 'failed']))
  .addOption(countOption('--limit <n>', 'how many').default(20))
  .addOption(countOption('--before <id>', 'only those older than this one: the next page'))
  .addOption(jsonOption())
  .addCommand(runsShowCommand(io))
  .addCommand(runsCompareCommand(io))
  .action((options: Options) => withHistory(io, async (history) => {
    const runs = await history.list(options);
    if (options.json) writeJson(io, { runs: runs.map(runDocument) });
    else io.out(runs.length === 0 ? 'no runs\n' : formatTable(io, COLUMNS, runs.map((run) => row(io, run))));
  }));

const COLUMNS = [
  { title: 'id', align: 'right' },
  { title: 'dataset' },
  { title: 'kind' },
  { title: 'status' },
  { title: 'started (UTC)' },
  { title: 'duration', align: 'right' },
  { title: 'new rows', align: 'right' },
  { title: '_run_id', align: 'right' },
  { title: '' },
] as const;

function row(io: Io, run: Run): string[] {
  return [
    String(run.id),
    run.dataset,
    run.kind,
    paint(io, run.status === 'succeeded' ? 'good' : 'bad', run.status),
    formatInstant(run.startedAt),
    run.durationMs === null ? '' : formatDuration(run.durationMs),
    run.status === 'failed' || run.kind === 'publication' ? '' : formatCount(run.rowsIn),
    formatRunIds(run),
    remarkOn(run),
  ];
}

function remarkOn({ runs, attempts, cut, error }: Run): string {
  return [
    ...(runs > 1 ? [`${formatCount(runs)} runs`] : []),
    ...(attempts > 1 ? [`${formatCount(attempts)} times`] : []),
    ...(cut ? ['more was waiting'] : []),
    ...(error === null ? [] : [`${error.model}: ${error.message.split('\n')[0]}`]),
  ].join(', ');
}

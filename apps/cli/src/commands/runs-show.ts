import { loadDatasets } from '@ingot/datasets';
import { runDetailDocument, testsOf, type FailedTest, type Run, type RunHistory, type RunStep, type RunTestResult } from '@ingot/db';
import { Command } from 'commander';
import { datasetOption } from '../choose-datasets.js';
import { CommandFailed, WrongUsage } from '../command-failed.js';
import { findRun, formatRunIds, withHistory } from '../history.js';
import type { Io } from '../io.js';
import { countOption, wholeNumber } from '../number-options.js';
import { paint } from '../output/colours.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatProblem, projectTexts } from '../output/located.js';
import { formatCount, formatCounted, formatDuration, formatInstant } from '../output/quantities.js';
import { formatTable } from '../output/table.js';

interface Options {
  readonly dataset?: string;
  readonly wrote?: number;
  readonly json?: boolean;
}

export const runsShowCommand = (io: Io): Command => new Command('show')
  .description('one run: its steps, where its rows went, and why it failed')
  .argument('[id]', 'as `runs` lists it', wholeNumber)
  .addOption(countOption('--wrote <_run_id>', 'instead of an id: the run that wrote the rows with this _run_id (with --dataset)'))
  .addOption(datasetOption())
  .addOption(jsonOption())
  .action((id: number | undefined, _options: Options, command: Command) => {
    const options = command.optsWithGlobals<Options>();
    if ((id === undefined) === (options.wrote === undefined)) throw new WrongUsage('ingot runs show takes the id of a run, or --wrote with a _run_id');
    return withHistory(io, async (history, { INGOT_SQL_DIR }) => {
      const run = id === undefined ? await findWriter(io, history, options) : await findRun(io, history, id);
      if (options.json) writeJson(io, runDetailDocument(run));
      else await tell(io, run, INGOT_SQL_DIR);
    });
  });

async function findWriter(io: Io, history: RunHistory, { dataset, wrote = 0 }: Options): Promise<Run> {
  const names = dataset === undefined ? (await history.datasets()).map(({ name }) => name) : [dataset];
  if (names.length !== 1) throw new WrongUsage(`_run_id counts for each dataset: say --dataset, one of ${names.join(', ')}`);
  const run = await history.findWriter(names[0]!, wrote);
  if (run !== null) return run;
  io.say(`no remembered run of ${names[0]} has written _run_id ${wrote}; a negative one belongs to a rebuild`);
  throw new CommandFailed();
}

async function tell(io: Io, run: Run, sqlDir: string): Promise<void> {
  const status = paint(io, run.status === 'succeeded' ? 'good' : 'bad', run.status);
  const facts: [string, string][] = [
    ['started', `${formatInstant(run.startedAt)} UTC`],
    ['finished', `${formatInstant(run.finishedAt)} UTC`],
    ...(run.durationMs === null ? [] : [['duration', formatDuration(run.durationMs)] as [string, string]]),
    ...(run.attempts > 1 ? [['attempts', formatCount(run.attempts)] as [string, string]] : []),
    ...(run.runs > 1 ? [['runs', `${formatCount(run.runs)}, kept as one record`] as [string, string]] : []),
    ...(run.status === 'failed' ? [] : successFacts(run)),
    ['code', run.codeHash ?? 'unknown'],
  ];
  io.out(`${run.kind} ${run.id} of ${run.dataset}: ${status}\n`);
  io.out(facts.map(([name, value]) => `  ${paint(io, 'quiet', name.padEnd(10))} ${value}\n`).join(''));
  if (run.steps.length > 0) io.out(`\n${formatTable(io, COLUMNS, run.steps.map(row))}`);
  const tests = testsOf(run);
  if (tests.length > 0) io.out(`\n${formatTable(io, TEST_COLUMNS, tests.map((test) => testRow(io, test)))}`);
  if (run.error !== null) io.out(`\n${await formatRunError(io, run, sqlDir)}\n`);
}

function successFacts(run: Run): [string, string][] {
  const { snapshotXmax, snapshotXip, xid } = run;
  return [
    ...(run.kind === 'publication' ? [] : [['new rows', `${formatCount(run.rowsIn)}${run.cut ? ', and more were waiting' : ''}`] as [string, string]]),
    ['_run_id', formatRunIds(run)],
    ...(snapshotXmax === null ? [] : [['watermark', `ingest_xid below ${snapshotXmax}${snapshotXip?.length ? `, without ${formatCounted(snapshotXip.length, 'transaction')} in flight` : ''}`] as [string, string]]),
    ...(xid === null ? [] : [['xid', String(xid)] as [string, string]]),
  ];
}

/** The line of the file is shown only while the file still is what failed. */
async function formatRunError(io: Io, { error, dataset, codeHash }: Run, sqlDir: string): Promise<string> {
  const { message, model, file, line, column, detail, sqlstate } = error!;
  const now = await loadDatasets(sqlDir).catch(() => []);
  const same = now.some(({ name, codeHash: hash }) => name === dataset && hash === codeHash);
  const problem = { file, line, column, message: `${model}: ${message}${sqlstate === null ? '' : ` (SQLSTATE ${sqlstate})`}${detail === null || message.includes(detail) ? '' : `\n${detail}`}` };
  return formatProblem(io, problem, same ? projectTexts(sqlDir) : () => undefined);
}

const COLUMNS = [
  { title: 'step' },
  { title: 'strategy' },
  ...['written', 'removed', 'in', 'out', 'quarantined', 'filtered', 'duration'].map((title) => ({ title, align: 'right' as const })),
];

function row(step: RunStep): string[] {
  const counts = [step.rowsWritten, step.rowsDeleted, step.rowsIn, step.rowsOut, step.quarantined, step.filtered];
  return [step.model, step.strategy, ...counts.map((count) => (count === null ? '' : formatCount(count))), formatDuration(step.durationMs)];
}

const TEST_COLUMNS = [
  { title: 'data test' },
  { title: 'of' },
  { title: 'outcome' },
  { title: 'looked at' },
  { title: 'failures', align: 'right' },
  { title: 'duration', align: 'right' },
  { title: 'e.g.' },
] as const;

const LONGEST_SAMPLE = 80;

function testRow(io: Io, { test, relation, outcome, scope, failures, durationMs, samples }: RunTestResult | FailedTest): string[] {
  const tone = outcome === 'passed' ? 'good' : outcome === 'warned' ? 'warning' : 'bad';
  const sample = samples.length === 0 ? '' : JSON.stringify(samples[0]);
  return [test, relation ?? '', paint(io, tone, outcome), scope, formatCount(failures), formatDuration(durationMs), sample.length > LONGEST_SAMPLE ? `${sample.slice(0, LONGEST_SAMPLE)}…` : sample];
}

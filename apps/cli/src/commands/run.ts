import type { Dataset } from '@ingot/datasets';
import { runUntilCaughtUp, testsOfTables, type CatchUpResult, type StepRecord, type SucceededRun } from '@ingot/models';
import { Command, Option } from 'commander';
import { chooseDatasets, datasetOption } from '../choose-datasets.js';
import { CommandFailed, WrongUsage } from '../command-failed.js';
import { withDatabase, type Session } from '../database.js';
import type { Io } from '../io.js';
import { secondsOption } from '../number-options.js';
import { formatError, toJsonError } from '../output/errors.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatHolder } from '../output/lock-holder.js';
import { formatCount, formatCounted, formatDuration } from '../output/quantities.js';
import { formatStep, formatSummary, type Verdict } from '../output/step-line.js';
import { formatFinding, plainResult } from '../output/test-line.js';

interface Options {
  readonly dataset?: string;
  readonly json?: boolean;
  readonly once?: boolean;
  readonly wait?: number;
  readonly select?: string;
  readonly exclude?: string;
}

const WHOLE_GRAPH =
  'ingot run always refreshes the whole graph of a dataset: its models share one watermark, so that none of them ever lags another. Selectors choose what `ls`, `test`, `plan` and `rebuild` work on; `--dataset` chooses the dataset.';

export const runCommand = (io: Io): Command => new Command('run')
  .description('refresh the whole graph of every dataset with the rows no run has seen, in one transaction each')
  .argument('[selectors...]', 'refused: a run has no selection')
  .addOption(datasetOption())
  .option('--once', 'one run, which takes at most INGOT_RUN_MAX_ROWS rows; else as many as it takes to catch up')
  .addOption(secondsOption('--wait <seconds>', 'how long to wait for another process that works on the dataset; 0 = not at all').default(undefined, 'as long as it takes'))
  .addOption(new Option('-s, --select <selector>').hideHelp())
  .addOption(new Option('--exclude <selector>').hideHelp())
  .addOption(jsonOption())
  .action((selectors: string[], options: Options) => {
    if (selectors.length > 0 || options.select !== undefined || options.exclude !== undefined) throw new WrongUsage(WHOLE_GRAPH);
    return withDatabase(io, { name: 'ingot run' }, (session) => runAll(io, session, options));
  });

async function runAll(io: Io, session: Session, options: Options): Promise<void> {
  const outcomes = [];
  for (const dataset of chooseDatasets(session.datasets, options.dataset)) outcomes.push(await runOne(io, session, dataset, options));
  if (options.json) writeJson(io, { datasets: outcomes });
  if (outcomes.some(({ outcome }) => outcome !== 'succeeded')) throw new CommandFailed();
}

/** A dataset that fails keeps none of the others from running. */
async function runOne(io: Io, { client, config }: Session, dataset: Dataset, options: Options) {
  const print = (text: string): void => (options.json ? undefined : io.out(text));
  const steps = new StepLines(io, dataset, print);
  const runs: SucceededRun[] = [];
  try {
    const result = await runUntilCaughtUp(client, dataset, {
      maxRows: config.INGOT_RUN_MAX_ROWS,
      once: options.once,
      waitMs: options.wait === undefined ? Infinity : options.wait * 1_000,
      onStep: (step, position, total) => steps.done(step, position, total),
      onRun: (run) => {
        runs.push(run);
        steps.committed(run);
      },
      onWait: (holder) => io.say(`${dataset.name}: waiting for ${formatHolder(holder)}`),
    });
    if (result.outcome !== 'succeeded') io.say(reasonOf(dataset, result));
    const holder = result.outcome === 'busy' ? { holder: result.holder } : {};
    return { dataset: dataset.name, outcome: result.outcome, runs: runs.map(plainRun), ...holder };
  } catch (error) {
    if (io.signal.aborted) throw error;
    steps.failed(error);
    io.say(formatError(io, error));
    return { dataset: dataset.name, outcome: 'failed' as const, runs: runs.map(plainRun), error: toJsonError(error) };
  }
}

function reasonOf({ name }: Dataset, result: CatchUpResult): string {
  if (result.outcome === 'not-applied') return `${name}: the database was made by other files than those here: run \`ingot apply\`, or run with the files that were applied`;
  const holder = result.outcome === 'busy' ? result.holder : undefined;
  return `${name}: nothing was done: ${holder === undefined ? 'another process works on it' : formatHolder(holder)} holds the dataset`;
}

function plainRun({ runId, rowsIn, cut, durationMs, steps, tests }: SucceededRun) {
  return { run: runId, rows_in: rowsIn, cut, duration_ms: durationMs, steps: steps.map(plainStep), tests: tests.map(plainResult) };
}

/** Named as in `ingot runs show --json`. */
function plainStep({ model, strategy, rowsWritten, rowsDeleted, durationMs, ledger }: StepRecord) {
  const { in: read = null, out = null, quarantined = null, filtered = null, replayed = null } = ledger ?? {};
  return { model, strategy, rows_written: rowsWritten, rows_deleted: rowsDeleted, duration_ms: durationMs, rows_in: read, rows_out: out, quarantined, filtered, replayed };
}

/** One line for each step as it is done, and one for each run as it commits. */
class StepLines {
  private position = 0;
  private total: number;

  constructor(
    private readonly io: Io,
    private readonly dataset: Dataset,
    private readonly print: (text: string) => void,
  ) {
    this.total = dataset.models.filter(({ materialized }) => materialized !== 'view').length;
  }

  done(step: StepRecord, position: number, total: number): void {
    if (position <= this.position) this.io.say(`${this.dataset.name}: the run starts again, as another session was faster`);
    this.position = position;
    this.total = total;
    this.print(formatStep(this.io, position, total, { verdict: verdictOf(step), subject: this.subjectOf(step.model), detail: detailOf(step) }));
  }

  committed({ runId, rowsIn, cut, durationMs, steps, tests }: SucceededRun): void {
    this.position = 0;
    const known = new Map(testsOfTables(this.dataset).map((test) => [test.name, test]));
    for (const result of tests) {
      const test = known.get(result.test);
      if (result.outcome !== 'passed' && test !== undefined) this.io.say(formatFinding(this.io, test, result));
    }
    const rows = `${formatCounted(rowsIn, 'new row')}${cut ? ', more are waiting' : ''}`;
    this.print(`${this.dataset.name}: run ${runId}, ${rows}; ${formatSummary(this.io, 'step', steps.map(verdictOf), durationMs)}`);
  }

  failed(error: unknown): void {
    const { model } = error as { model?: unknown };
    if (typeof model !== 'string') return;
    // What fails behind the last step is a data test over the whole graph.
    this.print(formatStep(this.io, Math.min(this.position + 1, this.total), this.total, { verdict: 'FAIL', subject: this.subjectOf(model), detail: 'rolled back, nothing is published' }));
  }

  private subjectOf(relation: string): string {
    const { models, seeds } = this.dataset;
    const kind = models.find((model) => model.relation === relation)?.materialized ?? (seeds.some((seed) => seed.relation === relation) ? 'seed' : 'data test');
    return `${kind} ${relation}`;
  }
}

function verdictOf({ ledger }: StepRecord): Verdict {
  return (ledger?.quarantined ?? 0) > 0 ? 'WARN' : 'OK';
}

function detailOf({ rowsWritten, rowsDeleted, durationMs, ledger }: StepRecord): string {
  const quarantined = ledger?.quarantined ?? 0;
  return [
    formatCounted(rowsWritten, 'row'),
    ...(rowsDeleted === 0 ? [] : [`${formatCount(rowsDeleted)} removed`]),
    ...(quarantined === 0 ? [] : [`${formatCount(quarantined)} quarantined`]),
  ].join(', ') + ` in ${formatDuration(durationMs)}`;
}

import { compareRuns, type Figure, type RunComparison } from '@ingot/models';
import { Command } from 'commander';
import { WrongUsage } from '../command-failed.js';
import { findRun, withHistory } from '../history.js';
import type { Io } from '../io.js';
import { countOption, wholeNumber } from '../number-options.js';
import { paint } from '../output/colours.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatChange, formatCount, formatDuration } from '../output/quantities.js';
import { formatTable } from '../output/table.js';

interface Options {
  readonly last: number;
  readonly json?: boolean;
}

export const runsCompareCommand = (io: Io): Command => new Command('compare')
  .description('two runs of a dataset: durations, rows by step, and what is odd about the second')
  .argument('<a>', 'id of the earlier run', wholeNumber)
  .argument('<b>', 'id of the later run', wholeNumber)
  .addOption(countOption('--last <n>', 'how many runs before the second make the usual duration').default(20))
  .addOption(jsonOption())
  .action((a: number, b: number, _options: Options, command: Command) => {
    const options = command.optsWithGlobals<Options>();
    return withHistory(io, async (history) => {
      const [left, right] = [await findRun(io, history, a), await findRun(io, history, b)];
      if (left.dataset !== right.dataset) throw new WrongUsage(`run ${a} is of ${left.dataset} and run ${b} of ${right.dataset}: only runs of one dataset compare`);
      if (left.kind !== right.kind) throw new WrongUsage(`${a} is a ${left.kind} and ${b} a ${right.kind}: only the same kind compares`);
      const comparison = compareRuns(left, right, await history.durationsBefore(right, options.last));
      if (options.json) writeJson(io, comparison);
      else tell(io, comparison);
    });
  });

function tell(io: Io, { a, b, sameCode, rowsIn, durationMs, medianMs, steps, anomalies }: RunComparison): void {
  const titles = ['', `run ${a}`, `run ${b}`, 'change'].map((title, at) => ({ title, ...(at === 0 ? {} : { align: 'right' as const }) }));
  io.out(formatTable(io, titles, [
    ['duration', ...figures(durationMs, formatDuration)],
    ['new rows', ...figures(rowsIn, formatCount)],
    ...steps.flatMap(({ model, rows, durationMs: duration }) => [
      [`${model}: rows`, ...figures(rows, formatCount)],
      [`${model}: duration`, ...figures(duration, formatDuration)],
    ]),
  ]));
  io.out(`\n${sameCode ? 'same code' : 'other code'}${medianMs === null ? '' : `; usual duration ${formatDuration(medianMs)}`}\n`);
  for (const { model, detail } of anomalies) io.out(`${paint(io, 'warning', 'odd')}: ${model === undefined ? '' : `${model}: `}${detail}\n`);
  if (anomalies.length === 0) io.out(`${paint(io, 'good', 'nothing odd')}\n`);
}

function figures({ a, b, change }: Figure, format: (value: number) => string): string[] {
  return [a === null ? '-' : format(a), b === null ? '-' : format(b), change === null ? '' : formatChange(change)];
}

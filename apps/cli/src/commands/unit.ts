import { loadConfig } from '@ingot/config';
import { loadDatasets, loadUnitTests, type Dataset, type UnitTest } from '@ingot/datasets';
import { runUnitTests, type UnitTestResult } from '@ingot/models';
import { Command } from 'commander';
import { CommandFailed } from '../command-failed.js';
import { withDatabase } from '../database.js';
import type { Io } from '../io.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatProblem, projectTexts } from '../output/located.js';
import { formatDifferenceCounts, formatRowDifferences } from '../output/row-differences.js';
import { formatStep, formatSummary } from '../output/step-line.js';
import { chooseRelations, withSelectors, type SelectorOptions } from '../selectors.js';
import { watchProject } from '../watch.js';

interface UnitOptions extends SelectorOptions {
  readonly json?: true;
  readonly watch?: true;
}

/** The unit tests of one dataset. */
interface Chosen {
  readonly dataset: Dataset;
  readonly tests: readonly UnitTest[];
}

export const unitCommand = (io: Io): Command => withSelectors(new Command('unit'))
  .description('run the unit tests of sql/<dataset>/unit/, chosen by name, by file or with the models they test; the database stays as it is')
  .option('--watch', 'run them again on each save, until Ctrl-C')
  .addOption(jsonOption().conflicts('watch'))
  .action(async (selectors: readonly string[], options: UnitOptions) => {
    if (options.watch === undefined) return unitTests(io, selectors, options);
    await watchProject(io, (here) => unitTests(here, selectors, options));
  });

/** @throws CommandFailed when one is not as expected */
export async function unitTests(io: Io, selectors: readonly string[], options: UnitOptions): Promise<void> {
  const chosen = await chooseTests(io, selectors, options);
  const total = chosen.flatMap(({ tests }) => tests).length;
  const started = performance.now();
  const results: UnitTestResult[] = [];
  const report = (result: UnitTestResult): void => {
    results.push(result);
    if (options.json === undefined) io.out(formatResult(io, results.length, total, result));
  };
  if (total > 0) {
    await withDatabase(io, { name: 'ingot unit' }, async ({ client }) => {
      for (const { dataset, tests } of chosen) await runUnitTests(client, dataset, tests, report);
    });
  }
  const passed = results.filter(({ outcome }) => outcome === 'passed').length;
  if (options.json !== undefined) writeJson(io, { passed, failed: total - passed, tests: results.map(plainResult) });
  else if (total === 0) io.say('No unit test was chosen; they are files of sql/<dataset>/unit/.');
  else io.out(formatSummary(io, 'unit test', results.map(verdictOf), performance.now() - started));
  if (passed < total) throw new CommandFailed();
}

async function chooseTests(io: Io, selectors: readonly string[], options: UnitOptions): Promise<Chosen[]> {
  const { INGOT_SQL_DIR } = loadConfig(io.env);
  const datasets = await loadDatasets(INGOT_SQL_DIR);
  const all = await Promise.all(datasets.map(async (dataset) => ({ dataset, tests: await loadUnitTests(INGOT_SQL_DIR, dataset) })));
  const unitTests = all.flatMap(({ tests }) => tests);
  const names = new Set(chooseRelations(datasets, selectors, { ...options, unitTests }).tests);
  return all.map(({ dataset, tests }) => ({ dataset, tests: tests.filter(({ name }) => names.has(name)) }));
}

function verdictOf({ outcome }: UnitTestResult): 'OK' | 'FAIL' {
  return outcome === 'passed' ? 'OK' : 'FAIL';
}

function formatResult(io: Io, position: number, total: number, result: UnitTestResult): string {
  const { test, durationMs, difference, error } = result;
  const line = formatStep(io, position, total, { verdict: verdictOf(result), subject: `${test.model} ${test.name}`, detail: `${Math.round(durationMs)} ms` });
  const read = projectTexts(io.env.INGOT_SQL_DIR || 'sql');
  if (error !== undefined) return `${line}${indented(formatProblem(io, { ...error.place, message: error.message }, read))}\n`;
  if (difference === undefined) return line;
  const { columns, rows } = difference.rows;
  const when = test.increments.length > 1 ? ` after increment ${difference.increment}` : '';
  const what = difference.of === 'quarantine' ? 'quarantined rows not as expected' : 'not as expected';
  const place = formatProblem(io, { ...difference.place, message: `${what}${when}: ${formatDifferenceCounts(rows)}` }, () => undefined);
  return `${line}${indented(place)}\n${formatRowDifferences(io, columns, rows)}`;
}

function indented(text: string): string {
  return text.replace(/^/gm, '    ');
}

function plainResult({ test, outcome, durationMs, difference, error }: UnitTestResult): object {
  const { name, model, description, place } = test;
  return {
    name,
    model,
    description,
    place,
    outcome,
    durationMs: Math.round(durationMs),
    ...(difference === undefined ? {} : { difference: { of: difference.of, increment: difference.increment, place: difference.place, ...difference.rows } }),
    ...(error === undefined ? {} : { error }),
  };
}

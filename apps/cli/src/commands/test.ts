import { isKnown, planApply, testsOfTables, testTables, type AnyTest, type TestResult } from '@ingot/models';
import { Command } from 'commander';
import { chooseDatasets, datasetOption } from '../choose-datasets.js';
import { CommandFailed } from '../command-failed.js';
import { withDatabase, type Session } from '../database.js';
import type { Io } from '../io.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatStep, formatSummary } from '../output/step-line.js';
import { formatFinding, plainResult, testLine, verdictOfTest } from '../output/test-line.js';
import { asksForState, chooseRelations, modifiedRelations, withSelectors, type SelectorOptions } from '../selectors.js';

interface Options extends SelectorOptions {
  readonly dataset?: string;
  readonly json?: boolean;
}

export const testCommand = (io: Io): Command => withSelectors(new Command('test'))
  .description('carry out data tests over whole tables, as they are published; it writes nothing')
  .addOption(datasetOption())
  .addOption(jsonOption())
  .action((selectors: string[], options: Options) => withDatabase(io, { name: 'ingot test' }, (session) => testAll(io, session, selectors, options)));

async function testAll(io: Io, { client, datasets }: Session, selectors: readonly string[], options: Options): Promise<void> {
  const chosen = chooseDatasets(datasets, options.dataset);
  for (const dataset of chosen) {
    if (await isKnown(client, dataset)) continue;
    io.say(`${dataset.name} is not in this database yet: run \`ingot apply\` first`);
    throw new CommandFailed();
  }
  const plans = [];
  if (asksForState(selectors, options)) for (const dataset of chosen) plans.push(await planApply(client, dataset));
  const names = new Set(chooseRelations(chosen, selectors, options, modifiedRelations(plans)).tests);
  const tests = chosen.flatMap(testsOfTables).filter(({ name }) => names.has(name));
  const started = performance.now();
  const results = await testTables(client, chosen, tests, (result, position) => {
    if (!options.json) tell(io, tests, result, position);
  });
  const failed = results.some(({ outcome }) => outcome === 'failed' || outcome === 'error');
  if (options.json) writeJson(io, { outcome: failed ? 'failed' : 'passed', tests: results.map(plainResult) });
  else if (tests.length === 0) io.say('no data test is selected');
  else io.out(formatSummary(io, 'data test', results.map(verdictOfTest), performance.now() - started));
  if (failed) throw new CommandFailed();
}

function tell(io: Io, tests: readonly AnyTest[], result: TestResult, position: number): void {
  const test = tests[position - 1]!;
  io.out(formatStep(io, position, tests.length, testLine(test, result)));
  if (result.outcome !== 'passed') io.say(formatFinding(io, test, result));
}

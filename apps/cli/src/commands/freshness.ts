import type { Source } from '@ingot/datasets';
import { isKnown, sourceFreshness, testsOfTables, testTables, type AnyTest, type SourceFreshness, type TestResult } from '@ingot/models';
import { Command } from 'commander';
import type { Client } from 'pg';
import { chooseDatasets, datasetOption } from '../choose-datasets.js';
import { CommandFailed } from '../command-failed.js';
import { withDatabase, type Session } from '../database.js';
import type { Io } from '../io.js';
import { jsonOption, writeJson } from '../output/json.js';
import { formatDuration } from '../output/quantities.js';
import { formatStep, type StepLine, type Verdict } from '../output/step-line.js';
import { plainResult, testLine, verdictOfTest } from '../output/test-line.js';
import { chooseRelations, withSelectors, type SelectorOptions } from '../selectors.js';

interface Options extends SelectorOptions {
  readonly dataset?: string;
  readonly json?: boolean;
}

export const freshnessCommand = (io: Io): Command => withSelectors(new Command('freshness'))
  .description('how old the newest line of each source is, and the newest value of each model with a data test freshness')
  .addOption(datasetOption())
  .addOption(jsonOption())
  .action((selectors: string[], options: Options) => withDatabase(io, { name: 'ingot freshness' }, (session) => lookAtAll(io, session, selectors, options)));

async function lookAtAll(io: Io, { client, datasets }: Session, selectors: readonly string[], options: Options): Promise<void> {
  const chosen = chooseDatasets(datasets, options.dataset);
  const { relations, tests: names } = chooseRelations(chosen, selectors, options);
  for (const dataset of chosen) {
    if (await isKnown(client, dataset)) continue;
    io.say(`${dataset.name} is not in this database yet: run \`ingot apply\` first`);
    throw new CommandFailed();
  }
  const sources = chosen.flatMap((dataset) => dataset.sources).filter(({ relation }) => relations.includes(relation));
  const tests = chosen.flatMap(testsOfTables).filter((test) => 'kind' in test && test.kind === 'freshness' && names.includes(test.name));
  const total = sources.length + tests.length;
  const print = (position: number, line: StepLine): void => (options.json ? undefined : io.out(formatStep(io, position, total, line)));
  const ofSources = await lookAtSources(client, sources, (found, position) => print(position, sourceLine(found)));
  const ofModels = await lookAtModels(client, tests, (test, result, position) => print(sources.length + position, testLine(test, result)));
  if (options.json) writeJson(io, { sources: ofSources.map(({ ageMs, ...rest }) => ({ ...rest, age_ms: ageMs })), models: ofModels.map(plainResult) });
  else if (total === 0) io.say('nothing is selected that has an age');
  if ([...ofSources, ...ofModels].some(({ outcome }) => outcome === 'failed' || outcome === 'error')) throw new CommandFailed();
}

async function lookAtSources(client: Client, sources: readonly Source[], done: (found: SourceFreshness, position: number) => void): Promise<SourceFreshness[]> {
  const found: SourceFreshness[] = [];
  for (const source of sources) {
    found.push(await sourceFreshness(client, source));
    done(found.at(-1)!, found.length);
  }
  return found;
}

async function lookAtModels(client: Client, tests: readonly AnyTest[], done: (test: AnyTest, result: TestResult, position: number) => void): Promise<TestResult[]> {
  return testTables(client, [], tests, (result, position) => done(tests[position - 1]!, result, position));
}

function sourceLine({ relation, outcome, newest, ageMs, message }: SourceFreshness): StepLine {
  const verdict: Verdict = verdictOfTest({ outcome });
  const detail = ageMs === null ? 'no line yet' : (message ?? `the newest line is ${formatDuration(ageMs)} old: ${newest}`);
  return { verdict, subject: `source ${relation}`, detail };
}

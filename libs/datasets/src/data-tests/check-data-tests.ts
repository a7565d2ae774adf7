import type { DataTest, Place } from '../dataset.js';
import type { Input } from '../feeding.js';
import { didYouMean } from '../nearest-name.js';
import { formatPlace, type Problems } from '../problem.js';
import type { Located } from '../section.js';
import type { WrittenTest } from './read-data-tests.js';

/** What is tested: a model or a seed, with the columns it gives. */
export interface Tested {
  readonly relation: string;
  readonly input: Input;
  readonly tests: readonly WrittenTest[];
}

const RUN_ID = '_run_id';

/** Every name in the data tests of a relation must exist: its own columns, and the relation and column it refers to. */
export function checkDataTests(tested: Tested, inputs: ReadonlyMap<string, Input>, problems: Problems): void {
  for (const { test, columns, target, where } of tested.tests) {
    for (const column of columns) knownColumn(column, test.kind, tested.input, problems);
    for (const column of where?.columns ?? []) knownColumn(column, 'where', tested.input, problems);
    if (target !== undefined) checkTarget(target, inputs, problems);
    checkOnFail(test, tested.input.kind, problems);
  }
}

/** Names are what runs and selectors call a test by, so each belongs to one. */
export function checkTestNames(tests: readonly { readonly name: string; readonly place: Place }[], problems: Problems): void {
  const places = new Map<string, Place>();
  for (const { name, place } of tests) {
    const earlier = places.get(name);
    if (earlier !== undefined) problems.add(place, `the data test ${name} is there already, at ${formatPlace(earlier)}; give one of them a \`name\` of its own`);
    else places.set(name, place);
  }
}

function knownColumn({ value, place }: Located, key: string, input: Input, problems: Problems): void {
  const names = input.columns.map(({ name }) => name).filter((name) => name !== RUN_ID);
  if (input.complete && !names.includes(value)) problems.add(place, `${key} names ${value}, which is no output column${didYouMean(value, names)}`);
}

function checkTarget({ to, field }: NonNullable<WrittenTest['target']>, inputs: ReadonlyMap<string, Input>, problems: Problems): void {
  const input = inputs.get(to.value);
  if (input === undefined) {
    const hint = didYouMean(to.value, inputs.keys()) || '; a relation is named by schema and name, as in silver.stg_readings';
    problems.add(to.place, `relationships: no source, seed or model of this dataset owns ${to.value}${hint}`);
    return;
  }
  const names = input.columns.map(({ name }) => name);
  if (input.complete && !names.includes(field.value)) problems.add(field.place, `relationships: ${to.value} has no column ${field.value}${didYouMean(field.value, names)}`);
}

function checkOnFail(test: DataTest, kind: Input['kind'], problems: Problems): void {
  if (kind === 'unknown') return;
  if (test.onFail === 'quarantine' && kind !== 'append' && kind !== 'merge') {
    problems.add(test.place, `\`on_fail: quarantine\` puts single input rows aside, which only append and merge models have; ${test.relation} is ${NOUNS[kind]}. Test the model it reads, or say \`on_fail: error\` or \`warn\``);
  }
  if (test.kind === 'row_count_change' && (kind === 'view' || kind === 'seed')) {
    problems.add(test.place, `row_count_change compares before and after a run; ${test.relation} is ${NOUNS[kind]}, which no run writes`);
  }
}

const NOUNS: Record<Exclude<Input['kind'], 'unknown'>, string> = {
  'bronze table': 'a bronze table',
  view: 'a view',
  table: 'a table computed as a whole',
  seed: 'a seed',
  append: 'an append model',
  merge: 'a merge model',
  accumulate: 'an accumulate model',
  'delete+insert': 'a delete+insert model',
};

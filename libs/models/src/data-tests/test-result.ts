import type { DataTest, Place, QueryTest } from '@ingot/datasets';

/** A data test of a header, or a SELECT of tests/. */
export type AnyTest = DataTest | QueryTest;

/** Which rows a test looks at. */
export type TestScope = 'rows of the run' | 'whole table';

/** What a data test found. */
export interface TestResult {
  readonly test: string;
  /** Absent for a SELECT of tests/. */
  readonly relation?: string;
  /** Where the test is written. */
  readonly place: Place;
  readonly scope: TestScope;
  /** `failed`: more rows than a test of severity error allows. `error`: it could not be carried out, message says why. */
  readonly outcome: 'passed' | 'warned' | 'failed' | 'error';
  /** Rows that must not exist; of unique: keys that occur more than once. */
  readonly failures: number;
  /** Up to 20 of them, by column; a text of more than 1,000 characters is cut. */
  readonly samples: readonly unknown[];
  /** What there is to say beside the count, e.g. how old the newest value is. */
  readonly message?: string;
  readonly durationMs: number;
}

export function isQueryTest(test: AnyTest): test is QueryTest {
  return 'query' in test;
}

export function placeOfTest(test: AnyTest): Place {
  return isQueryTest(test) ? { file: test.file, line: 1, column: 1 } : test.place;
}

/** What a test is called in a sentence: `in_range of metric_value`, or the name of its file. */
export function describeTest(test: AnyTest): string {
  if (isQueryTest(test)) return test.name;
  if (test.kind === 'unique') return `unique of ${test.columns.join(', ')}`;
  return `${test.kind} of ${test.kind === 'row_count_change' ? test.relation : test.column}`;
}

/** One line about a test that found something: `data test in_range of value failed: 17 rows, e.g. {"id":4,"value":-1}`. */
export function describeResult(test: AnyTest, { outcome, failures, samples, message }: Pick<TestResult, 'outcome' | 'failures' | 'samples' | 'message'>): string {
  const head = `data test ${describeTest(test)} ${outcome === 'error' ? 'could not be carried out' : outcome}`;
  if (message !== undefined) return `${head}: ${message}`;
  const noun = !isQueryTest(test) && test.kind === 'unique' ? 'key' : 'row';
  const example = samples.length === 0 ? '' : `, e.g. ${JSON.stringify(samples[0])}`;
  return `${head}: ${failures.toLocaleString('en-US')} ${noun}${failures === 1 ? '' : 's'}${example}`;
}

/** How bad so many failing rows are. */
export function outcomeOf({ onFail, errorAbove, warnAbove }: Pick<AnyTest, 'onFail' | 'errorAbove' | 'warnAbove'>, failures: number): 'passed' | 'warned' | 'failed' {
  if (onFail !== 'warn' && failures > errorAbove) return 'failed';
  return failures > warnAbove ? 'warned' : 'passed';
}

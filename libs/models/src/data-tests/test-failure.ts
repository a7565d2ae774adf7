import { RunFailure } from '../run-failure.js';
import { sqlState } from '@ingot/postgres';
import type { TestError } from './carry-out.js';
import { describeResult, describeTest, isQueryTest, type AnyTest, type TestResult } from './test-result.js';

/** What a run that fails says about data tests; undefined when none of them failed. */
export function testFailure(model: string, tests: readonly AnyTest[], results: readonly TestResult[], cause?: unknown): RunFailure | undefined {
  const failed = results.filter(({ outcome }) => outcome === 'failed');
  const [first, ...more] = failed;
  const test = tests.find(({ name }) => name === first?.test);
  if (first === undefined || test === undefined) return undefined;
  const others = more.flatMap((result) => tests.filter(({ name }) => name === result.test).map(describeTest));
  const reason = `${describeResult(test, first)}${others.length === 0 ? '' : `; so did ${others.join(' and ')}`}`;
  return new RunFailure(model, first.place, reason, sqlState(cause), cause, failed);
}

/** A test that the server refused, as the failure of a run. */
export function refusedTest({ test, place, reason, sqlState: state, cause }: TestError): RunFailure {
  const model = isQueryTest(test) ? test.name : test.relation;
  return new RunFailure(model, place, `data test ${describeTest(test)} could not be carried out: ${reason}`, state, cause);
}

import { describeResult, describeTest, type AnyTest, type TestResult } from '@ingot/models';
import type { Io } from '../io.js';
import { formatError } from './errors.js';
import { formatCounted, formatDuration } from './quantities.js';
import type { StepLine, Verdict } from './step-line.js';

/** What a data test found, in one word. */
export function verdictOfTest({ outcome }: Pick<TestResult, 'outcome'>): Verdict {
  return outcome === 'passed' ? 'OK' : outcome === 'warned' ? 'WARN' : 'FAIL';
}

/** The line of a data test as it finishes. */
export function testLine(test: AnyTest, result: TestResult): StepLine {
  const relation = 'relation' in test && test.kind !== 'row_count_change' ? ` in ${test.relation}` : '';
  const found = result.message ?? (result.failures === 0 ? undefined : formatCounted(result.failures, 'failing row'));
  return { verdict: verdictOfTest(result), subject: `${describeTest(test)}${relation}`, detail: `${found === undefined ? '' : `${found}, `}${formatDuration(result.durationMs)}` };
}

/** What a data test that is not passed found: its place, count and a row. */
export function formatFinding(io: Io, test: AnyTest, result: TestResult): string {
  const { file, line, column } = result.place;
  return formatError(io, { problems: [{ file, line, column, message: describeResult(test, result) }] });
}

/** The same for machines. */
export function plainResult({ test, relation, place, scope, outcome, failures, samples, message, durationMs }: TestResult) {
  return { test, ...(relation === undefined ? {} : { relation }), ...place, scope, outcome, failures, samples, ...(message === undefined ? {} : { message }), duration_ms: durationMs };
}

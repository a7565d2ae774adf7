import { formatPlace, placeInQuery, type Model, type Place } from '@ingot/datasets';
import { sqlState } from '@ingot/postgres';
import { gateOfError, isOfTable } from './data-tests/gates.js';
import { describeTest, type TestResult } from './data-tests/test-result.js';
import { placeOfError, serverError } from './sql-error.js';
import type { Statement } from './strategies/step-context.js';

/** A run was rolled back because of one model. `cause` is the error of the server. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';

  constructor(
    readonly model: string,
    readonly place: Place,
    readonly reason: string,
    readonly sqlState: string | undefined,
    cause: unknown,
    /** The data tests that failed, with counts and samples; empty for a failure of another kind. */
    readonly tests: readonly TestResult[] = [],
  ) {
    super(`${formatPlace(place)}: ${model}: ${reason}`, { cause });
  }
}

/** Tells an error of one of a model's statements in terms of its file and its data tests. */
export function failureOf(model: Model, statement: Statement, error: unknown): RunFailure {
  const test = failedTest(model, error);
  const { message, detail } = serverError(error);
  if (test !== undefined) {
    const place = test.place ?? placeInQuery(model.query, 0);
    return new RunFailure(model.relation, place, `data test ${test.what} failed${detail === undefined ? '' : `: ${detail}`}`, sqlState(error), error);
  }
  const place = statement.query === undefined ? placeInQuery(model.query, 0) : placeOfError(error, statement.query.rendered, statement.query.prefixLength);
  return new RunFailure(model.relation, place, message ?? String(error), sqlState(error), error);
}

/** The data test whose own constraint or index an error comes from, if it does: what it is called, and where it stands. */
export function failedTest(model: Model, error: unknown): { what: string; place?: Place } | undefined {
  const gate = gateOfError(model, error);
  if (gate !== undefined) return { what: describeTest(gate.test), place: gate.test.place };
  const { constraint, schema, table } = serverError(error);
  const isKey = constraint?.endsWith(model.partitionBy === undefined ? '_key' : '_idx') && isOfTable(model, schema, table) && model.uniqueKey.length > 0;
  return isKey ? { what: `unique of ${model.uniqueKey.join(', ')}` } : undefined;
}

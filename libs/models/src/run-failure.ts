import { formatPlace, placeInQuery, type Model, type Place } from '@ingot/datasets';
import { sqlState } from '@ingot/postgres';
import { placeOfError, serverError } from './sql-error.js';
import type { Statement } from './strategies/step-context.js';
import { notNullConstraint, uniqueIndex } from './table-guards.js';

/** A run was rolled back because of one model. `cause` is the error of the server. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';

  constructor(
    readonly model: string,
    readonly place: Place,
    readonly reason: string,
    readonly sqlState: string | undefined,
    cause: unknown,
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
    return new RunFailure(model.relation, place, `data test ${test.name} of ${test.columns} failed${detail === undefined ? '' : `: ${detail}`}`, sqlState(error), error);
  }
  const place = statement.query === undefined ? placeInQuery(model.query, 0) : placeOfError(error, statement.query.rendered, statement.query.prefixLength);
  return new RunFailure(model.relation, place, message ?? String(error), sqlState(error), error);
}

function failedTest(model: Model, error: unknown): { name: string; columns: string; place?: Place } | undefined {
  const { constraint, schema, table } = serverError(error);
  if (constraint === undefined || `${schema}.${table}` !== model.relation) return undefined;
  for (const { name, place } of model.columns) {
    if (constraint === notNullConstraint(name)) return { name: 'not_null', columns: name, ...(place === undefined ? {} : { place }) };
    if (constraint === uniqueIndex(model.relation, name)) return { name: 'unique', columns: name, ...(place === undefined ? {} : { place }) };
  }
  return constraint.endsWith('_key') && model.uniqueKey.length > 0 ? { name: 'unique', columns: model.uniqueKey.join(', ') } : undefined;
}

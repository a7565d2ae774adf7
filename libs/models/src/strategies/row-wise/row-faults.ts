import { RunFailure, failedTest } from '../../run-failure.js';
import type { Step } from '../../step.js';

/** Raised by ingot.refuse_row(): a row breaks a rule. */
const RULE_BROKEN = 'IN001';

/** True for an error that a row's data caused: SQLSTATE class 22 or 23, or 21000; a failing data test is none. */
export function isDataError(step: Step, error: unknown): error is RunFailure {
  if (!(error instanceof RunFailure) || error.sqlState === undefined) return false;
  const ofData = /^2[23]/.test(error.sqlState) || error.sqlState === '21000';
  return ofData && failedTest(step.model, error.cause) === undefined;
}

export function isBrokenRule(error: unknown): boolean {
  return error instanceof RunFailure && error.sqlState === RULE_BROKEN;
}

/** More guilty rows than this are no poison: the run fails and says what the first of them says. */
export function tooMany(guilty: number, rows: number): boolean {
  return guilty > 10_000 || (guilty > 1_000 && guilty > rows / 100);
}

/**
 * The failure of a run whose quarantine gives up. The first guilty row speaks for all, and the counts are bare digits:
 * the run history takes failures that differ in digits alone for one that repeats.
 */
export function givenUp(first: Error, guilty: number, rows: number): Error {
  if (!(first instanceof RunFailure)) return first;
  const { model, place, reason, sqlState, cause, tests } = first;
  return new RunFailure(model, place, `${reason}; at least ${guilty} of ${rows} rows fail: too many to put aside`, sqlState, cause, tests);
}

import { parseCondition } from '../condition.js';
import type { DataTest } from '../dataset.js';
import { identifierFault } from '../identifier.js';
import type { Problems } from '../problem.js';
import type { Located } from '../section.js';
import { StatementError } from '../statement-error.js';
import type { TestSettings } from './test-settings.js';

type OnFail = DataTest['onFail'];

/** How bad failing rows are. */
export interface Severity {
  readonly onFail: OnFail;
  readonly errorAbove: number;
  readonly warnAbove: number;
}

/**
 * Reads `on_fail` (or dbt's `severity`), `error_above` and `warn_above` (or dbt's `error_if: ">10"`).
 * @param mayDivert whether `on_fail: quarantine` is possible for this kind of test at all
 */
export function readSeverity(settings: TestSettings, mayDivert: boolean, problems: Problems): Severity {
  const onFail = settings.holder('on_fail')?.choice('on_fail', ['error', 'warn', 'quarantine'] as const);
  const severity = settings.holder('severity')?.choice('severity', ['error', 'warn'] as const);
  if (onFail !== undefined && severity !== undefined) problems.add(severity.place, 'severity and on_fail say the same thing; give one of them');
  if (onFail?.value === 'quarantine' && !mayDivert) {
    problems.add(onFail.place, '`on_fail: quarantine` is for not_null, accepted_values, in_range and matches: only they find single rows by looking at one at a time');
  }
  const says = onFail?.value ?? severity?.value ?? 'error';
  const errorAbove = readThreshold(settings, 'error_above', 'error_if', problems);
  const warnAbove = readThreshold(settings, 'warn_above', 'warn_if', problems);
  if (says === 'quarantine' && (errorAbove ?? warnAbove) !== undefined) problems.add((errorAbove ?? warnAbove)!.place, 'a row rule that diverts rows has no threshold: no guilty row reaches the table');
  if (says === 'warn' && errorAbove !== undefined) problems.add(errorAbove.place, 'a test that only warns has no threshold for errors; remove it, or say `severity: error`');
  return { onFail: says, errorAbove: errorAbove?.value ?? 0, warnAbove: warnAbove?.value ?? 0 };
}

/** `name:`, when it is given and can be one. */
export function readTestName(settings: TestSettings, problems: Problems): Located | undefined {
  const name = settings.text('name');
  const fault = name === undefined ? undefined : identifierFault(name.value);
  if (fault === undefined) return name;
  problems.add(name!.place, `the test's name ${name!.value} ${fault}`);
  return undefined;
}

/** A condition of a header, with the columns it names. */
export interface WrittenCondition {
  readonly text: string;
  readonly columns: readonly Located[];
}

/** `where:`, one expression of PostgreSQL over the relation's own columns. */
export function readCondition(settings: TestSettings, problems: Problems): WrittenCondition | undefined {
  const section = settings.holder('where');
  const where = section?.text('where');
  if (section === undefined || where === undefined) return undefined;
  try {
    const { text, start, columns } = parseCondition(where.value);
    return { text, columns: columns.map(({ name, index }) => ({ value: name, place: section.placeWithin('where', start + index) })) };
  } catch (error) {
    if (!(error instanceof StatementError)) throw error;
    for (const { index, message } of error.problems) problems.add(section.placeWithin('where', index), `where: ${message}`);
    return undefined;
  }
}

function readThreshold(settings: TestSettings, key: string, dbtKey: string, problems: Problems): Located<number> | undefined {
  const count = settings.count(key);
  const condition = settings.text(dbtKey);
  if (condition === undefined) return count;
  if (count !== undefined) problems.add(condition.place, `${dbtKey} and ${key} say the same thing; give one of them`);
  const [, sign, number] = /^\s*(>=|>|!=)\s*(\d{1,15})\s*$/.exec(condition.value) ?? [];
  const above = sign === '>=' ? Number(number) - 1 : Number(number);
  if (sign !== undefined && above >= 0 && (sign !== '!=' || above === 0)) return { value: above, place: condition.place };
  problems.add(condition.place, `${dbtKey} must be of the form ">10" or ">=10", is ${JSON.stringify(condition.value)}; ${key} takes the number alone`);
  return undefined;
}

import type { DataTest, DataTestKind } from '../dataset.js';
import { readDuration } from '../duration.js';
import type { Problems } from '../problem.js';
import type { Located } from '../section.js';
import type { TestSettings } from './test-settings.js';

/** What a test looks for, without the terms that all tests share. */
export type TestLook = DataTest extends infer T ? (T extends DataTest ? Omit<T, 'name' | 'relation' | 'place' | 'onFail' | 'where' | 'errorAbove' | 'warnAbove'> : never) : never;

/** What a test looks for, and the names in it that must exist. */
export interface WrittenLook {
  readonly look: TestLook;
  readonly columns: readonly Located[];
  readonly target?: { readonly to: Located; readonly field: Located };
}

/** Tests that look at one row at a time, so that a guilty row can be put aside. */
export const ROW_RULES: ReadonlySet<DataTestKind> = new Set(['not_null', 'accepted_values', 'in_range', 'matches']);

/** Names of dbt and of its packages, and what to write here. */
export const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['dbt_utils.unique_combination_of_columns', '`unique: { columns: [a, b] }` under the data_tests of the model'],
  ['unique_combination_of_columns', '`unique: { columns: [a, b] }` under the data_tests of the model'],
  ['dbt_utils.accepted_range', '`in_range: { min: 0, max: 1 }`'],
  ['accepted_range', '`in_range: { min: 0, max: 1 }`'],
  ['dbt_utils.expression_is_true', 'a SELECT in tests/ of the rows for which it is not'],
  ['expression_is_true', 'a SELECT in tests/ of the rows for which it is not'],
  ['dbt_utils.recency', '`freshness: { column: x, error_after: 1d }`'],
  ['row_count', '`row_count_change: { max_increase: 50%, max_decrease: 50% }`, or a SELECT in tests/'],
  ['dbt_expectations.expect_column_values_to_match_regex', "`matches: { pattern: '^[a-z]+$' }`"],
]);

type Reader = (settings: TestSettings, column: Located | undefined, problems: Problems) => WrittenLook | undefined;

/** How the settings of each kind are read; `column` is the one under which the test stands. */
export const READERS: Readonly<Record<DataTestKind, Reader>> = {
  not_null: (settings, given, problems) => {
    const column = columnOf(settings, given, problems);
    return column && { look: { kind: 'not_null', column: column.value }, columns: [column] };
  },

  unique: (settings, given, problems) => {
    if (given !== undefined) return { look: { kind: 'unique', columns: [given.value] }, columns: [given] };
    const columns = settings.holder('columns')?.texts('columns') ?? [];
    if (!settings.has('columns')) problems.add(settings.place, 'columns is missing: those whose values together are unique');
    return columns.length === 0 ? undefined : { look: { kind: 'unique', columns: columns.map(({ value }) => value) }, columns };
  },

  accepted_values: (settings, given, problems) => {
    const column = columnOf(settings, given, problems);
    const values = settings.holder('values')?.scalars('values') ?? [];
    if (values.length === 0) problems.add(settings.placeOf('values'), 'values is missing: a list of at least one value');
    values.forEach(({ value, place }, i) => {
      if (values.slice(0, i).some((earlier) => earlier.value === value)) problems.add(place, `values names ${String(value)} twice`);
      checkNumber(value, 'values', place, problems);
    });
    return column && values.length > 0 ? { look: { kind: 'accepted_values', column: column.value, values: values.map(({ value }) => value) }, columns: [column] } : undefined;
  },

  in_range: (settings, given, problems) => {
    const column = columnOf(settings, given, problems);
    const [min, max] = [bound(settings, 'min', problems), bound(settings, 'max', problems)];
    if (!settings.has('min') && !settings.has('max')) problems.add(settings.place, 'in_range needs min or max, or both');
    if (typeof min?.value === 'number' && typeof max?.value === 'number' && min.value > max.value) problems.add(min.place, `min ${min.value} is above max ${max.value}: no value is in range`);
    if (column === undefined || (min ?? max) === undefined) return undefined;
    return { look: { kind: 'in_range', column: column.value, ...(min === undefined ? {} : { min: min.value }), ...(max === undefined ? {} : { max: max.value }) }, columns: [column] };
  },

  matches: (settings, given, problems) => {
    const column = columnOf(settings, given, problems);
    const pattern = settings.requiredText('pattern', 'a regular expression of PostgreSQL');
    return column && pattern && { look: { kind: 'matches', column: column.value, pattern: pattern.value }, columns: [column] };
  },

  relationships: (settings, given, problems) => {
    const column = columnOf(settings, given, problems);
    const to = settings.requiredText('to', 'the relation whose rows must exist, as in silver.stg_readings');
    const field = settings.requiredText('field', 'the column of that relation');
    return column && to && field && { look: { kind: 'relationships', column: column.value, to: to.value, field: field.value }, columns: [column], target: { to, field } };
  },

  freshness: (settings, given, problems) => {
    const column = columnOf(settings, given, problems);
    const after = (key: string): number | undefined => {
      const holder = settings.holder(key);
      return holder === undefined ? undefined : readDuration(holder, key, problems);
    };
    const [warnAfterMs, errorAfterMs] = [after('warn_after'), after('error_after')];
    if (!settings.has('warn_after') && !settings.has('error_after')) problems.add(settings.place, 'freshness needs warn_after or error_after, as in `error_after: 1d`');
    if (warnAfterMs !== undefined && errorAfterMs !== undefined && warnAfterMs > errorAfterMs) {
      problems.add(settings.placeOf('warn_after'), 'warn_after is longer than error_after, so it never warns');
    }
    const ages = { ...(warnAfterMs === undefined ? {} : { warnAfterMs }), ...(errorAfterMs === undefined ? {} : { errorAfterMs }) };
    return column && { look: { kind: 'freshness', column: column.value, ...ages }, columns: [column] };
  },

  row_count_change: (settings, given, problems) => {
    const [maxIncrease, maxDecrease] = [share(settings, 'max_increase', problems), share(settings, 'max_decrease', problems)];
    if (given !== undefined) {
      problems.add(settings.place, 'row_count_change looks at the whole model; put it under the data_tests of the model, not of a column');
      return undefined;
    }
    if (!settings.has('max_increase') && !settings.has('max_decrease')) problems.add(settings.place, 'row_count_change needs max_increase or max_decrease, as in `max_decrease: 50%`');
    if (maxDecrease !== undefined && maxDecrease > 1) problems.add(settings.placeOf('max_decrease'), 'max_decrease is at most 100%: no table loses more rows than it has');
    const shares = { ...(maxIncrease === undefined ? {} : { maxIncrease }), ...(maxDecrease === undefined ? {} : { maxDecrease }) };
    return { look: { kind: 'row_count_change', ...shares }, columns: [] };
  },
};

/** The column a test stands under; under the model it names one. */
function columnOf(settings: TestSettings, given: Located | undefined, problems: Problems): Located | undefined {
  if (given !== undefined) return given;
  if (!settings.has('column')) problems.add(settings.place, 'column is missing: which column this looks at');
  return settings.text('column');
}

function bound(settings: TestSettings, key: string, problems: Problems): Located<number | string> | undefined {
  const [value, ...more] = settings.holder(key)?.scalars(key) ?? [];
  if (value === undefined) return undefined;
  if (typeof value.value === 'boolean' || more.length > 0) {
    problems.add(value.place, `${key} must be a number, or text for a value of another type such as a date`);
    return undefined;
  }
  checkNumber(value.value, key, value.place, problems);
  return { value: value.value, place: value.place };
}

/** YAML numbers are float8 here: what they cannot hold, and what is no number to compare with, is refused. */
function checkNumber(value: string | number | boolean, key: string, place: Located['place'], problems: Problems): void {
  if (typeof value !== 'number') return;
  if (!Number.isFinite(value)) problems.add(place, `${key} must be a finite number, is ${value}`);
  else if (Number.isInteger(value) && !Number.isSafeInteger(value)) problems.add(place, `${key}: ${value} has more digits than YAML keeps; write it in quotes`);
}

/** `50%` is 0.5. */
function share(settings: TestSettings, key: string, problems: Problems): number | undefined {
  const text = settings.text(key);
  if (text === undefined) return undefined;
  const [, percent] = /^(\d{1,7}(?:\.\d{1,6})?)\s?%$/.exec(text.value) ?? [];
  if (percent === undefined) problems.add(text.place, `${key} must be a share such as 50%, is ${text.value}`);
  return percent === undefined ? undefined : Number(percent) / 100;
}

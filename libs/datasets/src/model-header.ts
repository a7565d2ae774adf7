import type { Aggregate, ColumnHeader, Materialized, Place, Strategy } from './dataset.js';
import { plainNames } from './identifier.js';
import { canonicalType } from './parser.js';
import type { Problems } from './problem.js';
import type { Located, Section } from './section.js';

type PlacedColumn = ColumnHeader & { readonly place: Place; readonly tests: readonly ('not_null' | 'unique')[] };

/** A model's header as written, each value with its place. */
export interface ModelHeader {
  readonly description: string;
  readonly materialized?: Located<Materialized>;
  readonly strategy?: Located<Strategy>;
  readonly incrementOn: readonly Located[];
  readonly lookups: readonly Located[];
  readonly uniqueKey: readonly Located[];
  /** Empty when the header has none: `unique_key` stands for it. */
  readonly touchKey: readonly Located[];
  readonly accumulate: readonly { readonly name: Located; readonly value: Located<Aggregate> }[];
  readonly columns: readonly PlacedColumn[];
  readonly indexes: readonly (readonly Located[])[];
  /** For what is wrong with the header as a whole. */
  readonly place: Place;
}

const STRATEGIES = ['append', 'accumulate', 'delete+insert'] as const;
const AGGREGATES = ['sum', 'min', 'max', 'count'] as const;
const DATA_TESTS = ['not_null', 'unique'] as const;

/** Parts of the design that later issues build: refused by name, so that nobody believes they work. */
const LATER_KEYS = ['on_fail', 'on_data_error', 'on_schema_change', 'distributed_by', 'refresh', 'order_by', 'data_tests', 'row_rules', 'severity', 'tags', 'enabled'];
const LATER_COLUMN_KEYS = ['on_fail', 'severity', 'accepted_values', 'in_range', 'matches', 'constraints'];
const LATER_DATA_TESTS = ['accepted_values', 'relationships', 'in_range', 'matches', 'expression_is_true', 'unique_combination_of_columns', 'row_count'];

/** Which keys say something about which models. */
const INCREMENTAL_KEYS = ['incremental_strategy', 'increment_on', 'lookups', 'unique_key', 'touch_key', 'accumulate', 'indexes'];

/** Reads the header of a model; what its keys say about each other is checked here, about the SELECT in feeding.ts. */
export function readModelHeader(section: Section, problems: Problems): ModelHeader {
  const description = section.text('description')?.value ?? '';
  section.requiredText('materialized', 'view or incremental');
  const materialized = section.choice('materialized', ['view', 'incremental'] as const, ['table', 'ephemeral', 'materialized_view', 'seed']);
  const strategy = section.choice('incremental_strategy', STRATEGIES, ['merge', 'microbatch', 'insert_overwrite']);
  const header: ModelHeader = {
    description,
    ...(materialized === undefined ? {} : { materialized }),
    ...(strategy === undefined ? {} : { strategy }),
    incrementOn: section.texts('increment_on'),
    lookups: section.texts('lookups'),
    uniqueKey: plainNames(section.texts('unique_key'), problems),
    touchKey: plainNames(section.texts('touch_key'), problems),
    accumulate: readAccumulate(section, problems),
    columns: section.sections('columns').flatMap((column) => readColumn(column, problems)),
    indexes: section.textLists('indexes').map((columns) => plainNames(columns, problems)).filter((columns) => columns.length > 0),
    place: section.placeOf(''),
  };
  section.finish(LATER_KEYS);
  checkColumnNames(header, problems);
  if (materialized?.value === 'view') checkView(section, header, problems);
  if (materialized?.value === 'incremental') checkIncremental(section, header, problems);
  return header;
}

function readAccumulate(section: Section, problems: Problems): ModelHeader['accumulate'] {
  return section.textPairs('accumulate').flatMap(({ name, value }) => {
    const aggregate = AGGREGATES.find((known) => known === value.value);
    if (aggregate === undefined) problems.add(value.place, `accumulate knows ${AGGREGATES.join(', ')}, not ${value.value}`);
    return aggregate === undefined || plainNames([name], problems).length === 0 ? [] : [{ name, value: { value: aggregate, place: value.place } }];
  });
}

function readColumn(section: Section, problems: Problems): PlacedColumn[] {
  const name = section.requiredText('name', 'which column this is');
  const dataType = section.text('data_type');
  const description = section.text('description');
  const tests = section.choices('data_tests', DATA_TESTS, LATER_DATA_TESTS).map(({ value }) => value);
  section.finish(LATER_COLUMN_KEYS);
  if (dataType !== undefined && canonicalType(dataType.value) === undefined) problems.add(dataType.place, `data_type ${dataType.value} is no type of PostgreSQL`);
  if (name === undefined || plainNames([name], problems).length === 0) return [];
  return [
    {
      name: name.value,
      ...(dataType === undefined ? {} : { dataType: dataType.value }),
      ...(description === undefined ? {} : { description: description.value }),
      tests: [...new Set(tests)],
      place: name.place,
    },
  ];
}

function checkColumnNames(header: ModelHeader, problems: Problems): void {
  const seen = new Set<string>();
  for (const { name, place } of header.columns) {
    if (seen.has(name)) problems.add(place, `columns names ${name} twice`);
    seen.add(name);
  }
}

function checkView(section: Section, header: ModelHeader, problems: Problems): void {
  for (const key of INCREMENTAL_KEYS) if (section.has(key)) problems.add(section.placeOf(key), `${key} is for incremental models; a view is computed when it is read`);
  for (const { name, tests, place } of header.columns) if (tests.length > 0) problems.add(place, `data tests of a view (${name}) are not built yet`);
}

function checkIncremental(section: Section, header: ModelHeader, problems: Problems): void {
  section.requiredText('incremental_strategy', STRATEGIES.join(', '));
  if (header.incrementOn.length === 0 && !section.has('increment_on')) problems.add(header.place, 'increment_on is missing: the input whose new rows a run reads');
  const strategy = header.strategy?.value;
  if (strategy === undefined) return;
  if (strategy !== 'accumulate' && section.has('accumulate')) problems.add(section.placeOf('accumulate'), `accumulate is for \`incremental_strategy: accumulate\`, not for ${strategy}`);
  if (strategy !== 'delete+insert' && section.has('touch_key')) problems.add(section.placeOf('touch_key'), `touch_key is for \`incremental_strategy: delete+insert\`, not for ${strategy}`);
  if (strategy !== 'delete+insert' && header.incrementOn.length > 1) {
    problems.add(header.incrementOn[1]!.place, `${strategy} reads one input by increment; only delete+insert may name several`);
  }
  if (strategy === 'accumulate' && !section.has('unique_key')) problems.add(header.place, 'unique_key is missing: accumulate adds to the row of the same key');
  if (strategy === 'accumulate' && !section.has('accumulate')) problems.add(header.place, 'accumulate is missing: which output columns are sums, counts, minima or maxima');
  if (strategy === 'delete+insert' && !section.has('unique_key') && !section.has('touch_key')) {
    problems.add(header.place, 'touch_key is missing (unique_key would do): delete+insert computes the touched keys anew');
  }
}

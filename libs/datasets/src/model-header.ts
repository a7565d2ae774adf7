import { readDataTests, type WrittenTest } from './data-tests/read-data-tests.js';
import { ROW_RULES } from './data-tests/test-kinds.js';
import type { Aggregate, ColumnHeader, Materialized, OnSchemaChange, OrderTerm, PartitionBy, Place, Strategy } from './dataset.js';
import { readDuration } from './duration.js';
import { plainNames } from './identifier.js';
import { canonicalType } from './parser.js';
import type { Problems } from './problem.js';
import { readPartitionBy } from './retention/partition-by.js';
import type { Located, Section } from './section.js';

export type PlacedColumn = ColumnHeader & { readonly place: Place };

/** A model's header as written, each value with its place. */
export interface ModelHeader {
  readonly description: string;
  readonly tags: readonly string[];
  readonly materialized?: Located<Materialized>;
  readonly strategy?: Located<Strategy>;
  readonly refreshEveryMs?: number;
  readonly onSchemaChange: OnSchemaChange;
  readonly onDataError: 'quarantine' | 'fail';
  readonly incrementOn: readonly Located[];
  readonly lookups: readonly Located[];
  readonly uniqueKey: readonly Located[];
  /** Empty when the header has none: `unique_key` stands for it. */
  readonly touchKey: readonly Located[];
  readonly accumulate: readonly { readonly name: Located; readonly value: Located<Aggregate> }[];
  readonly orderBy: readonly Located<OrderTerm>[];
  readonly mergeUpdateColumns?: readonly Located[];
  readonly columns: readonly PlacedColumn[];
  readonly tests: readonly WrittenTest[];
  readonly indexes: readonly (readonly Located[])[];
  readonly partitionBy?: Located<PartitionBy>;
  readonly distributedBy?: Located;
  /** For what is wrong with the header as a whole. */
  readonly place: Place;
}

export const STRATEGIES = ['append', 'merge', 'accumulate', 'delete+insert'] as const;
const AGGREGATES = ['sum', 'min', 'max', 'count'] as const;

/** Parts of the design that later issues build: refused by name, so that nobody believes they work. */
const LATER_KEYS = ['enabled'];
const LATER_COLUMN_KEYS = ['constraints'];
/** Keys of dbt, and keys at the wrong level. */
const ELSEWHERE = {
  config: 'its keys stand at the top of the header',
  tests: 'write data_tests',
  on_fail: 'it belongs to a data test, as in `- not_null: { on_fail: warn }`',
  severity: 'it belongs to a data test, as in `- not_null: { severity: warn }`',
  schema: "the folder is the model's schema",
  alias: "the file's name is the model's",
  pre_hook: 'a model is one SELECT and nothing else',
  post_hook: 'a model is one SELECT and nothing else',
  merge_exclude_columns: 'name the others under merge_update_columns',
};
const ELSEWHERE_COLUMN = { ...ELSEWHERE, ...Object.fromEntries([...ROW_RULES, 'unique', 'relationships', 'freshness'].map((kind) => [kind, `write it under data_tests, as in \`- ${kind}\``])) };

/** Reads the header of a model; what its keys say about each other is header-keys.ts's, about the SELECT feeding.ts's. */
export function readModelHeader(section: Section, relation: string, problems: Problems): ModelHeader {
  const description = section.text('description')?.value ?? '';
  section.requiredText('materialized', 'view, table or incremental');
  const materialized = section.choice('materialized', ['view', 'table', 'incremental'] as const, ['ephemeral', 'materialized_view', 'seed']);
  const strategy = section.choice('incremental_strategy', STRATEGIES, ['microbatch', 'insert_overwrite']);
  const refreshEveryMs = readRefresh(section, problems);
  const { columns, tests } = readColumns(section, relation, problems);
  const partitionBy = readPartitionBy(section, problems);
  const distributedBy = section.text('distributed_by');
  const header: ModelHeader = {
    description,
    tags: readTags(section, problems),
    ...(materialized === undefined ? {} : { materialized }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(refreshEveryMs === undefined ? {} : { refreshEveryMs }),
    onSchemaChange: section.choice('on_schema_change', ['fail', 'append_new_columns', 'sync_all_columns'] as const)?.value ?? 'fail',
    onDataError: section.choice('on_data_error', ['quarantine', 'fail'] as const)?.value ?? 'quarantine',
    incrementOn: section.texts('increment_on'),
    lookups: section.texts('lookups'),
    uniqueKey: plainNames(section.texts('unique_key'), problems),
    touchKey: plainNames(section.texts('touch_key'), problems),
    accumulate: readAccumulate(section, problems),
    orderBy: readOrder(section, problems),
    ...(section.has('merge_update_columns') ? { mergeUpdateColumns: plainNames(section.texts('merge_update_columns'), problems) } : {}),
    columns,
    tests: [...tests, ...readDataTests(section, relation, undefined, problems)],
    indexes: section.textLists('indexes').map((names) => plainNames(names, problems)).filter((names) => names.length > 0),
    ...(partitionBy === undefined ? {} : { partitionBy }),
    ...(distributedBy === undefined || plainNames([distributedBy], problems).length === 0 ? {} : { distributedBy }),
    place: section.placeOf(''),
  };
  section.finish(LATER_KEYS, ELSEWHERE);
  return header;
}

/** `columns`, each with the data tests that stand under it. */
export function readColumns(section: Section, relation: string, problems: Problems): { columns: PlacedColumn[]; tests: WrittenTest[] } {
  const read = section.sections('columns').flatMap((column) => readColumn(column, relation, problems));
  const seen = new Set<string>();
  for (const { column } of read) {
    if (seen.has(column.name)) problems.add(column.place, `columns names ${column.name} twice`);
    seen.add(column.name);
  }
  return { columns: read.map(({ column }) => column), tests: read.flatMap(({ tests }) => tests) };
}

/** Words to select by: what a selector gives a meaning of its own cannot be in them. */
export function readTags(section: Section, problems: Problems): string[] {
  return section.texts('tags').flatMap(({ value, place }) => {
    if (/^[\w][\w./-]*$/.test(value)) return [value];
    problems.add(place, `a tag is made of letters, digits and _ . / -, is ${JSON.stringify(value)}`);
    return [];
  });
}

function readColumn(section: Section, relation: string, problems: Problems): { column: PlacedColumn; tests: WrittenTest[] }[] {
  const name = section.requiredText('name', 'which column this is');
  const dataType = section.text('data_type');
  const description = section.text('description');
  const tests = readDataTests(section, relation, name ?? { value: '', place: section.placeOf('') }, problems);
  section.finish(LATER_COLUMN_KEYS, ELSEWHERE_COLUMN);
  if (dataType !== undefined && canonicalType(dataType.value) === undefined) problems.add(dataType.place, `data_type ${dataType.value} is no type of PostgreSQL`);
  if (name === undefined || plainNames([name], problems).length === 0) return [];
  const column = {
    name: name.value,
    ...(dataType === undefined ? {} : { dataType: dataType.value }),
    ...(description === undefined ? {} : { description: description.value }),
    place: name.place,
  };
  return [{ column, tests }];
}

function readAccumulate(section: Section, problems: Problems): ModelHeader['accumulate'] {
  return section.textPairs('accumulate').flatMap(({ name, value }) => {
    const aggregate = AGGREGATES.find((known) => known === value.value);
    if (aggregate === undefined) problems.add(value.place, `accumulate knows ${AGGREGATES.join(', ')}, not ${value.value}`);
    return aggregate === undefined || plainNames([name], problems).length === 0 ? [] : [{ name, value: { value: aggregate, place: value.place } }];
  });
}

function readRefresh(section: Section, problems: Problems): number | undefined {
  const refresh = section.section('refresh');
  if (refresh === undefined) return undefined;
  const everyMs = readDuration(refresh, 'every', problems);
  if (!refresh.has('every')) problems.add(section.placeOf('refresh'), 'refresh needs `every`, as in `refresh: { every: 1h }`');
  refresh.finish();
  return everyMs;
}

/** `[reading_time, id desc]`. */
function readOrder(section: Section, problems: Problems): Located<OrderTerm>[] {
  return section.texts('order_by').flatMap(({ value, place }) => {
    const [, column, direction] = /^(\S+)(?:\s+(asc|desc))?$/i.exec(value.trim()) ?? [];
    if (column === undefined) {
      problems.add(place, `order_by takes columns, each alone or with asc or desc, is ${JSON.stringify(value)}`);
      return [];
    }
    return plainNames([{ value: column, place }], problems).map(() => ({ value: { column, descending: direction?.toLowerCase() === 'desc' }, place }));
  });
}

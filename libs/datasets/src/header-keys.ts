import type { ModelHeader } from './model-header.js';
import type { Problems } from './problem.js';
import { checkPartitionBy } from './retention/check-partition-by.js';
import type { Section } from './section.js';

const ROW_WISE = ['append', 'merge'] as const;

/** Keys that mean something for some models only: for which materializations, and for which strategies if not for all. */
const KEYS: Readonly<Record<string, { readonly for: readonly string[]; readonly strategies?: readonly string[] }>> = {
  incremental_strategy: { for: ['incremental'] },
  increment_on: { for: ['incremental'] },
  lookups: { for: ['incremental'] },
  unique_key: { for: ['incremental', 'table'] },
  indexes: { for: ['incremental', 'table'] },
  on_schema_change: { for: ['incremental', 'table'] },
  refresh: { for: ['table'] },
  partition_by: { for: ['incremental'] },
  distributed_by: { for: ['incremental'], strategies: ROW_WISE },
  touch_key: { for: ['incremental'], strategies: ['delete+insert'] },
  accumulate: { for: ['incremental'], strategies: ['accumulate'] },
  order_by: { for: ['incremental'], strategies: ['merge'] },
  merge_update_columns: { for: ['incremental'], strategies: ['merge'] },
  on_data_error: { for: ['incremental'], strategies: ROW_WISE },
};

const PLURAL = { incremental: 'incremental models', table: 'tables' } as Readonly<Record<string, string>>;
const INSTEAD = {
  view: 'a view is computed when it is read',
  table: 'a table is computed anew from all it reads',
  incremental: 'an incremental model takes up what is new in each run',
};

/** Checks which keys of a header belong together. */
export function checkHeaderKeys(section: Section, header: ModelHeader, problems: Problems): void {
  const materialized = header.materialized?.value;
  if (materialized === undefined) return;
  for (const [key, { for: allowed, strategies }] of Object.entries(KEYS)) {
    if (!section.has(key)) continue;
    if (!allowed.includes(materialized)) {
      problems.add(section.placeOf(key), `${key} is for ${allowed.map((kind) => PLURAL[kind]).join(' and ')}; ${INSTEAD[materialized]}`);
    } else if (strategies !== undefined && header.strategy !== undefined && !strategies.includes(header.strategy.value)) {
      problems.add(section.placeOf(key), `${key} is for \`incremental_strategy: ${strategies.join('` and `')}\`, not for ${header.strategy.value}`);
    }
  }
  if (materialized === 'incremental') checkIncremental(section, header, problems);
  if (header.strategy?.value === 'merge') checkMerge(header, problems);
  checkPartitionBy(header, problems);
  checkDistributedBy(header, problems);
}

function checkIncremental(section: Section, header: ModelHeader, problems: Problems): void {
  section.requiredText('incremental_strategy', 'append, merge, accumulate or delete+insert');
  if (header.incrementOn.length === 0 && !section.has('increment_on')) problems.add(header.place, 'increment_on is missing: the input whose new rows a run reads');
  const strategy = header.strategy?.value;
  if (strategy === undefined) return;
  if (strategy !== 'delete+insert' && header.incrementOn.length > 1) {
    problems.add(header.incrementOn[1]!.place, `${strategy} reads one input by increment; only delete+insert may name several`);
  }
  if (strategy === 'merge' && !section.has('unique_key')) problems.add(header.place, 'unique_key is missing: merge replaces the row of the same key');
  if (strategy === 'accumulate' && !section.has('unique_key')) problems.add(header.place, 'unique_key is missing: accumulate adds to the row of the same key');
  if (strategy === 'accumulate' && !section.has('accumulate')) problems.add(header.place, 'accumulate is missing: which output columns are sums, counts, minima or maxima');
  if (strategy === 'delete+insert' && !section.has('unique_key') && !section.has('touch_key')) {
    problems.add(header.place, 'touch_key is missing (unique_key would do): delete+insert computes the touched keys anew');
  }
}

/** A late old row must lose against what is stored, so what is stored must show by which order it won. */
function checkMerge(header: ModelHeader, problems: Problems): void {
  const keys = header.uniqueKey.map(({ value }) => value);
  const updated = header.mergeUpdateColumns?.map(({ value }) => value);
  for (const { value, place } of header.mergeUpdateColumns ?? []) {
    if (keys.includes(value)) problems.add(place, `merge_update_columns names ${value}, which is part of unique_key and never changes`);
  }
  header.orderBy.forEach(({ value: { column }, place }, i) => {
    if (header.orderBy.slice(0, i).some((earlier) => earlier.value.column === column)) problems.add(place, `order_by names ${column} twice`);
    if (keys.includes(column)) problems.add(place, `order_by names ${column}, which is part of unique_key: it is the same in all rows of one key`);
    else if (updated !== undefined && !updated.includes(column)) {
      problems.add(place, `order_by names ${column}, which merge_update_columns leaves as it was, so that an older row would win later`);
    }
  });
}

/** Rows of one key must be on one server: each keeps its own index. */
function checkDistributedBy({ distributedBy, uniqueKey, strategy, tests }: ModelHeader, problems: Problems): void {
  if (distributedBy === undefined) return;
  const { value: column, place } = distributedBy;
  const keys = strategy?.value === 'append' ? [] : uniqueKey.map(({ value }) => value);
  if (keys.length > 0 && !keys.includes(column)) problems.add(place, `distributed_by names ${column}, which is not in unique_key: rows of one key must be on one server`);
  for (const { test } of tests) {
    if (test.kind !== 'unique' || test.onFail !== 'error' || test.errorAbove > 0 || test.where !== undefined || test.columns.includes(column)) continue;
    problems.add(test.place, `a test \`unique\` that stops a run is kept by an index, and rows of one key must be on one server: it has to name ${column} of distributed_by too; \`severity: warn\` looks for it by a query over the whole table`);
  }
}

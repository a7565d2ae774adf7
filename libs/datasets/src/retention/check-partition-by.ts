import type { Model } from '../dataset.js';
import type { ModelHeader } from '../model-header.js';
import { canonicalType } from '../parser.js';
import type { Problems } from '../problem.js';
import { startOf } from '../sql-file.js';

/** Types whose values are instants or days, as canonicalType gives them. */
const TIMES = new Set(['date', 'timestamp', 'timestamptz']);

/**
 * What a table of partitions cannot have: rows are told apart by indexes of single partitions, so every key that an index
 * keeps must say which partition a row is in.
 */
export function checkPartitionBy(header: ModelHeader, problems: Problems): void {
  const { partitionBy, uniqueKey, strategy } = header;
  if (partitionBy === undefined || strategy === undefined) return;
  const { column } = partitionBy.value;
  if (header.distributedBy !== undefined) problems.add(header.distributedBy.place, 'distributed_by and partition_by together are not built yet');
  const keys = uniqueKey.map(({ value }) => value);
  if (strategy.value !== 'append' && keys.length > 0 && !keys.includes(column)) {
    problems.add(uniqueKey[0]!.place, `unique_key must contain ${column}, by which the table is partitioned: PostgreSQL keeps a key within one partition only`);
  }
  for (const { test } of header.tests) {
    if (test.kind !== 'unique' || test.onFail !== 'error' || test.errorAbove > 0 || test.where !== undefined) continue;
    const isKey = strategy.value !== 'append' && keys.length === test.columns.length && test.columns.every((name) => keys.includes(name));
    if (!isKey) problems.add(test.place, `a test \`unique\` that stops a run is not built for a table with partition_by, unless it says what unique_key says; \`severity: warn\` looks for it by a query over the whole table`);
  }
  const declared = header.columns.find(({ name }) => name === column)?.dataType;
  const type = declared === undefined ? undefined : canonicalType(declared);
  if (type !== undefined && !TIMES.has(type)) problems.add(partitionBy.place, `partition_by names ${column}, which is ${declared}: months are of a date, timestamp or timestamptz`);
}

/** A month that could not be made, because a table has its name, would stop what keeps the whole dataset in shape. */
export function checkPartitionNames(models: readonly Model[], problems: Problems): void {
  for (const { relation } of models.filter(({ partitionBy }) => partitionBy !== undefined)) {
    for (const other of models) {
      if (!other.relation.startsWith(`${relation}_`) || !/^(default|p\d{4}_\d\d)$/.test(other.relation.slice(relation.length + 1))) continue;
      problems.add(startOf(other.file), `${other.relation} is the name of a partition of ${relation}`);
    }
  }
}

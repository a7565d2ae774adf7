import { createHash } from 'node:crypto';
import type { SelectStmt } from 'libpg-query';
import type { DataTest, Dataset, Model, QueryTest, Seed } from './dataset.js';
import { canonicalType } from './parser.js';
import { compareText } from './problem.js';
import { withoutPositions } from './syntax-tree.js';

/**
 * Hash of what a model writes: its parse tree and the header keys that say how rows are kept. Comments, descriptions,
 * layout, the order of keys, tags, declared types, indexes and data tests that put no row aside do not count: none of
 * them asks for a rebuild. Rules that put rows aside count: they decide which rows are written. `order_by` and `merge_update_columns` count: with another order other rows would have won. `refresh` and
 * `on_data_error` do not, as a row that was written would be written the same; they change what a run does, so they
 * are part of the dataset's hash. `on_schema_change` speaks to apply alone and is in neither. `partition_by` and `distributed_by` count: how rows are stored
 * changes by a rebuild. `retention` is in the dataset's hash, so that no process drops rows by files that are not the applied ones.
 */
export function modelCodeHash(model: Omit<Model, 'codeHash'>, tree: SelectStmt): string {
  const { relation, materialized, strategy, incrementOn, uniqueKey, touchKey, accumulate, orderBy, mergeUpdateColumns, partitionBy, distributedBy } = model;
  const rules = model.dataTests.filter(({ onFail }) => onFail === 'quarantine').map(ruleText).sort(compareText);
  return hash({
    relation,
    materialized,
    strategy,
    incrementOn: [...incrementOn].sort(compareText),
    uniqueKey: [...uniqueKey].sort(compareText),
    touchKey: touchKey.map(({ column, from }) => ({ column, from })).sort((a, b) => compareText(a.column, b.column)),
    accumulate,
    ...(strategy === 'merge' ? { orderBy, mergeUpdateColumns: mergeUpdateColumns === undefined ? undefined : [...mergeUpdateColumns].sort(compareText) } : {}),
    ...(rules.length > 0 ? { rules } : {}),
    ...(partitionBy === undefined ? {} : { partitionBy }),
    ...(distributedBy === undefined ? {} : { distributedBy }),
    tree: withoutPositions(tree),
  });
}

function ruleText({ name: _name, place: _place, errorAbove: _errorAbove, warnAbove: _warnAbove, ...rule }: DataTest): string {
  return JSON.stringify(rule, sortKeys);
}

/** Hash of the rows and columns of a seed. */
export function seedCodeHash({ relation, columns, rows, uniqueKey }: Omit<Seed, 'codeHash'>): string {
  return hash({ relation, columns: columns.map(({ name, dataType }) => [name, canonicalType(dataType) ?? dataType]), rows, uniqueKey: [...uniqueKey].sort(compareText) });
}

/** Hash of what a SELECT of `tests/` finds and what follows from it. */
export function queryTestHash({ name, onFail, errorAbove, warnAbove }: QueryTest, tree: SelectStmt): string {
  return hash({ name, onFail, errorAbove, warnAbove, tree: withoutPositions(tree) });
}

/** What a run of a dataset does, apart from its name. */
interface DatasetCode extends Pick<Dataset, 'sources' | 'models' | 'seeds'> {
  /** One for each SELECT of `tests/`. */
  readonly queryTestHashes: readonly string[];
}

/** Hash of what a run of the dataset does: its sources, its seeds, what its models write, their data tests and indexes. */
export function datasetCodeHash(name: string, { sources, models, seeds, queryTestHashes }: DatasetCode): string {
  const testsOf = ({ dataTests }: Pick<Model, 'dataTests'>): string[] => dataTests.map(({ place: _place, ...test }) => JSON.stringify(test, sortKeys)).sort(compareText);
  return hash({
    name,
    sources: sources.map(({ kind, relation, retention }) => ({ kind, relation, ...(retention === undefined ? {} : { retention }) })).sort((a, b) => compareText(a.relation, b.relation)),
    models: models
      .map(({ relation, codeHash, dataTests, indexes, refreshEveryMs, onDataError, retention }) => ({
        relation,
        codeHash,
        tests: testsOf({ dataTests }),
        indexes: indexes.map((columns) => columns.join(' ')).sort(compareText),
        refreshEveryMs,
        ...(onDataError === 'fail' ? { onDataError } : {}),
        ...(retention === undefined ? {} : { retention }),
      }))
      .sort((a, b) => compareText(a.relation, b.relation)),
    ...(seeds.length > 0 ? { seeds: seeds.map(({ relation, codeHash, dataTests }) => ({ relation, codeHash, tests: testsOf({ dataTests }) })) } : {}),
    ...(queryTestHashes.length > 0 ? { queryTests: [...queryTestHashes].sort(compareText) } : {}),
  });
}

/** SHA-256 of a value as JSON with the keys of every object sorted. */
function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value, sortKeys)).digest('hex');
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => compareText(a, b)));
}

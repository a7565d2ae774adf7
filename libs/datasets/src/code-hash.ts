import { createHash } from 'node:crypto';
import type { SelectStmt } from 'libpg-query';
import type { Model, Source } from './dataset.js';
import { compareText } from './problem.js';
import { withoutPositions } from './syntax-tree.js';

/**
 * Hash of what a model writes: its parse tree and the header keys that say how rows are kept. Comments, descriptions,
 * layout, the order of keys, data tests, declared types and indexes do not count: none of them asks for a rebuild.
 */
export function modelCodeHash(model: Omit<Model, 'codeHash'>, tree: SelectStmt): string {
  const { relation, materialized, strategy, incrementOn, uniqueKey, touchKey, accumulate } = model;
  return hash({
    relation,
    materialized,
    strategy,
    incrementOn: [...incrementOn].sort(compareText),
    uniqueKey: [...uniqueKey].sort(compareText),
    touchKey: touchKey.map(({ column, from }) => ({ column, from })).sort((a, b) => compareText(a.column, b.column)),
    accumulate,
    tree: withoutPositions(tree),
  });
}

/** Hash of what a run of the dataset does: its sources, what its models write, their data tests and indexes. */
export function datasetCodeHash(name: string, sources: readonly Source[], models: readonly Model[]): string {
  return hash({
    name,
    sources: sources.map(({ kind, relation }) => ({ kind, relation })).sort((a, b) => compareText(a.relation, b.relation)),
    models: models
      .map(({ relation, codeHash, dataTests, indexes }) => ({
        relation,
        codeHash,
        tests: dataTests.map(({ place: _place, ...test }) => JSON.stringify(test, sortKeys)).sort(compareText),
        indexes: indexes.map((columns) => columns.join(' ')).sort(compareText),
      }))
      .sort((a, b) => compareText(a.relation, b.relation)),
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

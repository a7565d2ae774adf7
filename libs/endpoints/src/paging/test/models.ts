import type { DataTest, Model, Strategy } from '@ingot/datasets';

/** A model as far as pages look at it. */
export function model(relation: string, { strategy, notNull }: { strategy: Strategy; notNull: readonly string[] }): Model {
  const dataTests = notNull.map((column) => ({ kind: 'not_null', column, relation, name: column, onFail: 'error', errorAbove: 0, warnAbove: 0 }) as unknown as DataTest);
  return { relation, materialized: 'incremental', strategy, dataTests } as unknown as Model;
}

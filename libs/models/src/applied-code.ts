import type { Dataset, Materialized, Model } from '@ingot/datasets';

/** What apply last made of a model, as kept in ingot.datasets.applied_code. */
export interface AppliedModel {
  readonly hash: string;
  readonly materialized: Materialized;
  /** Names of the indexes made for it, to tell them from those of others. */
  readonly indexes: readonly string[];
  /** Its file is gone, its table is not. */
  readonly removed?: true;
}

export type AppliedCode = Readonly<Record<string, AppliedModel>>;

/** What has to happen to the database so that it agrees with the files. */
export interface Changes {
  /** Nothing has run yet and some table is to be made, or made otherwise: all are made anew. */
  readonly remake: boolean;
  /** Incremental models that stand in the way: one line each. */
  readonly refused: readonly { readonly model: Model; readonly reason: string }[];
  /** Files that are gone since the last apply. */
  readonly removed: readonly { readonly relation: string; readonly materialized: Materialized }[];
}

/**
 * Compares the files with what was applied.
 * @param hasRun whether a run has moved the watermark. Until then every table is empty and is just made; afterwards a
 *   new or changed incremental model would miss what earlier runs have taken.
 */
export function compareCode(dataset: Dataset, applied: AppliedCode, hasRun: boolean): Changes {
  const differing = dataset.models.filter((model) => {
    const before = applied[model.relation];
    return model.materialized === 'view' ? before?.materialized === 'incremental' : !isSame(model, before);
  });
  const known = new Set(dataset.models.map(({ relation }) => relation));
  return {
    remake: !hasRun && differing.length > 0,
    refused: hasRun ? differing.map((model) => ({ model, reason: reasonFor(model, applied[model.relation]) })) : [],
    removed: Object.entries(applied)
      .filter(([relation, { removed }]) => removed === undefined && !known.has(relation))
      .map(([relation, { materialized }]) => ({ relation, materialized })),
  };
}

export function isSame(model: Model, before: AppliedModel | undefined): boolean {
  return before !== undefined && before.removed === undefined && before.hash === model.codeHash && before.materialized === model.materialized;
}

function reasonFor(model: Model, before: AppliedModel | undefined): string {
  const what = before === undefined || before.removed ? `${model.relation} is new in a dataset that has already run` : `${model.relation} has changed`;
  return `${what}; that needs a rebuild, which is not built yet`;
}

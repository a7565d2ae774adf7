import type { Dataset, Materialized, Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';

/** What apply last made of a model, as kept in ingot.datasets.applied_code. */
export interface AppliedModel {
  readonly hash: string;
  readonly materialized: Materialized;
  /** Names of the indexes made for it, to tell them from those of others. */
  readonly indexes: readonly string[];
  /** The whole text of its file; absent when a release before this one applied it. */
  readonly text?: string;
  /** The lowest `ingest_xid` it counts, when retention had dropped earlier lines before it was built. */
  readonly since?: string;
  /** By input with months: the first day it counts, when retention had dropped earlier rows before it was built. */
  readonly below?: Readonly<Record<string, string>>;
  /** Its file is gone, its table is not. */
  readonly removed?: true;
}

/** What a table was built without. */
export type Lacking = Pick<AppliedModel, 'since' | 'below'>;

/** By relation. */
export type AppliedCode = Readonly<Record<string, AppliedModel>>;

export async function readAppliedCode(client: Client | Connection, dataset: string): Promise<AppliedCode> {
  const { rows } = await client.query<{ code: AppliedCode | null }>('select applied_code as code from ingot.datasets where name = $1', [dataset]);
  return sortedByName(rows[0]?.code ?? {});
}

/** jsonb keeps no order of keys; one order makes two codes comparable as text. */
export function sortedByName(code: AppliedCode): AppliedCode {
  const sorted = Object.keys(code).sort();
  return Object.fromEntries(
    sorted.map((relation) => {
      const { hash, materialized, indexes, text, since, below, removed } = code[relation]!;
      return [relation, { hash, materialized, indexes, ...(text === undefined ? {} : { text }), ...(since === undefined ? {} : { since }), ...(below === undefined ? {} : { below }), ...(removed ? { removed } : {}) }];
    }),
  );
}

/** Whether the table or view of a model was made by just this code. */
export function isSame(model: Model, before: AppliedModel | undefined): boolean {
  return before !== undefined && before.removed === undefined && before.hash === model.codeHash && before.materialized === model.materialized;
}

/** What has a file no longer, since the last apply. */
export function removedSince(dataset: Dataset, applied: AppliedCode): string[] {
  const known = new Set(dataset.models.map(({ relation }) => relation));
  return Object.entries(applied).flatMap(([relation, { removed }]) => (removed === undefined && !known.has(relation) ? [relation] : []));
}

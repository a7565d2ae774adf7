import type { Dataset, Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { isSame, readAppliedCode, type AppliedCode } from '../applied-code.js';
import { ApplyError } from '../apply-error.js';
import { changedSeeds } from '../seeds/sync-seeds.js';
import { relationName } from '../sql-names.js';
import { readState, type DatasetState } from '../watermark.js';
import { decide, type Decision, type Wishes } from './decide.js';

/** What stands in the database, beside what the files say. */
export interface Look {
  readonly state: DatasetState | undefined;
  readonly applied: AppliedCode;
  readonly hasRun: boolean;
  /** In graph order. */
  readonly decisions: readonly Decision[];
  /** As long as nothing has run: some relation is to be made, or made otherwise, so all are made anew. */
  readonly remake: boolean;
  /** Relations of seeds whose rows or columns are not those last loaded. */
  readonly seeds: readonly string[];
}

/**
 * @throws ApplyError for relations that stand in the way and were not made by apply
 */
export async function look(client: Client | Connection, dataset: Dataset, wishes: Wishes): Promise<Look> {
  const state = await readState(client, dataset.name);
  const applied = await readAppliedCode(client, dataset.name);
  const hasRun = (state?.runId ?? 0n) > 0n;
  const kinds = await kindsOf(client, dataset.models);
  refuseStrangers(dataset, applied, kinds);
  const gone = dataset.models.filter(({ relation }) => !kinds.has(relation)).map(({ relation }) => relation);
  const decisions = decide(dataset, applied, { ...wishes, rebuild: new Set([...wishes.rebuild, ...gone]) });
  const remake = !hasRun && dataset.models.some((model) => !isSame(model, applied[model.relation]) || gone.includes(model.relation));
  return { state, applied, hasRun, decisions, remake, seeds: await changedSeeds(client, dataset) };
}

/** Models whose rows have to be computed beside the live ones; none as long as nothing has run. */
export function rebuilt({ decisions, hasRun }: Look): Model[] {
  return hasRun ? decisions.filter(({ rebuild }) => rebuild).map(({ model }) => model) : [];
}

/** Views to be made or made again because of their own file, in graph order. */
export function changedViews({ decisions }: Look, kinds: ReadonlySet<string>): Model[] {
  return decisions.filter(({ model, codeChanged }) => model.materialized === 'view' && (codeChanged || !kinds.has(model.relation))).map(({ model }) => model);
}

/** What stands under the names of the models: `r` and `p` a table, `v` a view. */
export async function kindsOf(client: Client | Connection, models: readonly Model[]): Promise<Map<string, string>> {
  const { rows } = await client.query<{ relation: string; kind: string }>(
    `select relation, relkind as kind from unnest($1::text[], $2::text[]) as m (relation, name) join pg_class on pg_class.oid = to_regclass(name)`,
    [models.map(({ relation }) => relation), models.map(({ relation }) => relationName(relation))],
  );
  return new Map(rows.map(({ relation, kind }) => [relation, kind]));
}

function refuseStrangers(dataset: Dataset, applied: AppliedCode, kinds: ReadonlyMap<string, string>): void {
  const problems = dataset.models.flatMap((model) => {
    const kind = kinds.get(model.relation);
    const before = applied[model.relation];
    const isOurs = kind === undefined || (before !== undefined && (kind === 'v') === (before.materialized === 'view') && ['v', 'r', 'p'].includes(kind));
    const shown = kind === 'v' ? 'view' : kind === 'r' || kind === 'p' ? 'table' : 'relation';
    return isOurs ? [] : [{ file: model.file, line: 1, column: 1, message: `a ${shown} ${model.relation} exists already that Ingot has not made; drop or rename it` }];
  });
  if (problems.length > 0) throw new ApplyError(problems);
}

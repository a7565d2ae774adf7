import type { Dataset, Model } from '@ingot/datasets';
import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { removedSince } from '../applied-code.js';
import { distributionNote, hasCitus } from '../distribution.js';
import { testNames, type ApplyPlan, type ModelPlan, type PlanAction } from './apply-plan.js';
import type { Decision, Wishes } from './decide.js';
import { historyOf, refuseLostHistory } from './history.js';
import { look, rebuilt, type Look } from './look.js';
import type { ApplyOptions } from './options.js';
import { actionOf } from './published-steps.js';
import { inputRows } from './rebuild.js';
import { isChunked } from './shadow-build.js';
import { dependentsOf } from './take-places.js';
import { checkSchemaChanges, refuseReaders, tryOut, type Trial } from './trial.js';

/**
 * What apply, or a rebuild of some models, is going to do, without doing any of it: what changes is made without rows in
 * a transaction that is rolled back, so the plan knows columns and types, and refuses what apply would refuse.
 * @param relations models to be computed anew though their files have not changed
 * @throws ApplyError as apply does
 */
export async function planApply(client: Client | Connection, dataset: Dataset, options: ApplyOptions & { rebuild?: readonly string[] } = {}): Promise<ApplyPlan> {
  const wishes: Wishes = { rebuild: new Set(options.rebuild ?? []), backfill: options.backfill ?? false };
  const looked = await look(client, dataset, wishes);
  const models = rebuilt(looked);
  const trial = await tryWhatChanges(client, dataset, looked, options);
  if (looked.hasRun) {
    checkSchemaChanges(looked, trial, wishes.backfill);
    await dependentsOf(client, dataset, models.map(({ relation }) => relation), []);
    refuseLostHistory(models, looked.applied, await historyOf(client, dataset, models, looked.applied), options.dropHistory ?? []);
  }
  const rows = await inputRows(client, dataset, models);
  const notes = await notesOn(client, dataset.models);
  const plans = [...looked.decisions.map((decision) => planOf(decision, looked, trial, rows, dataset, notes)), ...goneModels(dataset, looked)];
  return { dataset: dataset.name, hasRun: looked.hasRun, isEmpty: plans.every(({ action }) => action === 'nothing') && looked.seeds.length === 0, models: plans, seeds: looked.seeds };
}

async function tryWhatChanges(client: Client | Connection, dataset: Dataset, looked: Look, { checkReaders }: ApplyOptions): Promise<Trial> {
  const changes = looked.decisions.some(({ codeChanged, rebuild }) => codeChanged || rebuild) || looked.seeds.length > 0;
  if (changes) return tryOut(client, dataset, looked, 'none', checkReaders);
  if (checkReaders !== undefined) refuseReaders(await inTransaction(client, 'read only', () => checkReaders(client, (relation) => relation)));
  return { columns: new Map(), changes: new Map() };
}

function planOf(decision: Decision, looked: Look, trial: Trial, rows: ReadonlyMap<string, number>, dataset: Dataset, notes: ReadonlyMap<string, string>): ModelPlan {
  const { model, change, because } = decision;
  const action = actionOf(decision, looked);
  const note = action === 'nothing' ? undefined : notes.get(model.relation);
  const isRebuild = action === 'rebuild' || (action === 'create' && looked.hasRun && model.materialized !== 'view');
  return {
    relation: model.relation,
    file: model.file,
    materialized: model.materialized,
    change: change.kind,
    headerKeys: change.headerKeys,
    action,
    reason: reasonOf(decision, action),
    because,
    columns: trial.changes.get(model.relation) ?? [],
    ...(isRebuild ? { backfillRows: rows.get(model.relation) ?? 0, backfill: isChunked(model) ? ('chunks' as const) : ('one statement' as const) } : {}),
    ...(note === undefined ? {} : { note }),
    tests: isRebuild ? [...testNames(model.dataTests), ...dataset.dataTests.filter(({ query }) => query.mentions.some(({ relation }) => relation === model.relation)).map(({ name }) => name)] : [],
  };
}

async function notesOn(client: Client | Connection, models: readonly Model[]): Promise<Map<string, string>> {
  const distributed = models.filter(({ distributedBy }) => distributedBy !== undefined);
  if (distributed.length === 0) return new Map();
  const citus = await hasCitus(client);
  return new Map(distributed.flatMap((model) => {
    const note = distributionNote(model, citus);
    return note === undefined ? [] : [[model.relation, note] as const];
  }));
}

function reasonOf({ reason, change }: Decision, action: PlanAction): string {
  if (action === 'alter' && change.kind !== 'sql') return `${change.headerKeys.join(', ')} changed; its rows stay`;
  if (action === 'adopt') return 'only comments or layout changed';
  return reason;
}

function goneModels(dataset: Dataset, { applied }: Look): ModelPlan[] {
  return removedSince(dataset, applied).map((relation) => ({
    relation,
    materialized: applied[relation]!.materialized,
    change: 'removed' as const,
    headerKeys: [],
    action: 'drop from graph' as const,
    reason: 'its file is gone; it stays in the database as it is, and no run writes it',
    because: [],
    columns: [],
    tests: [],
  }));
}

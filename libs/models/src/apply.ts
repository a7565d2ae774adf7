import type { Dataset, Model } from '@ingot/datasets';
import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { removedSince, sortedByName, type AppliedCode, type AppliedModel, type Lacking } from './applied-code.js';
import { agrees } from './apply/agreement.js';
import { alterColumns } from './apply/alter-columns.js';
import { changedViews, kindsOf, look, rebuilt, type Look } from './apply/look.js';
import { READ_SECONDS, type Applied, type ApplyOptions } from './apply/options.js';
import { takePlanLock } from './apply/plan-row.js';
import type { Wishes } from './apply/decide.js';
import { publishedSteps } from './apply/published-steps.js';
import { testSeeds } from './apply/published-tests.js';
import { rebuildAndPublish, type Rebuilt } from './apply/rebuild.js';
import { takePlaces } from './apply/take-places.js';
import { checkSchemaChanges, refuseReaders, tryOut, type Trial } from './apply/trial.js';
import { makeBronzeTable } from './bronze-table.js';
import { syncComments } from './comments.js';
import { waitForLock } from './dataset-lock.js';
import { checkColumns } from './declared-columns.js';
import { createTable, dropTables } from './model-table.js';
import { syncSeedComments, syncSeeds } from './seeds/sync-seeds.js';
import { syncConstraints, syncIndexes } from './table-guards.js';
import { makeView } from './views.js';
import { lockState } from './watermark.js';

const NOTHING_WISHED = { rebuild: new Set<string>(), backfill: false };

/**
 * Makes the database agree with a dataset's files: its bronze tables with partitions, the tables of its models, views,
 * indexes, constraints of data tests, comments; last the code hash. Nothing to do is fine, and so are two at once.
 *
 * As long as nothing has run, new and changed models are just made. Afterwards those that need it, with every model
 * that reads them, are computed beside the live tables in chunks that are committed one by one, and take their places
 * in one short transaction; a call that is cut off is gone on with by the next. All else is one transaction, so a
 * refusal leaves everything as it was.
 * @param notice told of what is left over, e.g. the table of a model whose file is gone
 * @throws ApplyError with a line for each problem, at its place in the files; PlanHeldError when another process is at it
 */
export async function apply(client: Client | Connection, dataset: Dataset, notice: (line: string) => void = () => undefined, options: ApplyOptions = {}): Promise<void> {
  if (await agrees(client, dataset)) {
    if (options.checkReaders !== undefined) await inTransaction(client, 'read only', () => checkReaders(client, options));
    return syncSeedComments(client, dataset);
  }
  const wishes = { ...NOTHING_WISHED, backfill: options.backfill ?? false };
  const first = await look(client, dataset, wishes);
  if (rebuilt(first).length > 0 && (await bring(client, dataset, wishes, options, notice))) return;
  const applied = await inTransaction(client, 'isolation level read committed', async (): Promise<Applied | undefined> => {
    await waitForLock(client, dataset.name);
    await client.query('insert into ingot.datasets (name) values ($1) on conflict do nothing', [dataset.name]);
    const state = await lockState(client, dataset.name);
    const looked = await look(client, dataset, wishes);
    if (rebuilt(looked).length > 0) return undefined; // a run came first, and now there are rows
    for (const { relation, file } of dataset.sources) await makeBronzeTable(client, relation, file);
    const code = looked.remake ? await makeAnew(client, dataset, looked, options, notice) : await agreeInPlace(client, dataset, looked, options, notice);
    const done = { steps: publishedSteps(looked, new Map()), seeds: looked.seeds };
    if (state?.codeHash === dataset.codeHash && JSON.stringify(code) === JSON.stringify(looked.applied)) return done;
    await takePlanLock(client, dataset.name);
    await client.query('update ingot.datasets set publication = publication + 1, code_hash = $2, applied_code = $3, applied_at = now() where name = $1', [dataset.name, dataset.codeHash, JSON.stringify(code)]);
    return done;
  });
  if (applied === undefined) return apply(client, dataset, notice, options);
  options.onApplied?.(applied);
}

/**
 * Computes models anew from their inputs though their files have not changed, with every model that reads them, and
 * publishes them as apply does. Changed files are applied with it.
 * @param relations models that have a table; a view among them has nothing to compute
 * @throws as apply
 */
export async function rebuild(client: Client | Connection, dataset: Dataset, relations: readonly string[], notice: (line: string) => void = () => undefined, options: ApplyOptions = {}): Promise<void> {
  const wishes = { rebuild: new Set(relations), backfill: options.backfill ?? false };
  if (rebuilt(await look(client, dataset, wishes)).length === 0) return apply(client, dataset, notice, options);
  if (!(await bring(client, dataset, wishes, options, notice))) await apply(client, dataset, notice, options);
}

async function bring(client: Client | Connection, dataset: Dataset, wishes: Wishes, options: ApplyOptions, notice: (line: string) => void): Promise<boolean> {
  return rebuildAndPublish(client, dataset, { wishes, options, notice, takeover: (rebuilt) => agree(client, dataset, rebuilt, options, notice) });
}

/** True when a run of this process may write: the database was made by exactly these files. */
export async function isApplied(client: Client | Connection, dataset: Dataset): Promise<boolean> {
  const { rows } = await client.query<{ code_hash: string | null }>('select code_hash from ingot.datasets where name = $1', [dataset.name]);
  return rows[0]?.code_hash === dataset.codeHash;
}

/** True when some version of the dataset's files was applied: its tables are there to write to and to read. */
export async function isKnown(client: Client | Connection, dataset: Dataset): Promise<boolean> {
  const { rowCount } = await client.query('select from ingot.datasets where name = $1 and code_hash is not null', [dataset.name]);
  return rowCount === 1;
}

/** Nothing has run: all relations are dropped and made. A table may read a view and a view a table, so in graph order. */
async function makeAnew(client: Client | Connection, dataset: Dataset, { applied }: Look, options: ApplyOptions, notice: (line: string) => void): Promise<AppliedCode> {
  await dropTables(client, dataset, applied);
  await testSeeds(client, dataset, await syncSeeds(client, dataset), notice);
  for (const model of dataset.models) {
    await (model.materialized === 'view' ? makeView(client, model) : createTable(client, model));
    await checkColumns(client, model);
  }
  await checkReaders(client, options);
  return finishRelations(client, dataset, applied, new Map(), notice);
}

/** What needs no rebuild: columns added in place, views, tests, indexes, comments. */
async function agreeInPlace(client: Client | Connection, dataset: Dataset, looked: Look, options: ApplyOptions, notice: (line: string) => void): Promise<AppliedCode> {
  const nothing: Trial = { columns: new Map(), changes: new Map() };
  const trial = looked.decisions.some(({ codeChanged }) => codeChanged) ? await tryOut(client, dataset, looked, 'a transaction', options.checkReaders) : nothing;
  checkSchemaChanges(looked, trial, options.backfill ?? false);
  return agree(client, dataset, { looked, trial, lacking: new Map(Object.entries(looked.applied)) }, options, notice);
}

/** Brings everything in line with the files: shadows, if there are any, and views take their places. */
async function agree(client: Client | Connection, dataset: Dataset, { looked, trial, lacking }: Rebuilt, options: ApplyOptions, notice: (line: string) => void): Promise<AppliedCode> {
  await testSeeds(client, dataset, await syncSeeds(client, dataset), notice);
  const kinds = await kindsOf(client, dataset.models);
  const altered = looked.decisions.filter((decision) => decision.alterColumns).map(({ model }) => model);
  await takePlaces(client, {
    dataset,
    tables: rebuilt(looked),
    views: changedViews(looked, new Set(kinds.keys())),
    altered: altered.map(({ relation }) => relation),
    alter: async () => {
      for (const model of altered) await alterColumns(client, model, trial.changes.get(model.relation) ?? []);
    },
    readSeconds: options.readSeconds ?? READ_SECONDS,
  });
  await checkReaders(client, options);
  return finishRelations(client, dataset, looked.applied, lacking, notice);
}

/** With everything in its place. */
async function checkReaders(client: Client | Connection, options: ApplyOptions): Promise<void> {
  refuseReaders((await options.checkReaders?.(client, (relation) => relation)) ?? []);
}

async function finishRelations(client: Client | Connection, dataset: Dataset, applied: AppliedCode, lacking: ReadonlyMap<string, Lacking>, notice: (line: string) => void): Promise<AppliedCode> {
  const code: Record<string, AppliedModel> = {};
  for (const model of dataset.models) code[model.relation] = await finishRelation(client, model, applied[model.relation], lacking.get(model.relation));
  await client.query('select ingot.grant_rights()'); // the tables of now may be new
  for (const relation of removedSince(dataset, applied)) notice(`${relation} has no file any more; it stays in the database as it is, and no run writes it`);
  for (const [relation, before] of Object.entries(applied)) if (code[relation] === undefined) code[relation] = { ...before, removed: true };
  return sortedByName(code);
}

async function finishRelation(client: Client | Connection, model: Model, before: AppliedModel | undefined, { since, below }: Lacking = {}): Promise<AppliedModel> {
  const { materialized, codeHash, query } = model;
  await checkColumns(client, model);
  let indexes: string[] = [];
  if (materialized !== 'view') {
    await syncConstraints(client, model);
    indexes = await syncIndexes(client, model, before?.indexes ?? []);
  }
  await syncComments(client, model);
  return { hash: codeHash, materialized, indexes, text: query.fileText, ...(since === undefined ? {} : { since }), ...(below === undefined ? {} : { below }) };
}

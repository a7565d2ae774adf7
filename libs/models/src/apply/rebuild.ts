import type { Dataset, Model } from '@ingot/datasets';
import { inTransaction, isConnectionError, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { AppliedCode, Lacking } from '../applied-code.js';
import { makeBronzeTable } from '../bronze-table.js';
import { kindOf } from '../catalog.js';
import { prepareMonths, settleMonths } from '../retention/fill-months.js';
import { endWithProcess } from '../end-with-process.js';
import { RunFailure } from '../run-failure.js';
import { recordFailure, type StepRecord } from '../run-ledger.js';
import { bareName, joinedName, relationName } from '../sql-names.js';
import { syncConstraints, syncIndexes } from '../table-guards.js';
import type { Wishes } from './decide.js';
import { estimateRows, historyOf, lackingOf, refuseLostHistory } from './history.js';
import { kindsOf, look, rebuilt, type Look } from './look.js';
import { CHUNK_ROWS, type ApplyOptions } from './options.js';
import { identityOf, openPlan, withPlanLock } from './plan-row.js';
import { publish } from './publish.js';
import { testShadows } from './published-tests.js';
import { publishedSteps } from './published-steps.js';
import { copyHandMade } from './relation-properties.js';
import { makeSeedShadows } from './seed-shadows.js';
import { isChunked, ShadowBuild, type Shadows } from './shadow-build.js';
import { inArea, relationIn, shadowArea } from './shadow-dataset.js';
import { dependentsOf } from './take-places.js';
import { checkSchemaChanges, inLiveNames, makeStructures, movedModels, tryOut, type Trial } from './trial.js';
import { findUneven, UnevenRows } from './uneven-rows.js';

/** What a takeover needs to know of the rebuild it ends. */
export interface Rebuilt {
  readonly looked: Look;
  readonly trial: Trial;
  /** By model: what it does not count, as that was gone when it was built. */
  readonly lacking: ReadonlyMap<string, Lacking>;
}

export interface RebuildTerms {
  readonly wishes: Wishes;
  readonly options: ApplyOptions;
  readonly notice: (line: string) => void;
  /** Puts the shadows in their places and makes all else agree; inside the publishing transaction. */
  readonly takeover: (rebuilt: Rebuilt) => Promise<AppliedCode>;
}

/**
 * Builds the shadows of every model that is to be computed anew, or goes on with those of an attempt that was cut off,
 * and publishes them. The run ledger tells of it, and of a model or data test that it failed on.
 * @returns false when there is nothing to rebuild any more: another process has done it
 */
export async function rebuildAndPublish(client: Client | Connection, dataset: Dataset, terms: RebuildTerms): Promise<boolean> {
  return withPlanLock(client, dataset.name, async () => {
    await endWithProcess(client);
    const startedAt = new Date();
    try {
      return await rebuildHeld(client, dataset, terms);
    } catch (cause) {
      const error = asLive(cause, dataset);
      if (error instanceof RunFailure && !isConnectionError(error.cause)) await recordFailure(client, dataset.name, dataset.codeHash, startedAt, error, 'publication');
      throw error;
    }
  });
}

async function rebuildHeld(client: Client | Connection, dataset: Dataset, terms: RebuildTerms): Promise<boolean> {
  await inTransaction(client, '', async () => {
    for (const { relation, file } of dataset.sources) if ((await kindOf(client, relation)) === undefined) await makeBronzeTable(client, relation, file);
  });
  const attempt: Attempt = { identity: undefined, uneven: new Set() };
  for (;;) {
    try {
      return await rebuildOnce(client, dataset, terms, attempt);
    } catch (error) {
      if (!(error instanceof UnevenRows)) throw error;
      for (const relation of error.relations) attempt.uneven.add(relation);
    }
  }
}

/** What is kept from one round to the next, when more has to be built than was planned. */
interface Attempt {
  identity: string | undefined;
  readonly uneven: Set<string>;
}

async function rebuildOnce(client: Client | Connection, dataset: Dataset, { wishes, options, notice, takeover }: RebuildTerms, attempt: Attempt): Promise<boolean> {
  const looked = await look(client, dataset, { ...wishes, uneven: attempt.uneven });
  const models = rebuilt(looked);
  if (models.length === 0) return false;
  const trial = await tryOut(client, dataset, looked, 'none', options.checkReaders);
  checkSchemaChanges(looked, trial, wishes.backfill);
  await dependentsOf(client, dataset, models.map(({ relation }) => relation), []);
  const history = await historyOf(client, dataset, models, looked.applied);
  refuseLostHistory(models, looked.applied, history, options.dropHistory ?? []);
  if (attempt.uneven.size > 0) notice(`${[...attempt.uneven].join(', ')} puts other rows aside than before, so what reads it is computed anew too: ${models.map(({ relation }) => relation).filter((relation) => !attempt.uneven.has(relation)).join(', ')}`);

  const shadows = shadowsOf(dataset, looked);
  const isFirst = attempt.identity === undefined;
  attempt.identity ??= identityOfPlan(looked, shadows);
  const build = await openBuild(client, looked, shadows, attempt.identity, options, isFirst ? notice : () => undefined);
  const totals = await inputRows(client, dataset, models);
  const refuseUneven = async (isFull: boolean): Promise<void> => {
    const uneven = await findUneven(client, dataset, looked, history.lines, isFull);
    if (uneven.length > 0) throw new UnevenRows(uneven);
  };
  await build.fill(totals);
  await refuseUneven(false); // before hours are spent on indexes
  await guard(client, looked, shadows, notice);
  await build.fill(totals); // what came while indexes were made
  const lacking = new Map<string, Lacking>(Object.entries(looked.applied));
  for (const model of models) lacking.set(model.relation, lackingOf(model, history) ?? {});
  let steps: readonly StepRecord[] = [];
  await publish(client, dataset, {
    build,
    shadows,
    applied: looked.applied,
    startedAt: build.startedAt,
    history: history.lines,
    test: async () => {
      await refuseUneven(true);
      await testShadows(client, shadows.moved, placesOf(shadows), notice);
    },
    takeover: () => takeover({ looked, trial, lacking }),
    steps: (done) => (steps = publishedSteps(looked, done)),
  });
  options.onApplied?.({ steps, seeds: looked.seeds });
  return true;
}

function shadowsOf(dataset: Dataset, looked: Look): Shadows {
  const area = shadowArea(dataset.name);
  const moved = inArea(dataset, new Set([...movedInShadows(looked).map(({ relation }) => relation), ...looked.seeds]), area);
  const models = rebuilt(looked).map((live) => ({ live, shadow: moved.models.find(({ relation }) => relation === relationIn(area, live.relation))! }));
  return { live: dataset, moved, models };
}

/** Every relation that is not where it will be read. */
function placesOf({ live, moved }: Shadows): Set<string> {
  const known = new Set(live.models.map(({ relation }) => relation));
  return new Set(moved.models.flatMap(({ relation }) => (known.has(relation) ? [] : [relation])));
}

/** Tables that only get columns stay where they are. */
function movedInShadows(looked: Look): Model[] {
  const altered = new Set(looked.decisions.filter(({ alterColumns }) => alterColumns).map(({ model }) => model.relation));
  return movedModels(looked).filter(({ relation }) => !altered.has(relation));
}

/** What is built and over what; without what turned out to be needed later, which is found out again. */
function identityOfPlan(looked: Look, { live: dataset, models }: Shadows): string {
  return identityOf({
    dataset: dataset.codeHash,
    applied: Object.entries(looked.applied).map(([relation, { hash }]) => [relation, hash]),
    models: models.map(({ live }) => [live.relation, live.codeHash]),
    seeds: dataset.seeds.filter(({ relation }) => looked.seeds.includes(relation)).map(({ codeHash }) => codeHash),
  });
}

async function openBuild(client: Client | Connection, looked: Look, shadows: Shadows, identity: string, options: ApplyOptions, notice: (line: string) => void): Promise<ShadowBuild> {
  const { live: dataset, models } = shadows;
  const chunked = models.filter(({ live }) => isChunked(live)).map(({ live }) => live.relation);
  const row = await openPlan(client, dataset, identity, chunked, (resumed) => makeMissing(client, looked, shadows, resumed));
  if (row.resumed) notice(`goes on with the rebuild that was cut off after chunk ${row.chunk}`);
  const build = new ShadowBuild(client, shadows, row, { chunkRows: options.chunkRows ?? CHUNK_ROWS, ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }) });
  await build.open();
  return build;
}

/** The empty tables of the shadows; of a plan that goes on only those that it has not yet, and views, which may read more shadows now. */
async function makeMissing(client: Client | Connection, looked: Look, { live: dataset, moved, models }: Shadows, resumed: boolean): Promise<void> {
  const area = shadowArea(dataset.name);
  const there = await kindsOf(client, moved.models);
  const views = movedInShadows(looked).flatMap(({ relation }) => (there.get(relationIn(area, relation)) === 'v' ? [relationName(relationIn(area, relation))] : []));
  if (views.length > 0) await client.query(`drop view ${views.join(', ')} cascade`);
  if (!resumed) await makeSeedShadows(client, moved, looked.seeds.map((seed) => relationIn(area, seed)));
  await makeStructures(client, moved, area, movedInShadows(looked).filter(({ relation, materialized }) => materialized === 'view' || !there.has(relationIn(area, relation))));
  for (const { live, shadow } of models) {
    if (there.has(shadow.relation)) continue;
    await prepareMonths(client, live.relation, shadow);
    await syncConstraints(client, shadow);
    // Rows meet by the key from the first chunk on; the indexes of rows that are only added are cheaper at the end.
    if (live.strategy !== 'append') await syncIndexes(client, shadow, []);
  }
}

/** Indexes of the file, and what somebody has put on the live table by hand. */
async function guard(client: Client | Connection, looked: Look, { models }: Shadows, notice: (line: string) => void): Promise<void> {
  for (const { live, shadow } of models) {
    await inTransaction(client, '', () => settleMonths(client, shadow));
    const made = await syncIndexes(client, shadow, []);
    const own = [...made, joinedName(bareName(live.relation), 'run_id_idx'), ...(looked.applied[live.relation]?.indexes ?? [])];
    for (const name of await copyHandMade(client, live.relation, shadow.relation, own)) {
      notice(`${name} on ${live.relation}, made by hand, does not fit its new columns and is left out`);
    }
  }
}

/** About how many rows each model's inputs hold. */
export async function inputRows(client: Client | Connection, dataset: Dataset, models: readonly Model[]): Promise<Map<string, number>> {
  const known = new Map<string, number>();
  const rowsOf = async (relation: string): Promise<number> => {
    const found = known.get(relation) ?? (await estimateRows(client, relation));
    known.set(relation, found);
    return found;
  };
  const totals = new Map<string, number>();
  for (const { relation, incrementOn, query } of models) {
    const inputs = incrementOn.length > 0 ? incrementOn : [...new Set(query.mentions.map((mention) => mention.relation))];
    let rows = 0;
    for (const input of inputs) rows += await rowsOf(input);
    totals.set(relation, rows);
    // A model that has no table yet: those that read it read about as much.
    if (!dataset.sources.some((source) => source.relation === relation) && (await kindOf(client, relation)) === undefined) known.set(relation, rows);
  }
  return totals;
}

/** Errors of shadows with the names that the author knows. */
function asLive(error: unknown, dataset: Dataset): unknown {
  const area = shadowArea(dataset.name);
  if (!(error instanceof RunFailure)) return inLiveNames(error, area);
  const live = (text: string): string => text.replaceAll(`${area.prefix}_`, '');
  return new RunFailure(live(error.model), error.place, live(error.reason), error.sqlState, error.cause, error.tests);
}

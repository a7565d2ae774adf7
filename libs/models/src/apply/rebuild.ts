import type { Dataset, Model } from '@ingot/datasets';
import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { AppliedCode } from '../applied-code.js';
import { makeBronzeTable } from '../bronze-table.js';
import { kindOf } from '../catalog.js';
import { RunFailure } from '../run-failure.js';
import { bareName, joinedName } from '../sql-names.js';
import { syncConstraints, syncIndexes } from '../table-guards.js';
import type { Wishes } from './decide.js';
import { estimateRows, historyOf, refuseLostHistory, since } from './history.js';
import { look, rebuilt, type Look } from './look.js';
import { CHUNK_ROWS, type ApplyOptions } from './options.js';
import { identityOf, openPlan, withPlanLock } from './plan-row.js';
import { publish } from './publish.js';
import { testShadows } from './published-tests.js';
import { copyHandMade } from './relation-properties.js';
import { makeSeedShadows } from './seed-shadows.js';
import { isChunked, ShadowBuild, type Shadows } from './shadow-build.js';
import { inArea, relationIn, shadowArea } from './shadow-dataset.js';
import { dependentsOf } from './take-places.js';
import { checkSchemaChanges, inLiveNames, makeStructures, movedModels, tryOut, type Trial } from './trial.js';

/** What a takeover needs to know of the rebuild it ends. */
export interface Rebuilt {
  readonly looked: Look;
  readonly trial: Trial;
  /** By model: the lowest `ingest_xid` it counts now, where lines before that are gone. */
  readonly since: ReadonlyMap<string, string>;
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
 * and publishes them.
 * @returns false when there is nothing to rebuild any more: another process has done it
 */
export async function rebuildAndPublish(client: Client | Connection, dataset: Dataset, terms: RebuildTerms): Promise<boolean> {
  return withPlanLock(client, dataset.name, async () => {
    await endWithProcess(client);
    try {
      return await rebuildHeld(client, dataset, terms);
    } catch (error) {
      throw asLive(error, dataset);
    }
  });
}

async function rebuildHeld(client: Client | Connection, dataset: Dataset, { wishes, options, notice, takeover }: RebuildTerms): Promise<boolean> {
  await inTransaction(client, '', async () => {
    for (const { relation, file } of dataset.sources) if ((await kindOf(client, relation)) === undefined) await makeBronzeTable(client, relation, file);
  });
  const looked = await look(client, dataset, wishes);
  const models = rebuilt(looked);
  if (models.length === 0) return false;
  const trial = await tryOut(client, dataset, looked, 'none');
  checkSchemaChanges(looked, trial, wishes.backfill);
  await dependentsOf(client, dataset, models.map(({ relation }) => relation), []);
  const history = await historyOf(client, dataset);
  refuseLostHistory(models, looked.applied, history, options.dropHistory ?? []);

  const shadows = shadowsOf(dataset, looked);
  const build = await openBuild(client, looked, shadows, options, notice);
  const totals = await inputRows(client, dataset, models);
  await build.fill(totals);
  await guard(client, looked, shadows, notice);
  await build.fill(totals); // what came while indexes were made
  const lowest = new Map(Object.entries(looked.applied).flatMap(([relation, code]): [string, string][] => (code.since === undefined ? [] : [[relation, code.since]])));
  for (const model of models) {
    const from = since(model, history);
    if (from === undefined) lowest.delete(model.relation);
    else lowest.set(model.relation, from);
  }
  await publish(client, dataset, {
    build,
    shadows,
    applied: looked.applied,
    history,
    test: () => testShadows(client, shadows.moved, placesOf(shadows), notice),
    takeover: () => takeover({ looked, trial, since: lowest }),
  });
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

async function openBuild(client: Client | Connection, looked: Look, shadows: Shadows, options: ApplyOptions, notice: (line: string) => void): Promise<ShadowBuild> {
  const { live: dataset, moved, models } = shadows;
  const area = shadowArea(dataset.name);
  const identity = identityOf({
    dataset: dataset.codeHash,
    applied: Object.entries(looked.applied).map(([relation, { hash }]) => [relation, hash]),
    models: models.map(({ live }) => [live.relation, live.codeHash]),
    seeds: dataset.seeds.filter(({ relation }) => looked.seeds.includes(relation)).map(({ codeHash }) => codeHash),
  });
  const chunked = models.filter(({ live }) => isChunked(live)).map(({ live }) => live.relation);
  const row = await openPlan(client, dataset, identity, chunked, async () => {
    await makeSeedShadows(client, moved, looked.seeds.map((seed) => relationIn(area, seed)));
    await makeStructures(client, moved, area, movedInShadows(looked));
    for (const { live, shadow } of models) {
      await syncConstraints(client, shadow);
      // Rows meet by the key from the first chunk on; the indexes of rows that are only added are cheaper at the end.
      if (live.strategy !== 'append') await syncIndexes(client, shadow, []);
    }
  });
  if (row.resumed) notice(`goes on with the rebuild that was cut off after chunk ${row.chunk}`);
  const build = new ShadowBuild(client, shadows, row.chunk, { chunkRows: options.chunkRows ?? CHUNK_ROWS, ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }) });
  await build.open();
  return build;
}

/** Indexes of the file, and what somebody has put on the live table by hand. */
async function guard(client: Client | Connection, looked: Look, { models }: Shadows, notice: (line: string) => void): Promise<void> {
  for (const { live, shadow } of models) {
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

/** A process that is killed lets go of the plan within seconds, not when its statement has ended. */
async function endWithProcess(client: Client | Connection): Promise<void> {
  await client.query(`set client_connection_check_interval = '1s'`).catch(() => undefined); // not on every system
}

/** Errors of shadows with the names that the author knows. */
function asLive(error: unknown, dataset: Dataset): unknown {
  const area = shadowArea(dataset.name);
  if (!(error instanceof RunFailure)) return inLiveNames(error, area);
  const live = (text: string): string => text.replaceAll(`${area.prefix}_`, '');
  return new RunFailure(live(error.model), error.place, live(error.reason), error.sqlState, error.cause, error.tests);
}

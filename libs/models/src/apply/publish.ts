import type { Dataset, Model } from '@ingot/datasets';
import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { readAppliedCode, type AppliedCode } from '../applied-code.js';
import { tryLock, withAwaitedLock } from '../dataset-lock.js';
import { columnName, relationName } from '../sql-names.js';
import { recordRun, type StepRecord } from '../run-ledger.js';
import { lockState, type DatasetState } from '../watermark.js';
import { dropPlan } from './plan-row.js';
import type { ShadowBuild, Shadows } from './shadow-build.js';
import { relationIn, shadowArea } from './shadow-dataset.js';
import type { ShadowWork } from './shadow-mark.js';

export interface Publication {
  readonly build: ShadowBuild;
  readonly shadows: Shadows;
  /** What the plan was made against: another plan may not have come between. */
  readonly applied: AppliedCode;
  /** When the rebuild that this ends began. */
  readonly startedAt: Date;
  /** Models whose live quarantine entries the shadows' replace; entries below this `ingest_xid` stay. */
  readonly history: ReadonlyMap<string, bigint | null>;
  /** The whole of every shadow must pass its data tests. */
  test(): Promise<void>;
  /** Puts the shadows in their places and makes all else agree with the files; returns the code to be kept. */
  takeover(): Promise<AppliedCode>;
  /** What is recorded of each model, given what was done to fill the shadows. */
  steps(done: ReadonlyMap<string, ShadowWork>): readonly StepRecord[];
}

/**
 * One short transaction that brings every shadow exactly to the dataset's watermark, tests it and puts it in its place.
 * It takes no new line and leaves the watermark as it is: a shadow ahead of it, or brought to now, leaves the tables
 * that read it wrong for good. It starts as a run does and always writes the dataset's row, so that a run with an older
 * snapshot starts again instead of writing to, or reading from, a table that has been replaced.
 */
export async function publish(client: Client | Connection, dataset: Dataset, publication: Publication): Promise<void> {
  await withAwaitedLock(client, dataset.name, () =>
    inTransaction(client, 'isolation level repeatable read', async () => {
      if (!(await tryLock(client, dataset.name))) throw new Error(`${dataset.name}: the lock held by this session is gone`);
      const state = await lockState(client, dataset.name);
      if (state === undefined) throw new Error(`${dataset.name} is gone from ingot.datasets`);
      if (JSON.stringify(await readAppliedCode(client, dataset.name)) !== JSON.stringify(publication.applied)) {
        throw new Error(`other files were applied to ${dataset.name} meanwhile; nothing was published: apply again`);
      }
      const { workedMs } = publication.build;
      const done = await publication.build.finish(state);
      await publication.test();
      await dropShadowViews(client, publication.shadows);
      const code = await publication.takeover();
      for (const { live } of publication.shadows.models) await takeQuarantine(client, dataset, live, state, publication.history);
      // A table that was built anew holds all that there is to build it from; what is too old of that goes again.
      await client.query('delete from ingot.partition_floors where dataset = $1 and relation = any($2)', [dataset.name, publication.shadows.models.map(({ live }) => live.relation)]);
      await dropPlan(client, dataset);
      const runId = state.runId + 1n;
      await recordRun(client, {
        dataset: dataset.name,
        runId,
        rowsIn: 0,
        cut: false,
        codeHash: dataset.codeHash,
        seen: state.seen,
        steps: publication.steps(done),
        rebuild: { startedAt: publication.startedAt, durationMs: workedMs },
      });
      await keepCode(client, dataset, code, runId);
    }),
  );
}

/** Every publication counts as a run, also when no file changed: who has an older snapshot starts again. */
async function keepCode(client: Client | Connection, dataset: Dataset, code: AppliedCode, runId: bigint): Promise<void> {
  await client.query('update ingot.datasets set run_id = $2, publication = publication + 1, code_hash = $3, applied_code = $4, applied_at = now() where name = $1', [
    dataset.name,
    runId.toString(),
    dataset.codeHash,
    JSON.stringify(code),
  ]);
}

async function dropShadowViews(client: Client | Connection, { moved, live }: Shadows): Promise<void> {
  const names = moved.models.flatMap(({ relation, materialized }, i) => (materialized === 'view' && relation !== live.models[i]?.relation ? [relationName(relation)] : []));
  if (names.length > 0) await client.query(`drop view ${names.join(', ')}`);
}

/**
 * What the shadow has put aside takes the place of the model's open entries, as long as their line is still there: the
 * shadow has taken that line anew. An entry whose line retention has dropped is all there is of it, and stays.
 */
async function takeQuarantine(client: Client | Connection, dataset: Dataset, model: Model, { runId }: DatasetState, history: ReadonlyMap<string, bigint | null>): Promise<void> {
  const [input] = model.incrementOn;
  const area = shadowArea(dataset.name);
  const lowest = input === undefined ? null : (history.get(input) ?? null);
  await client.query('delete from ingot.quarantine where dataset = $1 and model = $2 and (input_xid is null or $3::bigint is null or input_xid >= $3::bigint)', [
    dataset.name,
    model.relation,
    lowest?.toString() ?? null,
  ]);
  const { rows } = await client.query<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = 'ingot.quarantine'::regclass and attnum > 0 and not attisdropped and attidentity = '' and attname not in ('model', 'input', 'run_id') order by attnum`,
  );
  const columns = rows.map(({ name }) => columnName(name)).join(', ');
  await client.query(
    `insert into ingot.quarantine (model, input, run_id, ${columns}) select $3, case when input = any($4) then $5 else input end, $6, ${columns} from ingot.shadow_quarantine where dataset = $1 and model = $2 order by id`,
    [dataset.name, relationIn(area, model.relation), model.relation, input === undefined ? [] : [relationIn(area, input)], input ?? null, (runId + 1n).toString()],
  );
}

import type { Dataset } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { isSame, readAppliedCode } from '../applied-code.js';

/** What the database knows of a model beside its rows. */
export interface ModelState {
  /** Whether its table or view was made by the code given, by other code, or not by Ingot at all so far. */
  readonly code: 'applied' | 'changed' | 'not applied';
  readonly appliedHash: string | null;
  /** Its last step that was committed; null for a view, and when none is remembered. */
  readonly lastStep: ModelStep | null;
  /** For a table: when it was last computed. */
  readonly refreshedAt: Date | null;
}

export interface ModelStep {
  /** The id of the record. */
  readonly run: number;
  readonly runId: number;
  readonly finishedAt: Date;
  readonly rowsWritten: number;
  readonly rowsDeleted: number;
  readonly durationMs: number;
  /** Null for a step that is not row by row. */
  readonly quarantined: number | null;
}

/** Every run has a step for each stored model, so the last few records tell of all of them. */
const RECORDS = 50;

/** By relation. */
export async function readModelStates(client: Client | Connection, dataset: Dataset): Promise<Map<string, ModelState>> {
  const applied = await readAppliedCode(client, dataset.name);
  const { rows: steps } = await client.query<{ model: string; step: Omit<ModelStep, 'finishedAt'>; finishedAt: Date }>(
    `with recent as (select id, run_id, finished_at from ingot.runs where dataset = $1 and run_id is not null order by run_id desc limit ${RECORDS})
     select distinct on (model) model, finished_at as "finishedAt",
       json_build_object('run', recent.id, 'runId', run_id, 'rowsWritten', rows_written, 'rowsDeleted', rows_deleted, 'durationMs', duration_ms, 'quarantined', quarantined) as step
     from recent join ingot.run_steps as s on s.run = recent.id order by model, run_id desc`,
    [dataset.name],
  );
  const { rows: refreshes } = await client.query<{ relation: string; at: Date }>('select relation, computed_at as at from ingot.table_refreshes where dataset = $1', [dataset.name]);
  return new Map(
    dataset.models.map((model) => {
      const before = applied[model.relation];
      const found = steps.find((one) => one.model === model.relation);
      const code = isSame(model, before) ? 'applied' : before === undefined || before.removed ? 'not applied' : 'changed';
      return [model.relation, { code, appliedHash: before?.hash ?? null, lastStep: found === undefined ? null : { ...found.step, finishedAt: found.finishedAt }, refreshedAt: refreshes.find(({ relation }) => relation === model.relation)?.at ?? null }];
    }),
  );
}

import type { Client } from 'pg';
import { inTransaction, type Connection } from '@ingot/postgres';
import type { RunFailure } from './run-failure.js';
import { serverError } from './sql-error.js';

/** What one step did, as recorded. */
export interface StepRecord {
  readonly model: string;
  readonly strategy: string;
  readonly rowsWritten: number;
  readonly rowsDeleted: number;
  readonly durationMs: number;
}

export interface RunRecord {
  readonly dataset: string;
  readonly runId: bigint;
  readonly rowsIn: number;
  /** More was waiting than one run takes. */
  readonly cut: boolean;
  readonly codeHash: string;
  readonly steps: readonly StepRecord[];
}

/** Records a run inside its own transaction: what is not committed was no run. */
export async function recordRun(client: Client | Connection, run: RunRecord): Promise<void> {
  const { steps } = run;
  await client.query(
    `with run as (
       insert into ingot.runs (dataset, run_id, status, started_at, finished_at, rows_in, cut, xid, code_hash)
       select $1, $2, 'succeeded', now(), clock_timestamp(), $3, $4, txid_current() + xid_base, $5 from ingot.cluster
       returning id
     )
     insert into ingot.run_steps (run, position, model, strategy, rows_written, rows_deleted, duration_ms)
     select run.id, step.position, step.model, step.strategy, step.written, step.deleted, step.ms
     from run, unnest($6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::float8[]) with ordinality as step (model, strategy, written, deleted, ms, position)`,
    [
      run.dataset,
      run.runId.toString(),
      run.rowsIn,
      run.cut,
      run.codeHash,
      steps.map(({ model }) => model),
      steps.map(({ strategy }) => strategy),
      steps.map(({ rowsWritten }) => rowsWritten),
      steps.map(({ rowsDeleted }) => rowsDeleted),
      steps.map(({ durationMs }) => durationMs),
    ],
  );
}

/**
 * Records a failed run in a transaction of its own, after the run's was rolled back. The same failure again only
 * counts up `attempts` of the last record, so a model that fails all night leaves one row.
 */
export async function recordFailure(client: Client | Connection, dataset: string, codeHash: string, startedAt: Date, failure: RunFailure): Promise<void> {
  const { model, reason, sqlState, place } = failure;
  const error = { message: reason, sqlstate: sqlState ?? null, model, ...place, detail: serverError(failure.cause).detail ?? null };
  await inTransaction(client, 'isolation level read committed', async () => {
    const { rowCount } = await client.query(
      `update ingot.runs set attempts = attempts + 1, finished_at = clock_timestamp(), error = $2
       where id = (select max(id) from ingot.runs where dataset = $1)
         and status = 'failed' and code_hash = $3
         and (error ->> 'message', error ->> 'model', error ->> 'sqlstate') is not distinct from ($4::text, $5::text, $6::text)`,
      [dataset, JSON.stringify(error), codeHash, reason, model, sqlState ?? null],
    );
    if (rowCount === 1) return;
    await client.query(
      `insert into ingot.runs (dataset, status, started_at, finished_at, code_hash, error) values ($1, 'failed', $2, clock_timestamp(), $3, $4)`,
      [dataset, startedAt, codeHash, JSON.stringify(error)],
    );
  });
}

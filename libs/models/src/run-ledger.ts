import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import { inTransaction, type Connection } from '@ingot/postgres';
import type { RunFailure } from './run-failure.js';
import { serverError } from './sql-error.js';
import type { RowLedger } from './strategies/step-context.js';
import type { Snapshot } from './watermark.js';

/** What one step did, as recorded. */
export interface StepRecord {
  readonly model: string;
  readonly strategy: string;
  readonly rowsWritten: number;
  readonly rowsDeleted: number;
  readonly durationMs: number;
  /** Of row-wise steps that had something to do. */
  readonly ledger?: RowLedger;
}

export type RunKind = 'run' | 'publication';

export interface RunRecord {
  readonly dataset: string;
  readonly runId: bigint;
  readonly rowsIn: number;
  /** More was waiting than one run takes. */
  readonly cut: boolean;
  readonly codeHash: string;
  /** The watermark it leaves. */
  readonly seen: Snapshot;
  readonly steps: readonly StepRecord[];
  /** Of a publication: when its rebuild began, and for how many ms its chunks were worked on. */
  readonly rebuild?: { readonly startedAt: Date; readonly durationMs: number };
}

/** Records a run inside its own transaction: what is not committed was no run. */
export async function recordRun(client: Client | Connection, run: RunRecord): Promise<void> {
  const { steps } = run;
  await client.query(
    `with run as (
       insert into ingot.runs (dataset, run_id, kind, status, started_at, finished_at, duration_ms, rows_in, cut, xid, code_hash, snapshot_xmax, snapshot_xip)
       select $1, $2, $18, 'succeeded', coalesce($19::timestamptz, now()), clock_timestamp(), $20::float8 + extract(epoch from clock_timestamp() - now()) * 1000, $3, $4, txid_current() + xid_base, $5, $6, $7::bigint[] from ingot.cluster
       returning id
     )
     insert into ingot.run_steps (run, position, model, strategy, rows_written, rows_deleted, duration_ms, rows_in, rows_out, quarantined, filtered, replayed)
     select run.id, step.position, step.model, step.strategy, step.written, step.deleted, step.ms, l_in, l_out, quarantined, filtered, replayed
     from run, unnest($8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::float8[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[])
       with ordinality as step (model, strategy, written, deleted, ms, l_in, l_out, quarantined, filtered, replayed, position)`,
    [
      run.dataset,
      run.runId.toString(),
      run.rowsIn,
      run.cut,
      run.codeHash,
      run.seen.xmax.toString(),
      run.seen.xip.map(String),
      steps.map(({ model }) => model),
      steps.map(({ strategy }) => strategy),
      steps.map(({ rowsWritten }) => rowsWritten),
      steps.map(({ rowsDeleted }) => rowsDeleted),
      steps.map(({ durationMs }) => durationMs),
      ...(['in', 'out', 'quarantined', 'filtered', 'replayed'] as const).map((count) => steps.map(({ ledger }) => ledger?.[count] ?? null)),
      (run.rebuild === undefined ? 'run' : 'publication') satisfies RunKind,
      run.rebuild?.startedAt ?? null,
      run.rebuild?.durationMs ?? 0,
    ],
  );
}

/**
 * Records a failed run, or publication, in a transaction of its own, after the run's was rolled back. While nothing succeeds, the same
 * failure again only counts up `attempts` of its record: a model that fails all night leaves one row, two that fail in
 * turn leave two.
 */
export async function recordFailure(client: Client | Connection, dataset: string, codeHash: string, startedAt: Date, failure: RunFailure, kind: RunKind = 'run'): Promise<void> {
  const { model, reason, sqlState, place } = failure;
  const tests = failure.tests.length === 0 ? {} : { tests: failure.tests };
  const error = JSON.stringify({ message: reason, sqlstate: sqlState ?? null, model, ...place, detail: serverError(failure.cause).detail ?? null, ...tests });
  const durationMs = Math.max(0, Date.now() - startedAt.getTime());
  const mark = fingerprint(codeHash, failure);
  await inTransaction(client, 'isolation level read committed', async () => {
    // Two processes that fail in turn would both find nothing and both insert.
    await client.query(`select pg_advisory_xact_lock(hashtextextended('ingot failure ' || $1, 0))`, [dataset]);
    const { rowCount } = await client.query(
      `update ingot.runs set attempts = attempts + 1, finished_at = clock_timestamp(), duration_ms = $3, error = $4
       where dataset = $1 and kind = $5 and status = 'failed' and fingerprint = $2
         and id > coalesce((select max(id) from ingot.runs where dataset = $1 and kind = $5 and status = 'succeeded'), 0)`,
      [dataset, mark, durationMs, error, kind],
    );
    if (rowCount === 1) return;
    await client.query(
      `insert into ingot.runs (dataset, status, started_at, finished_at, duration_ms, code_hash, error, fingerprint, kind)
       values ($1, 'failed', $2, clock_timestamp(), $3, $4, $5, $6, $7)`,
      [dataset, startedAt, durationMs, codeHash, error, mark, kind],
    );
  });
}

/**
 * What makes two failures the same: code, model, place, SQLSTATE, and the message without its numbers, as process ids
 * and row counts change from one attempt to the next.
 */
function fingerprint(codeHash: string, { model, place, sqlState, reason, tests }: RunFailure): string {
  const what = tests.length === 0 ? reason.replaceAll(/\d+/g, '0') : tests.map(({ test }) => test).join(' '); // other rows fail them each time
  const facts = [codeHash, model, place.file, place.line, place.column, sqlState ?? null, what];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16);
}

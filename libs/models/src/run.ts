import { inTransaction, isConnectionError, sqlState, SQLSTATE, type Connection } from '@ingot/postgres';
import pRetry from 'p-retry';
import type { Client } from 'pg';
import { tryLock } from './dataset-lock.js';
import type { Increment } from './increment.js';
import { prepareSession, type Plan, type Step } from './plan.js';
import { failureOf } from './run-failure.js';
import { recordRun, type StepRecord } from './run-ledger.js';
import { relationName } from './sql-names.js';
import { accumulate } from './strategies/accumulate.js';
import { append } from './strategies/append.js';
import { deleteInsert } from './strategies/delete-insert.js';
import type { Statement, StatementResult, StepContext, StepRows } from './strategies/step-context.js';
import { boundIncrement, lockState, moveWatermark, unseenRows, type DatasetState, type Snapshot } from './watermark.js';

export interface RunOptions {
  /** Bronze rows that the run takes at most; one larger flush is taken whole. */
  readonly maxRows: number;
}

export type RunResult =
  | { readonly outcome: 'succeeded'; readonly runId: bigint; readonly rowsIn: number; readonly cut: boolean; readonly seen: Snapshot; readonly steps: readonly StepRecord[] }
  /** Another session runs this dataset. */
  | { readonly outcome: 'busy' }
  /** The database was made by other files than this process has. */
  | { readonly outcome: 'not-applied' };

/** A stale snapshot is met again only when another run commits in the moment between snapshot and lock. */
const RESTARTS = { retries: 5, minTimeout: 5, maxTimeout: 100, factor: 2, randomize: true };

/**
 * One run: refreshes the whole graph of a dataset with the bronze rows no run has seen, in one REPEATABLE READ
 * transaction that moves the watermark. Serialization failures and deadlocks start it again.
 *
 * Three models of sql/sensor, 100,000 new rows: 0.59 to 0.66 s over 0.1, 0.2, 1.0 and 1.1 M rows of history; its append
 * alone 1.0 to 1.06 x the same INSERT into a table without data tests. One new row: 9 to 10 ms; none: 4 ms.
 * (PostgreSQL 18, fsync off, two cores under other load.)
 * @param client a session with `jit = off` (3.4 ms instead of 203 ms for the increment of a large table)
 * @throws RunFailure when a model or a data test fails: everything is rolled back, nothing is published; or the error
 *   of the connection
 */
export async function run(client: Client | Connection, plan: Plan, options: RunOptions): Promise<RunResult> {
  await prepareSession(client, plan);
  return pRetry(() => inTransaction(client, 'isolation level repeatable read', () => attempt(client, plan, options)), {
    ...RESTARTS,
    shouldRetry: ({ error }) => startsAgain(error),
  });
}

async function attempt(client: Client | Connection, plan: Plan, options: RunOptions): Promise<RunResult> {
  const { dataset } = plan;
  if (!(await tryLock(client, dataset.name))) return { outcome: 'busy' };
  const state = await lockState(client, dataset.name);
  if (state?.codeHash !== dataset.codeHash) return { outcome: 'not-applied' };
  const { upTo, cut } = await boundIncrement(client, plan.sources, state, options.maxRows);
  const execution = new Execution(client, state.runId + 1n);
  const rowsIn = await execution.readSources(plan.sources, state, upTo);
  for (const step of plan.steps) await execution.step(step);
  const { runId, steps } = execution;
  await recordRun(client, { dataset: dataset.name, runId, rowsIn, cut, codeHash: dataset.codeHash, steps });
  await moveWatermark(client, dataset.name, runId, upTo);
  return { outcome: 'succeeded', runId, rowsIn, cut, seen: upTo, steps };
}

/** 40001 and 40P01 anywhere, 23505 on the engine's own tables: somebody else was faster. */
function startsAgain(error: unknown): boolean {
  const cause = (error as { cause?: unknown }).cause ?? error;
  const state = sqlState(cause);
  if (state === SQLSTATE.serializationFailure || state === SQLSTATE.deadlockDetected) return true;
  return state === SQLSTATE.uniqueViolation && (cause as { schema?: unknown }).schema === 'ingot';
}

/** The loop over a plan's steps inside one transaction. */
class Execution implements StepContext {
  readonly increments = new Map<string, Increment>();
  readonly steps: StepRecord[] = [];
  private sequentialScans = true;

  constructor(
    private readonly client: Client | Connection,
    readonly runId: bigint,
  ) {}

  /** Counts the new rows of every source: a step without any is not executed. */
  async readSources(sources: readonly string[], state: DatasetState, upTo: Snapshot): Promise<number> {
    let total = 0;
    // Nothing that writes runs in parallel anyway, and starting workers to count a few rows costs 25 ms.
    await this.client.query('set local max_parallel_workers_per_gather = 0');
    await this.allowSequentialScans(false);
    for (const relation of sources) {
      const where = unseenRows('ingest_xid', state.seen, upTo);
      const { rows } = await this.client.query<{ count: string }>(`select count(*) from ${relationName(relation)} where ${where}`);
      const count = Number(rows[0]?.count ?? 0);
      this.increments.set(relation, { kind: 'growing', relation, where, rows: count });
      total += count;
    }
    return total;
  }

  async step(step: Step): Promise<void> {
    const { model, strategy } = step;
    const started = performance.now();
    const isEmpty = model.incrementOn.every((relation) => this.increments.get(relation)?.rows === 0);
    const { written, deleted } = isEmpty ? { written: 0, deleted: 0 } : await this.refresh(step);
    this.increments.set(model.relation, this.incrementOf(step, written, deleted));
    this.steps.push({ model: model.relation, strategy, rowsWritten: written, rowsDeleted: deleted, durationMs: performance.now() - started });
  }

  async execute(step: Step, statement: Statement): Promise<StatementResult> {
    try {
      await this.allowSequentialScans(!statement.incrementOnly);
      const { rowCount, rows } = await this.client.query<Record<string, unknown>>(statement.text);
      return { rowCount: rowCount ?? 0, rows };
    } catch (error) {
      if (isConnectionError(error)) throw error; // no model's fault
      throw failureOf(step.model, statement, error);
    }
  }

  private refresh(step: Step): Promise<StepRows> {
    switch (step.strategy) {
      case 'append':
        return append(step, this);
      case 'accumulate':
        return accumulate(step, this);
      case 'delete+insert':
        return deleteInsert(step, this);
      case 'merge':
        throw new Error('merge is not built yet');
    }
  }

  private incrementOf({ model, strategy, changed }: Step, written: number, deleted: number): Increment {
    const { relation } = model;
    if (strategy === 'append') return { kind: 'growing', relation, where: `_run_id = '${this.runId}'::bigint`, rows: written };
    return { kind: 'changing', relation, rows: written + deleted, ...(changed === undefined ? {} : { changed: changed.name }) };
  }

  private async allowSequentialScans(allowed: boolean): Promise<void> {
    if (this.sequentialScans === allowed) return;
    await this.client.query(`set local enable_seqscan = ${allowed ? 'on' : 'off'}`);
    this.sequentialScans = allowed;
  }
}

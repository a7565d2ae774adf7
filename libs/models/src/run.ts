import { inTransaction, isConnectionError, sqlState, SQLSTATE, type Connection } from '@ingot/postgres';
import pRetry from 'p-retry';
import type { Client } from 'pg';
import { recordTests } from './data-tests/record-tests.js';
import { RunTests } from './data-tests/run-tests.js';
import type { TestResult } from './data-tests/test-result.js';
import { tryLock } from './dataset-lock.js';
import { Execution } from './execution.js';
import { prepareSession, type Plan } from './plan.js';
import { refuseReplays, takeReplays, type Replays } from './quarantine/replays.js';
import { readFloors } from './retention/floors.js';
import { RunFailure } from './run-failure.js';
import { recordRun, type StepRecord } from './run-ledger.js';
import { steps } from './step-channel.js';
import { TableRefreshes } from './tables/table-refreshes.js';
import { boundIncrement, lockState, moveWatermark, type Snapshot } from './watermark.js';

export interface RunOptions {
  /** Bronze rows that the run takes at most; one larger flush is taken whole. */
  readonly maxRows: number;
  /** Told when more is waiting than the run takes, as soon as that is known. */
  readonly onCut?: () => void;
  /** Told of each step as it is done; the run may still be rolled back, or start again with the first. */
  readonly onStep?: (step: StepRecord, position: number, total: number) => void;
}

export type RunResult =
  | { readonly outcome: 'succeeded'; readonly runId: bigint; readonly rowsIn: number; readonly cut: boolean; readonly seen: Snapshot; readonly publishedAt: Date; readonly durationMs: number; readonly steps: readonly StepRecord[]; readonly tests: readonly TestResult[] }
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
 * Three models of sql/sensor, 10,000 new rows: 112 ms over 5,000,000 rows of history, 114 ms over 100,000; the probe
 * 1.3 ms at both (medians of 41 alternating rounds, PostgreSQL 18, fsync off, two cores under other load).
 * @param client a session with `jit = off` (3.4 ms instead of 203 ms for the increment of a large table)
 * @throws RunFailure when a model or a data test fails: everything is rolled back, nothing is published; or the error
 *   of the connection
 */
export async function run(client: Client | Connection, plan: Plan, options: RunOptions): Promise<RunResult> {
  await prepareSession(client, plan);
  let replays: Replays = new Map();
  const inOneTransaction = (choose: () => Promise<Replays>): Promise<RunResult> =>
    pRetry(() => inTransaction(client, 'isolation level repeatable read', () => attempt(client, plan, options, choose)), { ...RESTARTS, shouldRetry: ({ error }) => startsAgain(error) });
  try {
    return await inOneTransaction(async () => (replays = await takeReplays(client, plan, options.maxRows)));
  } catch (error) {
    if (replays.size === 0 || !(error instanceof RunFailure) || !isOfData(error)) throw error;
    // Entries that nobody would ask for a second time must not hold up the lines: the same run without them.
    const { reason } = error;
    return inOneTransaction(async () => refuseReplays(client, replays, reason));
  }
}

/** False for what another try may not meet again: cancelled, no resources, locked. */
function isOfData({ sqlState: state, cause }: RunFailure): boolean {
  return !isConnectionError(cause) && !/^(40|53|55|57|58)/.test(state ?? '');
}

async function attempt(client: Client | Connection, plan: Plan, options: RunOptions, chooseReplays: () => Promise<Replays>): Promise<RunResult> {
  const { dataset } = plan;
  const started = performance.now();
  if (!(await tryLock(client, dataset.name))) return { outcome: 'busy' };
  const state = await lockState(client, dataset.name);
  if (state?.codeHash !== dataset.codeHash) return { outcome: 'not-applied' };
  const { upTo, cut } = await boundIncrement(client, plan.sources, state, options.maxRows);
  if (cut) options.onCut?.();
  const refreshes = await TableRefreshes.read(client, dataset, state.runId + 1n);
  const execution = new Execution(client, { dataset: dataset.name, runId: state.runId + 1n, refreshes, replays: await chooseReplays(), floors: await readFloors(client, dataset) });
  const rowsIn = await execution.readSources(plan.sources, state, upTo);
  const tests = new RunTests({ tests: plan.tests, runId: execution.runId, increments: execution.increments, ask: (text, incrementOnly) => execution.ask(text, incrementOnly) });
  for (const [at, step] of plan.steps.entries()) {
    const work = async (): Promise<StepRecord> => {
      await tests.before(step);
      const record = await execution.step(step);
      await tests.after(step);
      return record;
    };
    const record = await steps.tracePromise(work, { dataset: dataset.name, model: step.model.relation, strategy: step.strategy });
    options.onStep?.(record, at + 1, plan.steps.length);
  }
  await tests.finish();
  await refreshes.record();
  const { runId, steps: records } = execution;
  await recordRun(client, { dataset: dataset.name, runId, rowsIn, cut, codeHash: dataset.codeHash, seen: upTo, steps: records });
  await recordTests(client, dataset.name, runId, tests.results);
  const publishedAt = await moveWatermark(client, dataset.name, runId, upTo);
  return { outcome: 'succeeded', runId, rowsIn, cut, seen: upTo, publishedAt, durationMs: performance.now() - started, steps: records, tests: tests.results };
}

/** 40001 and 40P01 anywhere, 23505 on the engine's own tables: somebody else was faster. */
function startsAgain(error: unknown): boolean {
  const cause = (error as { cause?: unknown }).cause ?? error;
  const state = sqlState(cause);
  if (state === SQLSTATE.serializationFailure || state === SQLSTATE.deadlockDetected) return true;
  return state === SQLSTATE.uniqueViolation && (cause as { schema?: unknown }).schema === 'ingot';
}

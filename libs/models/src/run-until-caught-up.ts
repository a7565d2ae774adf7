import { setTimeout as sleep } from 'node:timers/promises';
import type { Dataset } from '@ingot/datasets';
import { isConnectionError } from '@ingot/postgres';
import type { Client } from 'pg';
import { isApplied } from './apply.js';
import { findHolder, type LockHolder } from './dataset-lock.js';
import { readPlan } from './plan.js';
import { run, type RunResult } from './run.js';
import { RunFailure } from './run-failure.js';
import { recordFailure, type StepRecord } from './run-ledger.js';

export interface CatchUpOptions {
  /** Bronze rows that one run takes at most. */
  readonly maxRows: number;
  /** One run only, also when it was cut. */
  readonly once?: boolean;
  /** How long to wait for another process that works on the dataset. */
  readonly waitMs: number;
  readonly onStep?: (step: StepRecord, position: number, total: number) => void;
  /** After each run that committed. */
  readonly onRun?: (run: SucceededRun) => void;
  /** Told once of each process that is waited for. */
  readonly onWait?: (holder: LockHolder) => void;
}

export type SucceededRun = Extract<RunResult, { outcome: 'succeeded' }>;

export type CatchUpResult =
  | { readonly outcome: 'succeeded'; readonly runs: readonly SucceededRun[] }
  /** Others were faster all the time; what was done meanwhile by this process stands in runs. */
  | { readonly outcome: 'busy'; readonly runs: readonly SucceededRun[]; readonly holder?: LockHolder }
  | { readonly outcome: 'not-applied'; readonly runs: readonly SucceededRun[] };

/** An ordinary run takes some ms, and its holder is found only while it lasts. */
const POLL_MS = 50;

/**
 * Runs a dataset until nothing that was there at the beginning is unseen: one run, and one more after each that was cut.
 * Waits for whoever works on the dataset.
 * @param client a session with `jit = off`
 * @throws RunFailure, recorded already; or the error of the connection
 */
export async function runUntilCaughtUp(client: Client, dataset: Dataset, options: CatchUpOptions): Promise<CatchUpResult> {
  const runs: SucceededRun[] = [];
  if (!(await isApplied(client, dataset))) return { outcome: 'not-applied', runs };
  const plan = await readPlan(client, dataset);
  const since = performance.now();
  let told: string | undefined;
  let holder: LockHolder | undefined;
  for (;;) {
    const startedAt = new Date();
    const result = await run(client, plan, { maxRows: options.maxRows, onStep: options.onStep }).catch(async (error: unknown) => {
      if (error instanceof RunFailure && !isConnectionError(error.cause)) await recordFailure(client, dataset.name, dataset.codeHash, startedAt, error);
      throw error;
    });
    if (result.outcome === 'not-applied') return { outcome: 'not-applied', runs };
    if (result.outcome === 'succeeded') {
      runs.push(result);
      options.onRun?.(result);
      if (!result.cut || options.once) return { outcome: 'succeeded', runs };
      continue;
    }
    holder = (await findHolder(client, dataset.name)) ?? holder;
    if (holder !== undefined && told !== nameOf(holder)) options.onWait?.(holder);
    if (holder !== undefined) told = nameOf(holder);
    if (performance.now() - since >= options.waitMs) return { outcome: 'busy', runs, ...(holder === undefined ? {} : { holder }) };
    await sleep(POLL_MS);
  }
}

function nameOf({ name, host, pid }: LockHolder): string {
  return `${name} ${host}:${pid}`;
}

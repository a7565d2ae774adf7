import { runs, type RunEvent, type StaleReason, type StepRecord } from '@ingot/models';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { endOf } from '../../measuring-points.js';
import { RUN_BUCKETS, seconds, Subscriptions, type MetricGroup } from './metric-group.js';

// Complete, or the compiler says so: a reason that has passed must be set back to 0.
const REASONS: Record<StaleReason, true> = { timeout: true, failing: true, backlog: true, 'not-applied': true, unavailable: true, stopping: true };

/** Runs of this process and their steps. Which process of several does a run is up to the lock. */
export function runMetrics(registry: Registry, standsStill: () => ReadonlyMap<string, StaleReason | undefined>): MetricGroup {
  const registers = [registry];
  const durations = new Histogram({ name: 'ingot_run_duration_seconds', help: 'Runs of this process. outcome: succeeded or failed.', labelNames: ['dataset', 'outcome'], buckets: RUN_BUCKETS, registers });
  const rows = new Counter({ name: 'ingot_run_rows_total', help: 'Bronze rows taken by runs that succeeded.', labelNames: ['dataset'], registers });
  const ended = new Gauge({ name: 'ingot_run_last_end_timestamp_seconds', help: 'When the last run of this process ended, by outcome.', labelNames: ['dataset', 'outcome'], registers });
  const stepDurations = new Histogram({ name: 'ingot_step_duration_seconds', help: 'Steps of runs that succeeded.', labelNames: ['dataset', 'model'], buckets: RUN_BUCKETS, registers });
  const stepRows = new Counter({
    name: 'ingot_step_rows_total',
    help: 'Rows that steps of runs that succeeded have written, deleted, or put into quarantine.',
    labelNames: ['dataset', 'model', 'change'],
    registers,
  });
  const still = new Gauge({ name: 'ingot_dataset_stands_still', help: '1 for the reason that keeps a dataset from being brought up to date; 0 for all others.', labelNames: ['dataset', 'reason'], registers });

  const countStep = (dataset: string, { model, durationMs, rowsWritten, rowsDeleted, ledger }: StepRecord): void => {
    stepDurations.observe({ dataset, model }, seconds(durationMs));
    stepRows.inc({ dataset, model, change: 'written' }, rowsWritten);
    stepRows.inc({ dataset, model, change: 'deleted' }, rowsDeleted);
    if (ledger !== undefined) stepRows.inc({ dataset, model, change: 'quarantined' }, ledger.quarantined);
  };
  for (const dataset of standsStill().keys()) rows.inc({ dataset }, 0);

  const subscriptions = new Subscriptions().add(endOf(runs), ({ dataset, run, startedAt }: RunEvent) => {
    if (run !== undefined && run.outcome !== 'succeeded') return; // another process is at it, or nothing was to be done
    const outcome = run === undefined ? 'failed' : 'succeeded';
    durations.observe({ dataset, outcome }, seconds(performance.now() - startedAt));
    ended.set({ dataset, outcome }, seconds(Date.now()));
    if (run === undefined) return;
    rows.inc({ dataset }, run.rowsIn);
    for (const step of run.steps) countStep(dataset, step);
  });

  return {
    collect: () => {
      for (const [dataset, now] of standsStill()) for (const reason of Object.keys(REASONS)) still.set({ dataset, reason }, reason === now ? 1 : 0);
    },
    close: () => subscriptions.close(),
  };
}

import type { FailedTest, Run, RunStep, RunTestResult } from '../entities/run.js';

// What the service and the command line tell of a run: one shape, with the names of the tables of the schema `ingot`.

/** A record without its steps. */
export function runDocument(run: Run) {
  const { id, dataset, kind, status, runs, attempts, cut, error } = run;
  return {
    id, dataset, kind, status, run_id: run.runId, first_run_id: run.firstRunId, runs, attempts,
    started_at: run.startedAt, finished_at: run.finishedAt, duration_ms: run.durationMs,
    rows_in: run.rowsIn, cut, code_hash: run.codeHash, xid: run.xid, snapshot_xmax: run.snapshotXmax, snapshot_xip: run.snapshotXip, error,
  };
}

/** A record with its steps in order and what its data tests found. */
export function runDetailDocument(run: Run) {
  return { ...runDocument(run), steps: run.steps.map(stepDocument), tests: testsOf(run).map(testDocument) };
}

/** Those that passed or warned, and of a failed run those that failed. */
export function testsOf({ tests, error }: Run): readonly (RunTestResult | FailedTest)[] {
  return error?.tests ?? tests;
}

function stepDocument(step: RunStep) {
  const { position, model, strategy, quarantined, filtered, replayed } = step;
  return { position, model, strategy, rows_written: step.rowsWritten, rows_deleted: step.rowsDeleted, duration_ms: step.durationMs, rows_in: step.rowsIn, rows_out: step.rowsOut, quarantined, filtered, replayed };
}

function testDocument({ test, relation, scope, outcome, failures, samples, durationMs }: RunTestResult | FailedTest) {
  return { test, relation: relation ?? null, scope, outcome, failures, samples, duration_ms: durationMs };
}

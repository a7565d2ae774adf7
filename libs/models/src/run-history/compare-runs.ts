/** What a comparison needs to know of a run: a record of the run ledger has it all. */
export interface RunFacts {
  readonly id: number;
  readonly dataset: string;
  readonly status: 'succeeded' | 'failed';
  /** How many runs the record stands for; rows and durations are of all of them together. */
  readonly runs: number;
  readonly startedAt: Date;
  readonly durationMs: number | null;
  readonly rowsIn: number;
  readonly codeHash: string | null;
  readonly steps: readonly StepFacts[];
}

export interface StepFacts {
  readonly model: string;
  readonly rowsWritten: number;
  readonly rowsDeleted: number;
  readonly durationMs: number;
  readonly quarantined: number | null;
}

/** One figure in both runs, for each run of a record that stands for several. */
export interface Figure {
  readonly a: number | null;
  readonly b: number | null;
  /** (b - a) / a; null when there is nothing to divide by. */
  readonly change: number | null;
}

export interface StepComparison {
  readonly model: string;
  readonly rows: Figure;
  readonly durationMs: Figure;
}

export interface Anomaly {
  readonly kind: 'rows_changed' | 'slow' | 'empty_success' | 'quarantined' | 'failed';
  /** Absent when it is about the whole run. */
  readonly model?: string;
  /** One sentence for people. */
  readonly detail: string;
}

export interface RunComparison {
  readonly a: number;
  readonly b: number;
  /** Whether both ran the same code: then rows differ because the data does. */
  readonly sameCode: boolean;
  readonly rowsIn: Figure;
  readonly durationMs: Figure;
  /** Of the runs before b; null when there are none. */
  readonly medianMs: number | null;
  /** In the order of b's steps, then what only a had. */
  readonly steps: readonly StepComparison[];
  /** What is odd about b. */
  readonly anomalies: readonly Anomaly[];
}

/** Rows that changed by more than this share are an anomaly. */
const ROWS_CHANGED = 0.5;
/** ... and a duration above this many medians. */
const SLOW = 2;
/** Below it twice the median is noise: an idle run takes 4 ms. */
const SLOW_FROM_MS = 100;

/**
 * Compares a run with an earlier one.
 * @param before durations in ms of successful runs before b, which say what is usual
 */
export function compareRuns(a: RunFacts, b: RunFacts, before: readonly number[]): RunComparison {
  const medianMs = medianOf(before);
  const durationMs = figure(perRun(a.durationMs, a), perRun(b.durationMs, b));
  const rowsIn = figure(perRun(a.rowsIn, a), perRun(b.rowsIn, b));
  const steps = compareSteps(a, b);
  const anomalies = [...failure(b), ...slow(durationMs.b, medianMs), ...emptySuccess(a, b), ...rowChanges(a, b, steps), ...quarantined(b)];
  return { a: a.id, b: b.id, sameCode: a.codeHash === b.codeHash, rowsIn, durationMs, medianMs, steps, anomalies };
}

function compareSteps(a: RunFacts, b: RunFacts): StepComparison[] {
  const models = new Set([...b.steps, ...a.steps].map(({ model }) => model));
  return [...models].map((model) => {
    const [left, right] = [a, b].map((run) => run.steps.find((step) => step.model === model));
    return {
      model,
      rows: figure(perRun(rowsOf(left), a), perRun(rowsOf(right), b)),
      durationMs: figure(perRun(left?.durationMs, a), perRun(right?.durationMs, b)),
    };
  });
}

function failure({ status }: RunFacts): Anomaly[] {
  return status === 'failed' ? [{ kind: 'failed', detail: 'it failed, and nothing was published' }] : [];
}

function slow(duration: number | null, median: number | null): Anomaly[] {
  if (duration === null || median === null || duration < SLOW_FROM_MS || duration <= SLOW * median) return [];
  return [{ kind: 'slow', detail: `it took ${(duration / Math.max(median, 1)).toFixed(1)} times the median of the runs before` }];
}

function emptySuccess(a: RunFacts, b: RunFacts): Anomaly[] {
  if (b.status !== 'succeeded' || totalOf(b) > 0) return [];
  if (b.rowsIn > 0) return [{ kind: 'empty_success', detail: `it took ${b.rowsIn} new rows and wrote none` }];
  return totalOf(a) > 0 ? [{ kind: 'empty_success', detail: 'it found no new rows, where the other did' }] : [];
}

/** Of runs that both wrote something: an idle run differs from a busy one in every figure, and is no anomaly. */
function rowChanges(a: RunFacts, b: RunFacts, steps: readonly StepComparison[]): Anomaly[] {
  if (a.status === 'failed' || b.status === 'failed' || totalOf(a) === 0 || totalOf(b) === 0) return [];
  return steps.flatMap(({ model, rows }): Anomaly[] => {
    if (rows.a === null || rows.b === null) return [];
    const changed = rows.change === null ? rows.b > 0 : Math.abs(rows.change) > ROWS_CHANGED;
    return changed ? [{ kind: 'rows_changed', model, detail: `${rows.a} rows became ${rows.b}` }] : [];
  });
}

function quarantined({ steps }: RunFacts): Anomaly[] {
  return steps.flatMap(({ model, quarantined: count }): Anomaly[] => (count !== null && count > 0 ? [{ kind: 'quarantined', model, detail: `${count} rows were put aside` }] : []));
}

function rowsOf(step: StepFacts | undefined): number | undefined {
  return step === undefined ? undefined : step.rowsWritten + step.rowsDeleted;
}

function totalOf({ steps }: RunFacts): number {
  return steps.reduce((total, step) => total + step.rowsWritten + step.rowsDeleted, 0);
}

function perRun(value: number | null | undefined, { runs }: RunFacts): number | null {
  return value === null || value === undefined ? null : value / runs;
}

function figure(a: number | null, b: number | null): Figure {
  return { a, b, change: a === null || b === null || a === 0 ? null : (b - a) / a };
}

function medianOf(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((x, y) => x - y);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

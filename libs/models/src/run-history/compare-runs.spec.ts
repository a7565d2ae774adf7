import { describe, expect, it } from '@jest/globals';
import { compareRuns, type RunFacts, type StepFacts } from './compare-runs.js';

const step = (model: string, rowsWritten: number, more: Partial<StepFacts> = {}): StepFacts => ({ model, rowsWritten, rowsDeleted: 0, durationMs: 10, quarantined: null, ...more });
const run = (more: Partial<RunFacts> = {}): RunFacts => ({ id: 1, dataset: 'd', status: 'succeeded', runs: 1, startedAt: new Date(0), durationMs: 200, rowsIn: 100, codeHash: 'c', steps: [step('m', 100)], ...more });
const kinds = (a: RunFacts, b: RunFacts, before: number[] = []) => compareRuns(a, b, before).anomalies.map(({ kind, model }) => (model === undefined ? kind : `${kind} ${model}`));

describe('compareRuns', () => {
  it('gives figures for each run of a merged record, and what only one of them had', () => {
    const a = run({ id: 7, runs: 10, durationMs: 1_000, rowsIn: 500, steps: [step('m', 500), step('gone', 10)] });
    const b = run({ id: 9, codeHash: 'other', steps: [step('m', 60), step('new', 5)] });
    expect(compareRuns(a, b, [100, 300])).toEqual({
      a: 7, b: 9, sameCode: false, medianMs: 200,
      rowsIn: { a: 50, b: 100, change: 1 },
      durationMs: { a: 100, b: 200, change: 1 },
      steps: [
        { model: 'm', rows: { a: 50, b: 60, change: 0.2 }, durationMs: { a: 1, b: 10, change: 9 } },
        { model: 'new', rows: { a: null, b: 5, change: null }, durationMs: { a: null, b: 10, change: null } },
        { model: 'gone', rows: { a: 1, b: null, change: null }, durationMs: { a: 1, b: null, change: null } },
      ],
      anomalies: [],
    });
  });

  it.each([
    [150, []],
    [151, ['rows_changed m']],
    [50, []],
    [49, ['rows_changed m']],
  ])('calls 100 rows that became %d by its name', (rows, expected) => {
    expect(kinds(run(), run({ steps: [step('m', rows)] }))).toEqual(expected);
  });

  it('calls a run slow that took more than twice the median, unless it is too short to tell', () => {
    expect(kinds(run(), run({ durationMs: 401 }), [100, 200, 900])).toEqual(['slow']);
    expect(kinds(run(), run({ durationMs: 400 }), [100, 200, 900])).toEqual([]);
    expect(kinds(run(), run({ durationMs: 99 }), [4, 4])).toEqual([]);
    expect(kinds(run(), run({ durationMs: 10_000 }), [])).toEqual([]);
  });

  it('calls a success empty that took rows and wrote none, or found none where the other did', () => {
    const empty = [step('m', 0)];
    expect(kinds(run(), run({ steps: empty }))).toEqual(['empty_success']);
    expect(kinds(run(), run({ rowsIn: 0, steps: empty }))).toEqual(['empty_success']);
    expect(kinds(run({ rowsIn: 0, steps: empty }), run({ rowsIn: 0, steps: empty }))).toEqual([]);
  });

  it('tells of failures and of rows put aside', () => {
    expect(kinds(run(), run({ status: 'failed', durationMs: null, steps: [] }))).toEqual(['failed']);
    expect(kinds(run(), run({ steps: [step('m', 99, { quarantined: 1 })] }))).toEqual(['quarantined m']);
  });

  it('finds nothing odd in a busy run after an idle one, but in a model that wrote for the first time', () => {
    expect(kinds(run({ steps: [step('m', 0)], rowsIn: 0 }), run())).toEqual([]);
    expect(kinds(run({ steps: [step('m', 100), step('n', 0)] }), run({ steps: [step('m', 100), step('n', 1)] }))).toEqual(['rows_changed n']);
  });
});

import type { Dataset, Place, UnitTest } from '@ingot/datasets';
import { isConnectionError, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { ApplyError } from '../apply-error.js';
import { Execution } from '../execution.js';
import { prepareSession, readPlan, type Plan } from '../plan.js';
import { RunFailure } from '../run-failure.js';
import { syncConstraints, syncIndexes } from '../table-guards.js';
import { unmetExpectation, type UnmetExpectation } from './expectations.js';
import { GivenRows } from './given-rows.js';
import { makeStandIns, quarantineOf, type StandIns } from './stand-ins.js';
import { UnitTestError } from './typed-rows.js';

/** What became of one unit test. */
export interface UnitTestResult {
  readonly test: UnitTest;
  readonly outcome: 'passed' | 'failed' | 'error';
  readonly durationMs: number;
  /** Of a failed test: what was not as expected first. */
  readonly difference?: UnmetExpectation & {
    /** From 1. */
    readonly increment: number;
    /** Of the expectation. */
    readonly place: Place;
  };
  /** Of a test that could not be carried out: why, and where in a model's or the test's file. */
  readonly error?: { readonly place: Place; readonly message: string };
}

/**
 * Runs unit tests with the statements that runs send, on empty tables of their own, in one transaction that is rolled
 * back: the database is as before, and neither its tables nor a run beside it are touched. Each test starts anew.
 * @param client a session without a transaction
 * @param report told of each result as soon as it is there; it may be asynchronous
 * @throws the error of the connection; what is wrong with a test is its result
 */
export async function runUnitTests(client: Client | Connection, dataset: Dataset, tests: readonly UnitTest[], report: (result: UnitTestResult) => unknown = () => undefined): Promise<UnitTestResult[]> {
  if (tests.length === 0) return [];
  await client.query('begin isolation level read committed');
  try {
    // Tables nobody has analysed look large enough to compile for: 5 x the time, on servers built with LLVM.
    await client.query('set local jit = off');
    const bench = await Bench.make(client, dataset, tests);
    const results: UnitTestResult[] = [];
    for (const test of tests) {
      const result = await bench.run(test);
      await report(result);
      results.push(result);
    }
    return results;
  } finally {
    await client.query('rollback').catch(() => undefined); // of a session that is gone, the server rolls back itself
  }
}

/** The stand-ins of a dataset, on which one test after the other is run. */
class Bench {
  private constructor(
    private readonly client: Client | Connection,
    private readonly real: Dataset,
    private readonly standIns: StandIns,
    private readonly plan: Plan,
  ) {}

  static async make(client: Client | Connection, dataset: Dataset, tests: readonly UnitTest[]): Promise<Bench> {
    const standIns = await makeStandIns(client, dataset, tests.map(({ model }) => model));
    const plan = await readPlan(client, standIns.dataset);
    await prepareSession(client, plan);
    return new Bench(client, dataset, standIns, plan);
  }

  async run(test: UnitTest): Promise<UnitTestResult> {
    const started = performance.now();
    const result = await this.outcomeOf(test);
    return { test, ...result, durationMs: performance.now() - started };
  }

  private async outcomeOf(test: UnitTest): Promise<Omit<UnitTestResult, 'test' | 'durationMs'>> {
    const failure = this.standIns.failures.get(test.model);
    if (failure !== undefined) return { outcome: 'error', error: this.told(test, failure) };
    await this.client.query('savepoint unit_test');
    try {
      const difference = await this.carryOut(test);
      return difference === undefined ? { outcome: 'passed' } : { outcome: 'failed', difference };
    } catch (error) {
      if (isConnectionError(error)) throw error;
      return { outcome: 'error', error: this.told(test, error) };
    } finally {
      await this.client.query('rollback to savepoint unit_test');
    }
  }

  private async carryOut(test: UnitTest): Promise<UnitTestResult['difference']> {
    const { client, standIns, plan } = this;
    const model = standIns.dataset.models.find(({ relation }) => relation === standIns.named(test.model))!;
    const step = plan.steps.find((candidate) => candidate.model === model);
    if (step !== undefined) {
      await syncConstraints(client, model);
      await syncIndexes(client, model, []);
    }
    const given = new GivenRows(client, standIns, plan, model);
    await given.before(test, this.real.seeds);
    for (const [i, increment] of test.increments.entries()) {
      if (i > 0) await this.emptyTemporaryTables();
      const execution = new Execution(client, { dataset: this.real.name, runId: BigInt(i + 1), quarantine: quarantineOf(standIns.area) });
      for (const entry of await given.increment(increment, i + 1, test)) execution.increments.set(entry.relation, entry);
      if (step !== undefined) await execution.step(step);
      const { expect } = increment;
      const unmet = expect === undefined ? undefined : await unmetExpectation(client, standIns, model, step, expect);
      if (expect !== undefined && unmet !== undefined) return { ...unmet, increment: i + 1, place: expect.place };
    }
    return undefined;
  }

  /** A commit empties them after each run; here all runs are one transaction. */
  private async emptyTemporaryTables(): Promise<void> {
    const { rows } = await this.client.query<{ name: string }>(`select oid::regclass::text as name from pg_class where relnamespace = pg_my_temp_schema() and relkind = 'r'`);
    for (const { name } of rows) await this.client.query(`delete from ${name}`);
  }

  private told(test: UnitTest, error: unknown): { place: Place; message: string } {
    const original = (message: string): string => this.standIns.original(message);
    if (error instanceof UnitTestError) return { place: error.place, message: original(error.reason) };
    if (error instanceof RunFailure) return { place: error.place, message: original(`${error.model}: ${error.reason}`) };
    const problem = error instanceof ApplyError ? error.problems[0] : undefined;
    if (problem !== undefined) return { place: problem, message: original(problem.message) };
    return { place: test.place, message: original(error instanceof Error ? error.message : String(error)) };
  }
}

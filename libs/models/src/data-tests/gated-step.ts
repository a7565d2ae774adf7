import type { DataTest } from '@ingot/datasets';
import { isConnectionError } from '@ingot/postgres';
import type { Step } from '../step.js';
import { RunFailure } from '../run-failure.js';
import type { StepContext } from '../strategies/step-context.js';
import { carryOut } from './carry-out.js';
import { BY_QUERY, gateOfError, gatesOf } from './gates.js';
import { testFailure } from './test-failure.js';

/**
 * Executes a step. A constraint that keeps a data test stops it at the first guilty row: what it did is then undone, and
 * it is executed again with the constraints letting rows pass, so that a query tells how many there are. Nothing of
 * that is kept, as the run fails.
 * @throws RunFailure with the count and samples of every such test of the model that fails
 */
export async function gated<T>(step: Step, context: StepContext, work: () => Promise<T>): Promise<T> {
  if (gatesOf(step.model).length === 0) return work();
  try {
    return await context.attempt(work);
  } catch (error) {
    if (!(error instanceof RunFailure) || gateOfError(step.model, error.cause) === undefined) throw error;
    throw await withCounts(step, context, work, error);
  }
}

async function withCounts<T>(step: Step, context: StepContext, work: () => Promise<T>, failure: RunFailure): Promise<RunFailure> {
  try {
    await context.execute(step, { text: BY_QUERY, incrementOnly: false });
    await context.execute(step, { text: 'set constraints all deferred', incrementOnly: false });
    await work();
    const tests: DataTest[] = gatesOf(step.model).map(({ test }) => test);
    const results = [];
    for (const test of tests) {
      const ask = async (text: string, incrementOnly: boolean) => (await context.execute(step, { text, incrementOnly })).rows;
      results.push(await carryOut(ask, test, { runId: context.runId, byIndex: step.strategy === 'append' && test.kind !== 'unique' }));
    }
    return testFailure(step.model.relation, tests, results, failure.cause) ?? failure;
  } catch (error) {
    if (isConnectionError(error)) throw error;
    return failure; // it names the test and one row
  }
}

import type { Dataset } from '@ingot/datasets';
import { isConnectionError, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { carryOut, TestError } from './carry-out.js';
import { publishedRows } from './published-rows.js';
import { isQueryTest, type AnyTest, type TestResult } from './test-result.js';

/** Every data test of a dataset that looks at a state, not at a change: of seeds, models and views, and of `tests/`. */
export function testsOfTables(dataset: Dataset): AnyTest[] {
  const ofHeaders = [...dataset.seeds, ...dataset.models].flatMap(({ dataTests }) => dataTests).filter(({ kind }) => kind !== 'row_count_change');
  return [...ofHeaders, ...dataset.dataTests];
}

/**
 * Carries out data tests over whole tables, each in a read-only transaction of its own, so that none keeps dead rows
 * from being removed for longer than it takes. A test that the server refuses is a result, too.
 * @param client a session outside any transaction
 * @param datasets whose tests they are
 * @param onResult told of each as it finishes
 * @throws the error of the connection
 */
export async function testTables(client: Client | Connection, datasets: readonly Dataset[], tests: readonly AnyTest[], onResult: (result: TestResult, position: number) => void = () => undefined): Promise<TestResult[]> {
  const results: TestResult[] = [];
  for (const [at, test] of tests.entries()) {
    const result = await testReadOnly(client, datasets, test);
    results.push(result);
    onResult(result, at + 1);
  }
  return results;
}

async function testReadOnly(client: Client | Connection, datasets: readonly Dataset[], test: AnyTest): Promise<TestResult> {
  const started = performance.now();
  try {
    await client.query('begin isolation level repeatable read read only');
    return await carryOut(async (text) => (await client.query<Record<string, unknown>>(text)).rows, test, { rowsOf: await publishedRows(client, datasets, test) });
  } catch (error) {
    if (isConnectionError(error) || !(error instanceof TestError)) throw error;
    const { place, reason } = error;
    const relation = isQueryTest(test) ? {} : { relation: test.relation };
    return { test: test.name, ...relation, place, scope: 'whole table', outcome: 'error', failures: 0, samples: [], message: reason, durationMs: performance.now() - started };
  } finally {
    await client.query('rollback').catch(() => undefined); // of a connection that is gone
  }
}

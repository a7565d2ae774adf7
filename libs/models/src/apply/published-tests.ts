import type { DataTest, Dataset } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { carryOut, TestError } from '../data-tests/carry-out.js';
import { publishedRows } from '../data-tests/published-rows.js';
import { refusedTest, testFailure } from '../data-tests/test-failure.js';
import { describeResult, isQueryTest, type AnyTest, type TestResult } from '../data-tests/test-result.js';

type Notice = (line: string) => void;

/**
 * The data tests of what is about to be published, over whole tables: those of the relations that take new places, and
 * every one that looks at them from elsewhere. How far a run may change the number of rows says nothing of a rebuild.
 * @param moved the dataset with those relations where they stand now
 * @param places the relations that take new places, where they stand now
 * @throws RunFailure when one of severity error fails: nothing is published
 */
export async function testShadows(client: Client | Connection, moved: Dataset, places: ReadonlySet<string>, notice: Notice): Promise<void> {
  const headers = moved.models.flatMap(({ dataTests }) => dataTests).filter((test) => places.has(test.relation) || (test.kind === 'relationships' && places.has(test.to)));
  const queries = moved.dataTests.filter(({ query }) => query.mentions.some(({ relation }) => places.has(relation)));
  await carryOutAll(client, moved, [...headers.filter(isOfRebuild), ...queries], notice);
}

/**
 * The data tests of seeds, which no run changes.
 * @throws RunFailure
 */
export async function testSeeds(client: Client | Connection, dataset: Dataset, changed: readonly string[], notice: Notice): Promise<void> {
  await carryOutAll(client, dataset, dataset.seeds.filter(({ relation }) => changed.includes(relation)).flatMap(({ dataTests }) => dataTests), notice);
}

/** What is diverted has been taken out before it reached the table; how old the newest row is, is no fault of the code. */
function isOfRebuild({ kind, onFail }: DataTest): boolean {
  return kind !== 'row_count_change' && kind !== 'freshness' && onFail !== 'quarantine';
}

async function carryOutAll(client: Client | Connection, dataset: Dataset, tests: readonly AnyTest[], notice: Notice): Promise<void> {
  const results: TestResult[] = [];
  for (const test of tests) {
    try {
      const result = await carryOut(async (text) => (await client.query<Record<string, unknown>>(text)).rows, test, { rowsOf: await publishedRows(client, [dataset], test) });
      if (result.outcome === 'warned') notice(`${result.place.file}:${result.place.line}:${result.place.column}: ${describeResult(test, result)}`);
      results.push(result);
    } catch (error) {
      throw error instanceof TestError ? refusedTest(error) : error;
    }
  }
  const first = results.findIndex(({ outcome }) => outcome === 'failed');
  const test = tests[first];
  const failure = test && testFailure(isQueryTest(test) ? test.name : test.relation, tests, results);
  if (failure !== undefined) throw failure;
}

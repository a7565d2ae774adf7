import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { formatPlace, loadDatasets, loadUnitTests } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { runUnitTests, type UnitTestResult } from '../src/unit-tests/run-unit-tests.js';

const { datasets, tests } = await read();

async function read() {
  const all = await loadDatasets('sql');
  return { datasets: all, tests: (await Promise.all(all.map((dataset) => loadUnitTests('sql', dataset)))).flat() };
}

describe('the unit tests of sql/', () => {
  let db: TestDatabase;
  const results = new Map<string, UnitTestResult>();
  beforeAll(async () => {
    db = await createTestDatabase();
    const client = await db.session();
    for (const dataset of datasets) for (const result of await runUnitTests(client, dataset, await loadUnitTests('sql', dataset))) results.set(result.test.name, result);
  });
  afterAll(() => db.drop());

  it.each(tests.map(({ name, model }) => ({ name, model })))('$model $name', ({ name }) => {
    const { outcome, difference, error } = results.get(name)!;
    const told = { outcome, ...(error === undefined ? {} : { error: `${formatPlace(error.place)}: ${error.message}` }), ...(difference === undefined ? {} : { difference }) };
    expect(told).toEqual({ outcome: 'passed' });
  });
});

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadDataset, loadUnitTests, type Dataset, type UnitTest } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { readPlan, type Plan } from '../src/plan.js';
import { run } from '../src/run.js';
import { runUnitTests } from '../src/unit-tests/run-unit-tests.js';
import { differences } from './consistency.js';

const PAGE = readFileSync('docs/coming-from-dbt.md', 'utf8');
/** A block may be a file of either side, or of both. */
const FILES = [...PAGE.matchAll(/((?:<!-- \w+: \S+ -->\n)+)```\w+\n(.*?)```/gs)].flatMap(([, marks, text]) =>
  [...marks!.matchAll(/<!-- ingot: (\S+) -->/g)].map(([, name]): [string, string] => [name!, text!]),
);

describe('the Ingot files of docs/coming-from-dbt.md', () => {
  let folder: string;
  let db: TestDatabase;
  let client: Client;
  let dataset: Dataset;
  let unitTests: UnitTest[];
  let plan: Plan;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'ingot-page-'));
    for (const [name, text] of FILES) {
      const file = path.join(folder, 'sql', 'meters', name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    dataset = await loadDataset(path.join(folder, 'sql', 'meters'));
    unitTests = await loadUnitTests(path.join(folder, 'sql'), dataset);
    db = await createTestDatabase();
    client = await db.session('runner');
    await apply(client, dataset);
    plan = await readPlan(client, dataset);
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await db.drop();
  });

  const lines = (rows: readonly (readonly [string | null, string])[]) =>
    db.query('insert into bronze.raw_readings (device, line) select * from unnest($1::text[], $2::text[])', [rows.map(([device]) => device), rows.map(([, line]) => line)]);
  const refresh = async () => expect(await run(client, plan, { maxRows: 1_000 })).toMatchObject({ outcome: 'succeeded' });

  it('are all loaded', () => {
    expect(dataset.models.map(({ relation }) => relation).sort()).toEqual(['gold.daily_power', 'gold.places_power', 'silver.daily', 'silver.latest', 'silver.readings']);
    expect([dataset.sources.length, dataset.seeds.length, dataset.dataTests.length, unitTests.length]).toEqual([1, 1, 1, 1]);
  });

  // The same lines through dbt Core 1.12 and dbt-postgres 1.11 gave these rows.
  it('give what the dbt models give, as long as nothing is late', async () => {
    await lines([['m1', '1893456000 Voltage 230'], ['m1', '1893456000 Current 2'], ['m2', '1893456060 Voltage 229.5'], [null, '1893542400 Voltage 231'], ['m2', '1893456061 Current 1.5']]);
    await refresh();
    expect(await db.query('select reading_date::text, device, power from gold.daily_power order by 2')).toEqual([
      { reading_date: '2030-01-01', device: 'm1', power: '460' },
      { reading_date: '2030-01-01', device: 'm2', power: '344.25' },
    ]);
    expect(await db.query('select place, days, power from gold.places_power order by 1')).toEqual([{ place: 'cellar', days: '1', power: '460' }, { place: 'roof', days: '1', power: '344.25' }]);
    expect(await db.query('select device, metric_name, metric_value from silver.latest order by 1, 2')).toEqual([
      { device: 'default', metric_name: 'Voltage', metric_value: '231' },
      { device: 'm1', metric_name: 'Current', metric_value: '2' },
      { device: 'm1', metric_name: 'Voltage', metric_value: '230' },
      { device: 'm2', metric_name: 'Current', metric_value: '1.5' },
      { device: 'm2', metric_name: 'Voltage', metric_value: '229.5' },
    ]);
  });

  // dbt lost the row that committed late, left the day of 1 January as it was, and put the old 250 over the newer 240.
  it('stay right where those do not: a row that commits late, one of days ago, a poison line', async () => {
    const late = await db.session('late');
    await late.query(`begin; insert into bronze.raw_readings (device, line) values ('m1', '1894233600 Current 3')`);
    await lines([['m1', '1894233600 Voltage 240']]);
    await refresh();
    await late.query('commit');
    await lines([['m1', '1893456100 Voltage 250'], ['m1', '1894233601 Voltage x'], ['m1', '1894233601 Voltage 5000']]);
    await refresh();
    expect(await db.query(`select reading_date::text, power from gold.daily_power where device = 'm1' order by 1`)).toEqual([{ reading_date: '2030-01-01', power: '480' }, { reading_date: '2030-01-10', power: '720' }]);
    expect(await db.query(`select metric_value from silver.latest where device = 'm1' and metric_name = 'Voltage'`)).toEqual([{ metric_value: '240' }]);
    expect(await db.query(`select input_row ->> 'line' as line, sqlstate from ingot.quarantine order by input_id`)).toEqual([
      { line: '1894233601 Voltage x', sqlstate: '22P02' },
      { line: '1894233601 Voltage 5000', sqlstate: null },
    ]);
    expect(await differences(db, { ...dataset, models: dataset.models.filter(({ relation }) => !['silver.readings', 'silver.latest'].includes(relation)) })).toEqual({});
  });

  it('have a unit test that passes', async () => {
    expect(await runUnitTests(client, dataset, unitTests)).toMatchObject([{ outcome: 'passed' }]);
  });
});

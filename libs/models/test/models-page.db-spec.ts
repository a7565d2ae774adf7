import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { readPlan } from '../src/plan.js';
import { run } from '../src/run.js';
import { SAMPLE, sampleDataset } from './sample-project.js';

/** The files of docs/models.md, which are one of each kind. */
const PAGE = Object.fromEntries([...readFileSync('docs/models.md', 'utf8').matchAll(/<!-- ingot: (\S+) -->\n```\w+\n(.*?)```/gs)].map(([, name, text]) => [name!, text!]));

describe('the files of docs/models.md', () => {
  let db: TestDatabase;
  let client: Client;
  let dataset: Dataset;

  beforeAll(async () => {
    db = await createTestDatabase();
    client = await db.session('runner');
    const none = Object.fromEntries(Object.keys(SAMPLE).map((file) => [file, undefined]));
    dataset = await sampleDataset({ ...none, 'dataset.yml': 'description: the page\n', ...PAGE });
    await apply(client, dataset);
  });
  afterAll(() => db.drop());

  it('do what the page says', async () => {
    const plan = await readPlan(client, dataset);
    const refresh = async (lines: readonly string[]): Promise<void> => {
      await db.query('insert into bronze.lines (line) select unnest($1::text[])', [lines]);
      const result = await run(client, plan, { maxRows: 1000 });
      expect(result.outcome).toBe('succeeded');
    };
    const now = Math.floor(Date.now() / 1000);
    await refresh([`${now - 2} temperature 20`, `${now - 1} temperature 30`, `${now - 1} voltage 5`]);
    await refresh([`${now - 9} temperature 40`, `${now} Voltage 5`, 'soon voltage 5', `${now} humidity 60`]);

    expect(await db.query('select metric, value from silver.latest order by metric')).toEqual([
      { metric: 'humidity', value: 60 },
      { metric: 'temperature', value: 30 }, // the late 40 is older than what is stored
      { metric: 'voltage', value: 5 },
    ]);
    expect(await db.query('select metric, mean from gold.monthly order by metric')).toEqual([
      { metric: 'humidity', mean: expect.stringMatching(/^60\.?0*$/) as unknown },
      { metric: 'temperature', mean: expect.stringMatching(/^30\.?0*$/) as unknown },
      { metric: 'voltage', mean: expect.stringMatching(/^5\.?0*$/) as unknown },
    ]);
    expect(await db.query('select metric, unit from silver.readings group by 1, 2 order by 1')).toEqual([
      { metric: 'humidity', unit: null },
      { metric: 'temperature', unit: '°C' },
      { metric: 'voltage', unit: 'V' },
    ]);
    expect(await db.query(`select input_row ->> 'line' as line, reasons, sqlstate from ingot.quarantine order by input_id`)).toEqual([
      { line: `${now} Voltage 5`, reasons: ['matches_silver_readings_metric'], sqlstate: null },
      { line: 'soon voltage 5', reasons: expect.anything() as unknown, sqlstate: '22P02' },
    ]);
  });
});

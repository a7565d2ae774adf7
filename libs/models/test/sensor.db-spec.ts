import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadDataset, type Dataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { readPlan, type Plan } from '../src/plan.js';
import { run } from '../src/run.js';
import { differences } from './consistency.js';

const FIXTURES = 'apps/api/test/fixtures/sensor';

const NULLS = (...columns: string[]): unknown => columns.map((column) => `not_null_silver_stg_readings_${column}`).sort();

describe('the models of sql/sensor', () => {
  let db: TestDatabase;
  let client: Client;
  let dataset: Dataset;
  let plan: Plan;
  beforeEach(async () => {
    db = await createTestDatabase();
    client = await db.session();
    dataset = await loadDataset('sql/sensor');
    await apply(client, dataset);
    plan = await readPlan(client, dataset);
  });
  afterEach(() => db.drop());

  const write = (lines: readonly string[], device: string | null = null) => db.query('insert into bronze.raw_readings (device, line) select $1, unnest($2::text[])', [device, lines]);
  const power = async () => {
    await run(client, plan, { maxRows: 100_000 });
    return db.query<{ day: string; device: string; power: number }>('select reading_date::text as day, device, metric_value::float8 as power from gold.mart_daily_power order by 1, 2');
  };

  it('give the power of each of the eight days, in whatever order and in how many runs the lines come', async () => {
    const lines = readFileSync(`${FIXTURES}/eight_days.txt`, 'utf8').trim().split('\n');
    const expected = (JSON.parse(readFileSync(`${FIXTURES}/expected_power_eight_days.json`, 'utf8')) as { day: string; Power: number | null }[])
      .filter(({ Power }) => Power !== null)
      .map(({ day, Power }) => ({ day, device: 'default', power: Power }));
    for (const line of [...lines].reverse()) {
      await write([line]);
      await power();
    }
    expect(await power()).toEqual(expected);
    expect(await differences(db, dataset)).toEqual({});
  });

  it('give a day its power when its second metric comes, move it with late readings, and keep devices apart', async () => {
    await write(['1900000000 Voltage 2', '1900000001 Voltage 4']);
    expect(await power()).toEqual([]);
    await write(['1900000002 Current 10'], 'pump');
    expect(await power()).toEqual([]);
    await write(['1900000002 Current 10']);
    expect(await power()).toMatchObject([{ device: 'default', power: 30 }]);
    await write(['1900000002 Voltage 0'], 'pump');
    await write(['1900000003 Current 20']);
    expect(await power()).toMatchObject([{ device: 'default', power: 45 }, { device: 'pump', power: 0 }]);
    expect(await differences(db, dataset)).toEqual({});
  });

  it('multiply means exactly: a third times three is one, 0.15 times 0.35 is 0.0525', async () => {
    await write(['1900000000 Voltage 1', '1900000000 Voltage 0', '1900000000 Voltage 0', '1900000000 Current 3']);
    await write(['1900100000 Voltage 0.1', '1900100000 Voltage 0.2', '1900100000 Current 0.3', '1900100000 Current 0.4']);
    await run(client, plan, { maxRows: 100 });
    expect(await db.query('select metric_value from gold.mart_daily_power order by reading_date')).toEqual([{ metric_value: '1' }, { metric_value: '0.0525' }]);
  });

  it('write nothing in gold for a metric that no day needs, beyond the day it touches', async () => {
    await write(['1900000000 Voltage 1', '1900000000 Current 3', '1900100000 Voltage 1', '1900100000 Current 3']);
    await run(client, plan, { maxRows: 100 });
    await write(['1900100000 Voltage 3']);
    await run(client, plan, { maxRows: 100 });
    expect(await db.query('select metric_value, _run_id from gold.mart_daily_power order by reading_date')).toEqual([
      { metric_value: '3', _run_id: '1' },
      { metric_value: '6', _run_id: '2' },
    ]);
  });

  it('put what is no reading aside, with its reasons, and go on with the rest', async () => {
    await write(['1900000000 Voltage 2', 'no reading', 'soon Voltage 2', '1900000000 Voltage', '1900000000 Voltage 1e999', '1900000000 Voltage NaN', '1900000000 Current 3']);
    expect(await power()).toEqual([{ day: '2030-03-17', device: 'default', power: 6 }]);
    expect(await db.query(`select input_row ->> 'line' as line, reasons, sqlstate from ingot.quarantine order by input_id`)).toEqual([
      { line: 'no reading', reasons: NULLS('reading_date', 'reading_time', 'metric_name', 'metric_value'), sqlstate: null },
      { line: 'soon Voltage 2', reasons: [], sqlstate: '22P02' },
      { line: '1900000000 Voltage', reasons: NULLS('reading_date', 'reading_time', 'metric_name', 'metric_value'), sqlstate: null },
      { line: '1900000000 Voltage 1e999', reasons: [], sqlstate: '22003' },
      { line: '1900000000 Voltage NaN', reasons: NULLS('metric_value'), sqlstate: null },
    ]);
    expect(await db.query('select raw_id from silver.stg_readings order by 1')).toEqual([{ raw_id: '1' }, { raw_id: '7' }]);
  });

  it('publish no power of a day that has lost one of its metrics', async () => {
    await write(['1900000000 Voltage 2', '1900000000 Current 3']);
    await power();
    await db.query("delete from silver.int_daily_metric where metric_name = 'Current'");
    await write(['1900100000 Voltage 2']);
    await expect(run(client, plan, { maxRows: 100 })).rejects.toThrow(/power_has_both_metrics/);
    expect(await db.query("select count(*)::int as n from silver.stg_readings")).toEqual([{ n: 2 }]);
  });
});

describe('a database made before daily sums knew lowest, highest, first and last', () => {
  it('gets them for all of its history by apply, while lines go on coming', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'ingot-older-'));
    await cp('sql/sensor', path.join(folder, 'sensor'), { recursive: true });
    await rm(path.join(folder, 'sensor', 'unit'), { recursive: true });
    const file = path.join(folder, 'sensor', 'silver', 'int_daily_metric.sql');
    await writeFile(
      file,
      `/* ---
description: Sums and counts.
materialized: incremental
incremental_strategy: accumulate
increment_on: silver.stg_readings
unique_key: [reading_date, device, metric_name]
accumulate: { readings: count, total: sum }
--- */
select reading_date, device, metric_name, count(*) as readings, sum(metric_value::text::numeric) as total from silver.stg_readings group by reading_date, device, metric_name`,
    );
    const db = await createTestDatabase();
    const client = await db.session();
    const older = await loadDataset(path.join(folder, 'sensor'));
    await apply(client, older);
    const write = (from: number, count: number) => db.query(`insert into bronze.raw_readings (line) select 1900000000 + (g * 7919) % 300000 || ' Voltage ' || g from generate_series($1::int, $2::int) as g`, [from, from + count - 1]);
    await write(1, 500);
    await run(client, await readPlan(client, older), { maxRows: 1_000 });
    await write(501, 20); // seen by no run yet

    const newer = await loadDataset('sql/sensor');
    await apply(client, newer);
    await run(client, await readPlan(client, newer), { maxRows: 1_000 });
    const days = await db.query<{ day: string; readings: string; lowest: number; highest: number; first: number; last: number }>(
      'select reading_date::text as day, readings, lowest, highest, first_reading[3] as first, last_reading[3] as last from silver.int_daily_metric order by 1',
    );
    const expected = new Map<string, { time: number; value: number }[]>();
    for (let g = 1; g <= 520; g++) {
      const time = 1_900_000_000 + ((g * 7919) % 300_000);
      const day = new Date(time * 1_000).toISOString().slice(0, 10);
      expected.set(day, [...(expected.get(day) ?? []), { time, value: g }]);
    }
    const ordered = [...expected].sort(([a], [b]) => (a < b ? -1 : 1)).map(([day, readings]) => {
      const values = readings.map(({ value }) => value);
      const inTime = [...readings].sort((a, b) => a.time - b.time);
      return { day, readings: String(readings.length), lowest: Math.min(...values), highest: Math.max(...values), first: inTime[0]!.value, last: inTime.at(-1)!.value };
    });
    expect(days).toEqual(ordered);
    expect(await differences(db, newer)).toEqual({});
    await db.drop();
    await rm(folder, { recursive: true });
  });
});

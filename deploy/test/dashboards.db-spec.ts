import { readFileSync, readdirSync } from 'node:fs';
import { loadDataset } from '@ingot/datasets';
import { apply, runUntilCaughtUp } from '@ingot/models';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';

interface Board {
  readonly panels: { title: string; targets?: { format?: string; rawSql?: string }[] }[];
  readonly templating: { list: { name: string; query: string }[] };
}

const boards = readdirSync('deploy/grafana/dashboards').map((name) => JSON.parse(readFileSync(`deploy/grafana/dashboards/${name}`, 'utf8')) as Board);
const panels = boards.flatMap((board) => board.panels.flatMap(({ title, targets = [] }) => targets.flatMap(({ rawSql, format = '' }) => (rawSql === undefined ? [] : [[title, rawSql, format] as const]))));
const variables = boards.flatMap(({ templating }) => templating.list.map(({ name, query }) => [name, query] as const));

/** What Grafana's PostgreSQL source makes of its macros and of variables of which all values are chosen. */
function substituted(sql: string): string {
  return sql
    .replace(/\$__timeGroupAlias\((\w+), *\$__interval\)/g, `floor(extract(epoch from $1) / 60) * 60 as "time"`)
    .replace(/\$__timeFilter\((\w+)\)/g, `$1 between '2022-04-14T00:00:00Z' and now()`)
    .replace(/\$device\b/g, `'default', 'pump-7'`)
    .replace(/\$metric\b/g, `'Voltage', 'Current'`);
}

describe('the SQL of the dashboards, with the rights that Grafana has', () => {
  let database: TestDatabase;
  let reader: Client;
  beforeAll(async () => {
    database = await createTestDatabase();
    const owner = await database.session();
    const dataset = await loadDataset('sql/sensor');
    await apply(owner, dataset);
    const lines = ['1649941817 Voltage 1.34', '1649941818 Voltage 1.35', '1649941817 Current 12.0', '1649941818 Current 14.0', 'no line at all'];
    for (const line of lines) await database.query(`insert into bronze.raw_readings (device, line) values (null, $1)`, [line]);
    await runUntilCaughtUp(owner, dataset, { maxRows: 1_000, waitMs: 10_000 });
    reader = await database.session('grafana', 'read');
  });
  afterAll(() => database.drop());

  it('is there for both sources', () => expect([panels.length > 4, variables.map(([name]) => name)]).toEqual([true, ['device', 'metric']]));

  it.each(panels)('%s: gives rows in the shape that its panel takes', async (_, sql, format) => {
    const { rows, fields } = await reader.query<Record<string, unknown>>(substituted(sql));
    expect(rows.length).toBeGreaterThan(0);
    if (format === 'time_series') expect(fields.map(({ name }) => name)).toEqual(['time', 'metric', 'value']);
    expect(substituted(sql)).not.toMatch(/\$/);
  });

  it.each(variables)('$%s: offers what there is', async (_, sql) => {
    const { rows, fields } = await reader.query(sql);
    expect([rows.length > 0, fields.length]).toEqual([true, 1]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { readPlan, type Plan } from '../src/plan.js';
import { run, type RunResult } from '../src/run.js';
import { differences } from './consistency.js';
import { sampleDataset } from './sample-project.js';

let db: TestDatabase;
let client: Client;
beforeEach(async () => {
  db = await createTestDatabase();
  client = await db.session();
});
afterEach(() => db.drop());

const header = (keys: string, select: string) => `/* ---\nmaterialized: incremental\n${keys}\n--- */\n${select}\n`;

async function opened(changes: Readonly<Record<string, string | undefined>>): Promise<{ dataset: Dataset; plan: Plan }> {
  const dataset = await sampleDataset({ 'gold/power.sql': undefined, 'gold/summary.sql': undefined, 'silver/daily.sql': undefined, ...changes });
  await apply(client, dataset);
  return { dataset, plan: await readPlan(client, dataset) };
}
const runWith = async (plan: Plan, rows: readonly (readonly [string | null, string])[]): Promise<Record<string, [number, number]>> => {
  await db.query('insert into bronze.raw (device, line) select * from unnest($1::text[], $2::text[])', [rows.map(([device]) => device), rows.map(([, line]) => line)]);
  const result: RunResult = await run(client, plan, { maxRows: 1_000 });
  if (result.outcome !== 'succeeded') throw new Error(result.outcome);
  return Object.fromEntries(result.steps.map(({ model, rowsWritten, rowsDeleted }) => [model, [rowsWritten, rowsDeleted]]));
};

describe('append', () => {
  it('reads a lookup as of the run, through a staged increment; its later changes recompute nothing', async () => {
    const { dataset, plan } = await opened({
      'silver/rooms.sql': '/* ---\nmaterialized: view\n--- */\nselect device, room from public.rooms\n'.replace('public.rooms', "(values ('a', 'kitchen')) as r (device, room)"),
      'silver/placed.sql': header('incremental_strategy: append\nincrement_on: silver.stg\nlookups: [silver.rooms]', 'select s.raw_id, r.room, s._run_id as seen_in from silver.stg as s left join silver.rooms as r using (device)'),
      'silver/raw_copy.sql': header('incremental_strategy: append\nincrement_on: bronze.raw\nlookups: [silver.rooms]', "select id, line, room from bronze.raw left join silver.rooms on rooms.device = raw.device"),
    });
    expect(await runWith(plan, [['a', '2030-01-01 V 1'], ['b', '2030-01-01 V 1']])).toMatchObject({ 'silver.placed': [2, 0], 'silver.raw_copy': [2, 0] });
    expect(await runWith(plan, [['a', '2030-01-01 V 1']])).toMatchObject({ 'silver.placed': [1, 0], 'silver.raw_copy': [1, 0] });
    expect(await db.query('select room, seen_in, _run_id from silver.placed order by raw_id')).toEqual([
      { room: 'kitchen', seen_in: '1', _run_id: '1' },
      { room: null, seen_in: '1', _run_id: '1' },
      { room: 'kitchen', seen_in: '2', _run_id: '2' },
    ]);
    expect(await differences(db, dataset)).toEqual({});
  });

  it.each(['append', 'merge', 'accumulate'])('reads bronze as a lookup no further than the run was cut: %s', async (strategy) => {
    const keys = { append: '', merge: '\nunique_key: [id]', accumulate: '\nunique_key: [id]\naccumulate: { noted: max }' }[strategy];
    const noted = 'max(o.id)';
    const { plan } = await opened({
      'sources/notes.yml': 'kind: lines\npath: /notes\ndescription: lines\n',
      'silver/noted.sql': header(
        `incremental_strategy: ${strategy}\nincrement_on: bronze.raw\nlookups: [bronze.notes]${keys}`,
        strategy === 'accumulate' ? `select r.id, ${noted} as noted from bronze.raw as r left join bronze.notes as o on true group by 1` : `select r.id, (select ${noted} from bronze.notes as o) as noted from bronze.raw as r`,
      ),
    });
    for (const table of ['raw', 'notes', 'raw']) {
      await db.query(`with f as (insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'bronze.${table}', 1)) insert into bronze.${table} (line) values ('2030-01-01 V 1')`);
    }
    expect(await run(client, plan, { maxRows: 1 })).toMatchObject({ rowsIn: 1, cut: true });
    expect(await db.query('select id, noted from silver.noted')).toEqual([{ id: '1', noted: null }]);
    await run(client, plan, { maxRows: 2 });
    expect(await db.query('select id, noted from silver.noted order by id')).toEqual([{ id: '1', noted: null }, { id: '3', noted: '2' }]);
  });

  it('keeps the words around the relation: aliases, quotes, comments, characters of several bytes', async () => {
    const { dataset, plan } = await opened({
      'silver/odd.sql': header('incremental_strategy: append\nincrement_on: bronze.raw', `select 'é🚀 bronze.raw' as "Öd", x."line" /* bronze.raw */ from -- bronze.raw\n"bronze"."raw" as x where 'ü' <> x.line`),
    });
    expect(await runWith(plan, [[null, '2030-01-01 V 1']])).toMatchObject({ 'silver.odd': [1, 0] });
    expect(await differences(db, dataset)).toEqual({});
  });
});

describe('accumulate', () => {
  it('meets nulls on either side, for each aggregate, and null keys', async () => {
    const { dataset, plan } = await opened({
      'silver/sums.sql': header(
        'incremental_strategy: accumulate\nincrement_on: silver.stg\nunique_key: [device]\naccumulate: { n: count, filled: count, total: sum, low: min, high: max }',
        'select device, count(*) as n, count(nullif(value, 0)) as filled, sum(nullif(value, 0)::text::numeric) as total, min(nullif(value, 0)) as low, max(nullif(value, 0)) as high from silver.stg group by device',
      ),
    });
    for (const rows of [['2030-01-01 V 0'], ['2030-01-01 V 5'], ['2030-01-01 V 0', '2030-01-01 V -2.5'], ['2030-01-01 V 0']]) {
      await runWith(plan, rows.flatMap((line) => [[null, line] as const, ['a', line] as const]));
      expect(await differences(db, dataset)).toEqual({});
    }
    expect(await db.query('select device, n, filled, total, low, high from silver.sums order by device nulls first')).toEqual([
      { device: null, n: '5', filled: '2', total: '2.5', low: -2.5, high: 5 },
      { device: 'a', n: '5', filled: '2', total: '2.5', low: -2.5, high: 5 },
    ]);
  });

  it('is exact where floating-point sums are not', async () => {
    const { plan } = await opened({
      'silver/sums.sql': header('incremental_strategy: accumulate\nincrement_on: silver.stg\nunique_key: [metric]\naccumulate: { total: sum }', 'select metric, sum(value::text::numeric) as total from silver.stg group by metric'),
    });
    for (const value of ['0.1', '0.2', '1e22', '-1e22']) await runWith(plan, [[null, `2030-01-01 V ${value}`]]);
    expect(await db.query('select trim_scale(total) as total from silver.sums')).toEqual([{ total: '0.3' }]);
  });
});

describe('delete+insert', () => {
  const COUNTS = { 'silver/counts.sql': header('incremental_strategy: accumulate\nincrement_on: silver.stg\nunique_key: [device, metric]\naccumulate: { n: count }', 'select device, metric, count(*) as n from silver.stg group by device, metric') };

  it('reads a growing input: every row of the touched keys, not only the new ones', async () => {
    const { dataset, plan } = await opened({
      'gold/spread.sql': header('incremental_strategy: delete+insert\nincrement_on: silver.stg\ntouch_key: [device, day]', 'select device, day, percentile_cont(0.5) within group (order by value) as middle from silver.stg group by device, day'),
    });
    await runWith(plan, [['a', '2030-01-01 V 1'], ['a', '2030-01-01 V 9'], ['b', '2030-01-01 V 4'], [null, '2030-01-01 V 4']]);
    expect(await runWith(plan, [['a', '2030-01-01 V 2']])).toMatchObject({ 'gold.spread': [1, 1] });
    expect(await runWith(plan, [[null, '2030-01-01 V 2'], [null, '2030-01-02 V 2'], ['b', '2030-01-02 V 2']])).toMatchObject({ 'gold.spread': [3, 1] });
    expect(await db.query(`select middle from gold.spread where device = 'a'`)).toEqual([{ middle: 2 }]);
    expect(await differences(db, dataset)).toEqual({});
  });

  it('reads bronze itself', async () => {
    const { dataset, plan } = await opened({
      'gold/last.sql': header('incremental_strategy: delete+insert\nincrement_on: bronze.raw\ntouch_key: [device]', 'select distinct on (device) device, line from bronze.raw order by device, id desc'),
    });
    await runWith(plan, [['a', '2030-01-01 V 1'], ['b', '2030-01-01 V 2']]);
    expect(await runWith(plan, [['a', '2030-01-01 V 3']])).toMatchObject({ 'gold.last': [1, 1] });
    expect(await differences(db, dataset)).toEqual({});
  });

  it('stays right for a join of two changing sides, whichever side changes', async () => {
    const { dataset, plan } = await opened({
      ...COUNTS,
      'silver/firsts.sql': header('incremental_strategy: accumulate\nincrement_on: silver.stg\nunique_key: [metric, device]\naccumulate: { first: min }', "select metric, device, min(day) as first from silver.stg where value < 0 group by metric, device"),
      'gold/both.sql': header('incremental_strategy: delete+insert\nincrement_on: [silver.counts, silver.firsts]\ntouch_key: [device]', 'select device, c.metric, c.n, f.first from silver.counts as c join silver.firsts as f using (device) where f.metric = c.metric'),
    });
    await runWith(plan, [['a', '2030-01-05 V -1'], ['b', '2030-01-05 V 1']]);
    expect(await runWith(plan, [['a', '2030-01-06 V 1']])).toMatchObject({ 'gold.both': [1, 1] }); // counts alone changes
    expect(await runWith(plan, [['b', '2030-01-02 V -1']])).toMatchObject({ 'gold.both': [1, 0] });
    expect(await differences(db, dataset)).toEqual({});
  });

  it('passes on the keys that rows had before: a row that moves to another key leaves the old one', async () => {
    // gold.busiest has one row a device; its metric changes when another one is counted more often. gold.by_metric counts
    // devices by that metric, so both the old and the new metric must be computed anew.
    const { dataset, plan } = await opened({
      ...COUNTS,
      'gold/busiest.sql': header('incremental_strategy: delete+insert\nincrement_on: silver.counts\ntouch_key: [device]\nunique_key: [device]', 'select distinct on (device) device, metric from silver.counts order by device, n desc, metric'),
      'gold/by_metric.sql': header('incremental_strategy: delete+insert\nincrement_on: gold.busiest\ntouch_key: [metric]\nunique_key: [metric]', 'select metric, count(*) as devices from gold.busiest group by metric'),
    });
    await runWith(plan, [['a', '2030-01-01 V 1'], ['b', '2030-01-01 V 1'], [null, '2030-01-01 V 1']]);
    expect(await db.query('select metric, devices from gold.by_metric')).toEqual([{ metric: 'V', devices: '3' }]);
    await runWith(plan, [['a', '2030-01-01 C 1'], ['a', '2030-01-01 C 1']]);
    expect(await db.query('select metric, devices from gold.by_metric order by 1')).toEqual([{ metric: 'C', devices: '1' }, { metric: 'V', devices: '2' }]);
    await runWith(plan, [['b', '2030-01-01 C 1'], ['b', '2030-01-01 C 1'], [null, '2030-01-01 C 1'], [null, '2030-01-01 C 1']]);
    expect(await db.query('select metric, devices from gold.by_metric')).toEqual([{ metric: 'C', devices: '3' }]);
    expect(await differences(db, dataset)).toEqual({});
  });

  it('follows a touch_key that is an accumulated value: the groups of before and of now are computed anew', async () => {
    const { dataset, plan } = await opened({
      ...COUNTS,
      'gold/by_n.sql': header('incremental_strategy: delete+insert\nincrement_on: silver.counts\ntouch_key: [n]\nunique_key: [n]', 'select n, count(*) as groups from silver.counts group by n'),
    });
    await runWith(plan, [['a', '2030-01-01 V 1'], ['b', '2030-01-01 V 1'], [null, '2030-01-01 V 1'], [null, '2030-01-01 C 1']]);
    expect(await db.query('select n, groups from gold.by_n')).toEqual([{ n: '1', groups: '4' }]);
    await runWith(plan, [['a', '2030-01-01 V 1'], [null, '2030-01-01 V 1']]);
    expect(await db.query('select n, groups from gold.by_n order by 1')).toEqual([{ n: '1', groups: '2' }, { n: '2', groups: '2' }]);
    await runWith(plan, [['b', '2030-01-01 V 1'], [null, '2030-01-01 C 1']]);
    expect(await db.query('select n, groups from gold.by_n')).toEqual([{ n: '2', groups: '4' }]);
    expect(await differences(db, dataset)).toEqual({});
  });

  it('follows a merge model whose row moves from one group to another', async () => {
    const { dataset, plan } = await opened({
      'silver/places.sql': header('incremental_strategy: merge\nincrement_on: bronze.raw\nunique_key: [device]', "select device, split_part(line, ' ', 2) as room from bronze.raw"),
      'silver/stg.sql': undefined,
      'gold/rooms.sql': header('incremental_strategy: delete+insert\nincrement_on: silver.places\ntouch_key: [room]\nunique_key: [room]', 'select room, count(*) as devices from silver.places group by room'),
    });
    await runWith(plan, [['a', '1 hall'], ['b', '1 hall'], [null, '1 hall']]);
    expect(await runWith(plan, [['a', '2 attic'], [null, '2 attic'], ['b', '2 hall']])).toMatchObject({ 'silver.places': [2, 0], 'gold.rooms': [2, 1] });
    expect(await db.query('select room, devices from gold.rooms order by 1')).toEqual([{ room: 'attic', devices: '2' }, { room: 'hall', devices: '1' }]);
    expect(await differences(db, { ...dataset, models: dataset.models.filter(({ strategy }) => strategy !== 'merge') })).toEqual({});
  });

  it('finds stored rows and input rows by index when most are not touched', async () => {
    const { plan } = await opened({
      ...COUNTS,
      'gold/per_device.sql': header('incremental_strategy: delete+insert\nincrement_on: silver.counts\ntouch_key: [device]', 'select device, sum(n) as n from silver.counts group by device'),
    });
    await db.query(`insert into bronze.raw (device, line) select 'd' || g % 20000, '2030-01-01 V ' || g from generate_series(1, 40000) as g`);
    await run(client, plan, { maxRows: 100_000 });
    await db.query('analyze silver.counts, gold.per_device');
    const scans = () => db.query<{ name: string; seq: string }>(`select relname as name, seq_scan as seq from pg_stat_user_tables where relname in ('counts', 'per_device') order by 1`);
    await client.query('select pg_stat_force_next_flush()');
    const before = await scans();
    for (let i = 0; i < 5; i++) await runWith(plan, [[`d${i}`, '2030-01-01 V 1']]);
    await client.query('select pg_stat_force_next_flush()');
    await client.query('select 1');
    expect(await scans()).toEqual(before);
  });
});

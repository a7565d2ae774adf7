import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPool, type ConnectionPool } from '@ingot/postgres';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { apply } from '../src/apply.js';
import { planTests } from '../src/data-tests/planned-tests.js';
import { RunTests } from '../src/data-tests/run-tests.js';
import { testsOfTables, testTables } from '../src/data-tests/whole-tables.js';
import { RunFailure } from '../src/run-failure.js';
import { RunSession } from '../src/run-session.js';
import { SAMPLE, sampleDataset } from './sample-project.js';

let db: TestDatabase;
let pool: ConnectionPool;
beforeEach(async () => {
  db = await createTestDatabase();
  pool = createPool({ url: db.url, name: 'runs', max: 2, acquireTimeoutMs: 5_000, settings: { jit: 'off' }, onError: () => undefined });
});
afterEach(async () => {
  await pool.end();
  await db.drop();
});

const model = (keys: string, select: string) => `/* ---\n${keys}\n--- */\n${select}\n`;
/** The append model with these data tests of `value`, in YAML. */
const stg = (tests: string) => SAMPLE['silver/stg.sql']!.replace('data_tests: [not_null]', () => `data_tests: ${tests}`);

async function opened(changes: Readonly<Record<string, string | undefined>> = {}) {
  const dataset = await sampleDataset(changes);
  await apply(await db.session(), dataset);
  const session = new RunSession({ pool, dataset, maxRows: 1_000 });
  return { dataset, session };
}
const write = (...lines: string[]) => db.query(`insert into bronze.raw (device, line) select 'a', unnest($1::text[])`, [lines]);
const published = () => db.query<{ n: number }>('select count(*)::int as n from silver.stg').then(([row]) => row?.n);
async function failure(session: RunSession): Promise<RunFailure> {
  const error: unknown = await session.run().then(() => undefined, (thrown: unknown) => thrown);
  if (!(error instanceof RunFailure)) throw new Error('the run did not fail', { cause: error });
  return error;
}
const results = () => db.query(`select run_id, test, scope, outcome, failures, samples from ingot.test_results join ingot.runs on id = run order by run_id, test`);

describe('a data test of severity error', () => {
  it.each<[string, string, string[], string]>([
    ['not_null', '[not_null]', ['V', 'V', 'C 1'], 'data test not_null of value failed: 2 rows, e.g. {"raw_id":1,"day":"2030-01-01","device":"a","metric":"V","value":null,"_run_id":1}'],
    ['in_range', '[in_range: { min: 0, max: 10 }]', ['V 1', 'V 11', 'V -1', 'V'], 'data test in_range of value failed: 2 rows, e.g. {"raw_id":2,'],
    ['accepted_values', '[accepted_values: { values: [1, 2] }]', ['V 1', 'V 3', 'V'], 'data test accepted_values of value failed: 1 row, e.g. {"raw_id":2,'],
    ['matches', "[matches: { pattern: '^[0-9]$' }]", ['V 1', 'V 12', 'V'], 'data test matches of value failed: 1 row, e.g. {"raw_id":2,'],
    ['unique', '[unique]', ['V 1', 'V 2', 'C 2', 'V 3', 'C 3', 'V', 'V'], 'data test unique of value failed: 2 keys, e.g. {"value":'],
    ['with a condition', `[in_range: { min: 0, where: "metric = 'V'" }]`, ['C -1', 'V -2'], 'data test in_range of value failed: 1 row, e.g. {"raw_id":2,'],
    ['several', '[in_range: { min: 0 }, not_null]', ['C -1', 'V'], 'data test in_range of value failed: 1 row, e.g. {"raw_id":1,"day":"2030-01-01","device":"a","metric":"C","value":-1,"_run_id":1}; so did not_null of value'],
  ])('%s publishes nothing and tells how many rows, with samples', async (_what, tests, lines, reason) => {
    const { session } = await opened({ 'silver/stg.sql': stg(tests) });
    await write(...lines.map((line) => `2030-01-01 ${line}`));
    const failed = await failure(session);
    expect(failed.message.startsWith('sql/sample/silver/stg.sql:15:18: silver.stg: ')).toBe(true);
    expect(failed.reason.slice(0, reason.length)).toBe(reason);
    expect(await published()).toBe(0);
    const [run] = await db.query<{ status: string; error: { tests: unknown[] } }>('select status, error from ingot.runs');
    expect(run).toMatchObject({ status: 'failed', error: { model: 'silver.stg', line: 15, column: 18 } });
    expect(run!.error.tests[0]).toMatchObject({ test: failed.tests[0]!.test, relation: 'silver.stg', scope: 'rows of the run', failures: failed.tests[0]!.failures, samples: failed.tests[0]!.samples });
  });

  it('looks at the rows a run writes, not at those of before', async () => {
    const { session } = await opened({ 'silver/stg.sql': stg('[in_range: { max: 10 }]') });
    await write('2030-01-01 V 1');
    await session.run();
    await db.query(`set ingot.data_tests = 'by query'; update silver.stg set value = 99`);
    await write('2030-01-01 V 2');
    expect(await session.run()).toMatchObject({ outcome: 'succeeded' });
    await write('2030-01-01 V 11', '2030-01-01 V 12');
    expect((await failure(session)).tests).toMatchObject([{ failures: 2 }]);
  });

  it('gives at most 20 samples and cuts long values', async () => {
    const { session } = await opened({ 'silver/stg.sql': stg('[in_range: { max: 10 }]').replace("split_part(line, ' ', 2) as metric", "repeat('é', 5000) as metric") });
    await write(...Array.from({ length: 25 }, (_, i) => `2030-01-01 V ${i + 11}`));
    const [test] = (await failure(session)).tests;
    expect(test).toMatchObject({ failures: 25 });
    expect(test!.samples).toHaveLength(20);
    expect((test!.samples[0] as { metric: string }).metric).toBe(`${'é'.repeat(1000)}…`);
  });

  it('is minded by changing tables, at just the rows that are written', async () => {
    const daily = SAMPLE['silver/daily.sql']!.replace('accumulate: {', 'data_tests: [in_range: { column: n, max: 2 }]\naccumulate: {');
    const { session } = await opened({ 'silver/daily.sql': daily });
    await write('2030-01-01 V 1', '2030-01-01 C 1');
    await session.run();
    await db.query(`set ingot.data_tests = 'by query'; update silver.daily set n = 9 where metric = 'C'`);
    await write('2030-01-01 V 1');
    expect(await session.run()).toMatchObject({ outcome: 'succeeded', tests: [] });
    await write('2030-01-01 V 1');
    expect((await failure(session)).message).toContain('sql/sample/silver/daily.sql:7:14: silver.daily: data test in_range of n failed: 1 row, e.g. {"day":"2030-01-01","device":"a","metric":"V","n":3,');
    expect(await published()).toBe(3);
  });

  it('may be of more rows than one, and then counts', async () => {
    const { session } = await opened({ 'silver/stg.sql': stg('[in_range: { max: 10, error_above: 2 }]') });
    await write('2030-01-01 V 11', '2030-01-01 V 12');
    expect(await session.run()).toMatchObject({ outcome: 'succeeded', tests: [{ outcome: 'warned', failures: 2, scope: 'rows of the run' }] });
    await write('2030-01-01 V 11', '2030-01-01 V 12', '2030-01-01 V 13');
    expect((await failure(session)).tests).toMatchObject([{ outcome: 'failed', failures: 3 }]);
    expect(await published()).toBe(2);
  });

  it('that cannot be one is refused by apply at its place', async () => {
    await expect(opened({ 'silver/stg.sql': stg('[in_range: { max: high }]') })).rejects.toMatchObject({ name: 'ApplyError', message: 'sql/sample/silver/stg.sql:15:18: data test in_range of value: invalid input syntax for type double precision: "high"' });
  });

  it('lets a run that another test has failed go on when the data allow it, and keeps one record of each failure', async () => {
    const { session } = await opened({ 'silver/stg.sql': stg('[in_range: { max: 10 }]') });
    await write('2030-01-01 V 11', '2030-01-01 V 1');
    await failure(session);
    await write('2030-01-01 V 12');
    await failure(session); // two rows now, and the same failure
    expect(await db.query('select attempts from ingot.runs')).toEqual([{ attempts: 2 }]);
    await db.query(`update bronze.raw set line = '2030-01-01 V 5' where line like '%1_'`);
    expect(await session.run()).toMatchObject({ outcome: 'succeeded', rowsIn: 3 });
  });
});

describe('a data test of severity warn', () => {
  it('is recorded with count and samples and stops nothing', async () => {
    const { session } = await opened({ 'silver/stg.sql': stg('[in_range: { max: 10, severity: warn }, unique: { severity: warn }]') });
    await write('2030-01-01 V 11', '2030-01-01 V 1', '2030-01-01 C 1');
    await session.run();
    await write('2030-01-01 V 2');
    await session.run();
    expect(await published()).toBe(4);
    expect(await results()).toMatchObject([
      { run_id: '1', test: 'in_range_silver_stg_value', scope: 'rows of the run', outcome: 'warned', failures: '1', samples: [{ raw_id: 1, value: 11 }] },
      { run_id: '1', test: 'unique_silver_stg_value', scope: 'whole table', outcome: 'warned', failures: '1', samples: [{ value: 1, rows: 2 }] },
      { run_id: '2', test: 'in_range_silver_stg_value', outcome: 'passed', failures: '0', samples: [] },
      { run_id: '2', test: 'unique_silver_stg_value', outcome: 'warned' },
    ]);
  });
});

describe('unique over the columns of unique_key', () => {
  const keyed = '[unique: { columns: [day, device, metric] }, unique: { columns: [metric, day, device], severity: warn, name: same_key }]';

  it('is kept by the index of the key: no run reads the table for it', async () => {
    const { session } = await opened({ 'silver/daily.sql': SAMPLE['silver/daily.sql']!.replace('accumulate: {', `data_tests: ${keyed}\naccumulate: {`) });
    await write('2030-01-01 V 1', '2030-01-01 C 1');
    expect(await session.run()).toMatchObject({ outcome: 'succeeded', tests: [] });
  });

  it('is kept by an index of its own where rows are only appended', async () => {
    const { session } = await opened({ 'silver/stg.sql': stg('[unique]').replace('increment_on: bronze.raw', 'increment_on: bronze.raw\nunique_key: [value]') });
    await write('2030-01-01 V 1', '2030-01-01 V 2');
    expect(await session.run()).toMatchObject({ outcome: 'succeeded', tests: [] });
    await write('2030-01-01 V 2', '2030-01-01 V 3');
    expect((await failure(session)).tests).toMatchObject([{ scope: 'rows of the run', failures: 1, samples: [{ value: 2, rows: 2 }] }]);
  });
});

describe('relationships', () => {
  const devices = model('materialized: incremental\nincremental_strategy: merge\nincrement_on: bronze.raw\nunique_key: [place]', "select split_part(line, ' ', 2) as place, split_part(line, ' ', 4) as device from bronze.raw where line like '%device%'");
  const FILES = {
    'silver/devices.sql': devices,
    'silver/stg.sql': stg('[not_null]').replace('  - name: metric\n', '  - name: metric\n    data_tests: [relationships: { to: silver.devices, field: device }]\n').replace('from bronze.raw', "from bronze.raw where line not like '%device%'"),
  };

  it('look at the new rows, and at all when the parent has changed', async () => {
    const { session } = await opened(FILES);
    await write('2030-01-01 p device V', '2030-01-01 V 1');
    expect(await session.run()).toMatchObject({ tests: [{ outcome: 'passed', scope: 'whole table' }] });
    await write('2030-01-01 V 2');
    expect(await session.run()).toMatchObject({ tests: [{ outcome: 'passed', scope: 'rows of the run' }] });
    await write('2030-01-01 X 2');
    expect((await failure(session)).message).toContain('silver.stg: data test relationships of metric failed: 1 row, e.g. {"raw_id":4,');
    await db.query(`delete from bronze.raw where line like '%X%'`);
    await write('2030-01-01 p device W'); // V is no device any more
    expect((await failure(session)).tests).toMatchObject([{ scope: 'whole table', failures: 2 }]);
    expect(await db.query('select device from silver.devices')).toEqual([{ device: 'V' }]);
  });
});

describe('relationships of a growing table', () => {
  it('find the rows of the run by index: the planner, left free, reads a table that nobody has analysed whole', async () => {
    const dataset = await sampleDataset({ 'silver/stg.sql': stg('[relationships: { to: silver.places, field: place }]'), 'silver/places.sql': model('materialized: view', 'select 1::float8 as place') });
    const asked: boolean[] = [];
    const ask = async (_text: string, incrementOnly: boolean) => Promise.resolve([{ failures: '0', samples: [], incrementOnly: asked.push(incrementOnly) }]);
    const increments = new Map([['silver.stg', { kind: 'growing' as const, relation: 'silver.stg', where: 'true', rows: 1 }]]);
    await new RunTests({ tests: planTests(dataset), runId: 2n, increments, ask }).finish();
    expect(asked).toEqual([true]);
  });
});

describe('tests of views, tests/ and whole models', () => {
  it('a view is tested when what it reads has changed', async () => {
    const view = model('materialized: view\ncolumns:\n  - name: v\n    data_tests: [in_range: { max: 10 }]', "select value as v from silver.stg where metric = 'V'");
    const { session } = await opened({ 'gold/seen.sql': view });
    await write('2030-01-01 V 1');
    expect(await session.run()).toMatchObject({ tests: [{ test: 'in_range_gold_seen_v', outcome: 'passed', scope: 'whole table' }] });
    expect(await session.run()).toMatchObject({ tests: [] });
    await write('2030-01-01 V 11');
    expect((await failure(session)).message).toMatch(/^sql\/sample\/gold\/seen\.sql:5:18: gold\.seen: data test in_range of v failed: 1 row, e\.g\. {"v":11}$/);
  });

  it('rows of a SELECT in tests/ must not exist; its own errors point into its file', async () => {
    const { session } = await opened({ 'tests/no_orphans.sql': "select * from silver.stg as s\nwhere not exists (select from silver.daily as d where d.metric = s.metric) or metric = 'bad'\n", 'tests/ratio.sql': "select 1 / value::int as é from silver.stg where 1 / nullif(value, 7)::int = 2" });
    await write('2030-01-01 V 1');
    expect(await session.run()).toMatchObject({ tests: [{ test: 'no_orphans', outcome: 'passed' }, { test: 'ratio', outcome: 'passed' }] });
    await write('2030-01-01 bad 1');
    expect((await failure(session)).message).toMatch(/^sql\/sample\/tests\/no_orphans\.sql:1:1: no_orphans: data test no_orphans failed: 1 row, e\.g\. {"raw_id":2,/);
    await db.query(`update bronze.raw set line = '2030-01-01 V 0' where line like '%bad%'`);
    expect((await failure(session)).message).toBe('sql/sample/tests/ratio.sql:1:1: ratio: data test ratio could not be carried out: division by zero');
    await db.query(`update bronze.raw set line = '2030-01-01 V 3' where line like '% V 0'`);
    expect(await session.run()).toMatchObject({ outcome: 'succeeded' });
    expect(await published()).toBe(2);
  });

  it('a SELECT in tests/ reads bronze no further than the run was cut', async () => {
    const dataset = await sampleDataset({ 'tests/complete.sql': 'select id from bronze.raw as r where not exists (select from silver.stg as s where s.raw_id = r.id)\n' });
    await apply(await db.session(), dataset);
    const session = new RunSession({ pool, dataset, maxRows: 1 });
    for (const line of ['2030-01-01 V 1', '2030-01-01 V 2']) {
      await db.query(`with f as (insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'bronze.raw', 1)) insert into bronze.raw (device, line) values ('a', $1)`, [line]);
    }
    expect(await session.run()).toMatchObject({ outcome: 'succeeded', rowsIn: 1, cut: true, tests: [{ outcome: 'passed', failures: 0 }] });
    expect(await testTables(await db.session(), [dataset], testsOfTables(dataset))).toMatchObject([{ outcome: 'passed' }, { test: 'complete', outcome: 'passed' }]);
    expect(await session.run()).toMatchObject({ outcome: 'succeeded', rowsIn: 1, tests: [{ outcome: 'passed' }] });
    await db.query('delete from silver.stg where raw_id = 1');
    expect(await testTables(await db.session(), [dataset], testsOfTables(dataset))).toMatchObject([{ outcome: 'passed' }, { test: 'complete', outcome: 'failed', failures: 1 }]);
  });

  it('a statement timeout inside a test rolls the run back and names the test', async () => {
    const { session } = await opened({ 'tests/slow.sql': 'select s.raw_id from silver.stg as s where pg_catalog.length(pg_catalog.repeat(s.metric, 10)) < (select pg_catalog.count(*) - 1000000000 from pg_catalog.generate_series(1, 100000000))' });
    await db.query(`do $$ begin execute format('alter database %I set statement_timeout = 400', current_database()); end $$`);
    await write('2030-01-01 V 1');
    expect((await failure(session)).message).toBe('sql/sample/tests/slow.sql:1:1: slow: data test slow could not be carried out: canceling statement due to statement timeout');
    expect(await published()).toBe(0);
  });

  it('row_count_change compares with before the run, for models that update rows too', async () => {
    const daily = SAMPLE['silver/daily.sql']!.replace('accumulate: {', 'data_tests: [row_count_change: { max_increase: 50% }]\naccumulate: {');
    const { session } = await opened({ 'silver/daily.sql': daily });
    await write(...Array.from({ length: 10 }, (_, i) => `2030-01-01 M${i} 1`));
    await session.run(); // from nothing
    await write('2030-01-01 M1 1', '2030-01-01 M2 1', '2030-01-01 N 1');
    expect(await session.run()).toMatchObject({ tests: [{ outcome: 'passed' }] });
    await write(...Array.from({ length: 6 }, (_, i) => `2030-01-01 O${i} 1`));
    expect((await failure(session)).message).toContain('silver.daily: data test row_count_change of silver.daily failed: 11 rows became 17 (+54.5 %)');
  });

  it('freshness is by the newest value of all, and checked although nothing is new', async () => {
    const fresh = stg('[not_null]').replace('materialized: incremental', 'materialized: incremental\ndata_tests: [freshness: { column: day, warn_after: 1d, error_after: 7d }]');
    const { session } = await opened({ 'silver/stg.sql': fresh });
    const day = async (back: number) => (await db.query<{ day: string }>('select (current_date - $1::int)::text as day', [back]))[0]!.day;
    await write(`${await day(0)} V 1`);
    expect(await session.run()).toMatchObject({ tests: [{ outcome: 'passed', scope: 'rows of the run' }] });
    await write(`${await day(30)} V 1`); // late data
    expect(await session.run()).toMatchObject({ tests: [{ outcome: 'passed', scope: 'whole table' }] });
    await db.query(`update silver.stg set day = current_date - 3 where day = current_date`);
    expect(await session.run()).toMatchObject({ tests: [{ outcome: 'warned', scope: 'whole table' }] });
    await db.query(`update silver.stg set day = current_date - 9 where day > current_date - 10`);
    expect((await failure(session)).message).toMatch(/data test freshness of day failed: the newest value is \d{4}-\d\d-\d\d, 9(\.\d)? d old; 7 d are allowed$/);
  });
});

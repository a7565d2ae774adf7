import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { formatPlace, loadDataset, loadUnitTests, type Dataset, type UnitTest } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { runUnitTests, type UnitTestResult } from '../src/unit-tests/run-unit-tests.js';
import { withSampleFiles } from './sample-project.js';

type Files = Readonly<Record<string, string | undefined>>;

describe('unit tests', () => {
  let db: TestDatabase;
  let client: Client;
  beforeAll(async () => {
    db = await createTestDatabase();
    client = await db.session();
  });
  afterAll(() => db.drop());

  const load = (yaml: string, files: Files = {}): Promise<{ dataset: Dataset; tests: UnitTest[] }> =>
    withSampleFiles({ ...files, 'unit/a.yml': yaml }, async (sqlDir) => {
      const dataset = await loadDataset(path.join(sqlDir, 'sample'));
      return { dataset, tests: await loadUnitTests(sqlDir, dataset) };
    });
  /** The only test of a model, given as the lines below its name. */
  async function resultOf(model: string, lines: string, files: Files = {}): Promise<UnitTestResult> {
    const { dataset, tests } = await load(`unit_tests:\n  - name: a\n    model: ${model}\n${lines.replace(/^/gm, '    ')}`, files);
    return (await runUnitTests(client, dataset, tests))[0]!;
  }
  /** `passed`, the rows that differ, or the error with its place. */
  async function outcomeOf(model: string, lines: string, files: Files = {}): Promise<unknown> {
    const { outcome, difference, error } = await resultOf(model, lines, files);
    if (error !== undefined) return `${formatPlace(error.place).replace('sql/sample/', '')}: ${error.message}`;
    return difference === undefined ? outcome : difference.rows.rows;
  }

  it('run where nothing was applied: bronze lines in, rows out', async () => {
    const given = `
given:
  - input: bronze.raw
    rows: [{line: 2024-01-01 V 2.50}, {line: 2024-01-02 C 1e1, device: pump, id: 77}]`;
    const rows = (first: string): string => `${given}
expect:
  rows:
    - {raw_id: 77, day: 2024-01-02, device: pump, metric: C, value: 10, _run_id: 1}
    - {raw_id: 1, day: 2024-01-01, device: null, metric: V, value: ${first}, _run_id: 1}`;
    expect(await outcomeOf('silver.stg', rows('2.5'))).toBe('passed');
    expect(await resultOf('silver.stg', rows('2.51'))).toMatchObject({
      outcome: 'failed',
      difference: {
        of: 'table',
        increment: 1,
        place: { file: 'sql/sample/unit/a.yml', line: 8 },
        rows: {
          columns: ['raw_id', 'day', 'device', 'metric', 'value', '_run_id'],
          equal: 1,
          rows: [{ expected: ['1', '2024-01-01', null, 'V', '2.51', '1'], actual: ['1', '2024-01-01', null, 'V', '2.5', '1'], differs: [false, false, false, false, true, false] }],
        },
      },
    });
  });

  it('run increments one after the other, on what the table holds before', async () => {
    const lines = (total: number): string => `
increments:
  - given:
      - {input: this, rows: [{day: 2024-01-01, metric: V, n: 2, total: 10, least: 4, most: 6}, {day: 2024-01-09, metric: V, n: 1}]}
      - {input: silver.stg, rows: [{day: 2024-01-01, metric: V, value: 7}, {day: 2024-01-02, metric: V, value: 1.5}]}
    expect:
      rows:
        - {day: 2024-01-01, n: 3, total: 17, most: 7, _run_id: 1}
        - {day: 2024-01-02, n: 1, total: 1.50, most: 1.5, _run_id: 1}
        - {day: 2024-01-09, n: 1, _run_id: 0}
  - given: []
  - given: [{input: silver.stg, rows: [{day: 2024-01-02, metric: V, value: 2}]}]
expect:
  rows:
    - {day: 2024-01-01, total: 17, _run_id: 1}
    - {day: 2024-01-02, total: ${total}, _run_id: 3}
    - {day: 2024-01-09, _run_id: 0}`;
    expect(await outcomeOf('silver.daily', lines(3.5))).toBe('passed');
    expect(await resultOf('silver.daily', lines(3.6))).toMatchObject({ outcome: 'failed', difference: { increment: 3, rows: { equal: 2 } } });
  });

  it('recompute what touches new versions of rows and removed ones', async () => {
    const sums = (rows: string, removed = ''): string => `{given: [{input: silver.daily, rows: [${rows}]${removed}}]}`;
    const lines = (last: string): string => `
increments:
  - ${sums('{day: 2024-01-01, device: a, metric: V, n: 1, total: 2}, {day: 2024-01-01, device: a, metric: C, n: 1, total: 3}, {day: 2024-01-02, metric: V, n: 1, total: 2}')}
  - ${sums('{day: 2024-01-02, metric: C, n: 2, total: 10}')}
  - ${sums('{day: 2024-01-01, device: a, metric: V, n: 2, total: 6}')}
  - ${sums('', ', removed: [{day: 2024-01-02, metric: V}]')}
expect: {rows: [{day: 2024-01-01, device: a, power: 9, _run_id: 3}${last}]}`;
    expect(await outcomeOf('gold.power', lines(''))).toBe('passed');
    expect(await outcomeOf('gold.power', lines(', {day: 2024-01-02}'))).toEqual([{ expected: ['2024-01-02', null, null, null] }]);
    expect(await outcomeOf('gold.power', `increments: [${sums('{day: 2024-01-01, metric: V}', ', removed: [{metric: X}]')}]\nexpect: {rows: []}`)).toBe('unit/a.yml:4:98: silver.daily holds no such row to remove');
    expect(await outcomeOf('gold.power', `increments: [${sums('{metric: V, n: 1}, {metric: V, n: 2}')}]\nexpect: {rows: []}`)).toBe('unit/a.yml:4:35: two rows of one increment have the same day, device, metric, the unique_key of silver.daily');
  });

  const LOOKUP = {
    'silver/names.sql': '/* ---\nmaterialized: view\n--- */\nselect distinct device as code, upper(device) as name from silver.stg',
    'gold/named.sql': `/* ---
materialized: incremental
incremental_strategy: append
increment_on: bronze.raw
lookups: [silver.names]
--- */
select raw.id, names.name from bronze.raw left join silver.names on names.code = raw.device`,
  };

  it('give a lookup what it holds from then on, and views what they are made of', async () => {
    const increment = (id: number, lookup: string): string => `{given: [{input: bronze.raw, rows: [{id: ${id}, line: "", device: a}]}${lookup}]}`;
    expect(
      await outcomeOf(
        'gold.named',
        `
increments:
  - ${increment(1, ', {input: silver.names, rows: [{code: a, name: first}]}')}
  - ${increment(2, '')}
  - ${increment(3, ', {input: silver.names, rows: [{code: a, name: second}]}')}
  - ${increment(4, ', {input: silver.names, rows: []}')}
expect: {rows: [{id: 1, name: first}, {id: 2, name: first}, {id: 3, name: second}, {id: 4, name: null}]}`,
        LOOKUP,
      ),
    ).toBe('passed');
    const view = (name: string): string => `given: [{input: silver.stg, rows: [{device: a}, {device: a}, {device: b}]}]\nexpect: {rows: [{code: a, name: A}, {code: b, name: ${name}}]}`;
    expect(await outcomeOf('silver.names', view('B'), LOOKUP)).toBe('passed');
    expect(await outcomeOf('silver.names', view('C'), LOOKUP)).toEqual([{ expected: ['b', 'C'], actual: ['b', 'B'], differs: [false, true] }]);
  });

  it('find the rows of a seed, unless they give it others', async () => {
    const files = {
      'seeds/factors.csv': 'device,factor\na,10\n',
      'gold/scaled.sql': '/* ---\nmaterialized: incremental\nincremental_strategy: append\nincrement_on: silver.stg\nlookups: [seeds.factors]\n--- */\nselect raw_id, value * factor as value from silver.stg join seeds.factors using (device)',
    };
    const lines = (seed: string, value: number): string => `given: [{input: silver.stg, rows: [{raw_id: 1, device: a, value: 2}]}${seed}]\nexpect: {rows: [{raw_id: 1, value: ${value}}]}`;
    expect(await outcomeOf('gold.scaled', lines('', 20), files)).toBe('passed');
    expect(await outcomeOf('gold.scaled', lines(', {input: seeds.factors, rows: [{device: a, factor: 3}]}', 6), files)).toBe('passed');
  });

  const MERGED = {
    'silver/latest.sql': '/* ---\nmaterialized: incremental\nincremental_strategy: merge\nincrement_on: silver.stg\nunique_key: [device]\norder_by: [day]\n--- */\nselect device, day, value from silver.stg',
    'gold/all.sql': '/* ---\nmaterialized: table\nunique_key: [device]\n--- */\nselect device, value * 2 as twice from silver.latest',
  };

  it('merge as a run does, where a late old row replaces nothing', async () => {
    const lines = `
increments:
  - given: [{input: silver.stg, rows: [{device: a, day: 2024-01-02, value: 1}, {device: a, day: 2024-01-03, value: 2}, {device: b, day: 2024-01-01, value: 5}]}]
  - given: [{input: silver.stg, rows: [{device: a, day: 2024-01-01, value: 9}, {device: b, day: 2024-01-02, value: 6}]}]
expect: {rows: [{device: a, value: 2, _run_id: 1}, {device: b, value: 6, _run_id: 2}]}`;
    expect(await outcomeOf('silver.latest', lines, MERGED)).toBe('passed');
  });

  it('compute a table anew, where an unchanged row stays', async () => {
    const lines = `
increments:
  - given: [{input: silver.latest, rows: [{device: a, value: 1}, {device: b, value: 2}, {device: c, value: 3}]}]
  - given: [{input: silver.latest, rows: [{device: a, value: 1}, {device: b, value: 4}]}]
expect: {rows: [{device: a, twice: 2, _run_id: 1}, {device: b, twice: 8, _run_id: 2}]}`;
    expect(await outcomeOf('gold.all', lines, MERGED)).toBe('passed');
  });

  const TYPES = {
    'silver/types.sql': `/* ---
materialized: view
--- */
select line::numeric(10,2) as amount, line::float8 as ratio, array[device, line] as list, json_build_object('a', line) as doc, jsonb_build_object('a', line::numeric) as docb, box '((0,0),(2,2))' as area
from bronze.raw`,
  };

  it('compare values as their types do', async () => {
    const lines = (row: string): string => `given: [{input: bronze.raw, rows: [{line: 1.5, device: "x, y"}]}]\nexpect: {rows: [{${row}}]}`;
    const same = "amount: 1.500, ratio: 15e-1, list: ['x, y', 1.5], doc: '{ \"a\":\"1.5\" }', docb: {a: 1.50}, area: '(2,2),(0,0)'";
    expect(await outcomeOf('silver.types', lines(same), TYPES)).toBe('passed');
    expect(await outcomeOf('silver.types', lines("area: '(4,1),(0,0)'"), TYPES)).toHaveLength(2); // of the same size, which is all that = of boxes looks at
    expect(await outcomeOf('silver.types', lines('ratio: 1.5000000000000002'), TYPES)).toHaveLength(2);
    expect(await outcomeOf('silver.types', lines('list: {a: 1}'), TYPES)).toBe('unit/a.yml:5:28: a mapping is no value of type text[]');
  });

  it('count rows that are there several times', async () => {
    const lines = (copies: number): string => `given: [{input: bronze.raw, rows: [{line: 2024-01-01 V 1, id: 1}, {line: 2024-01-01 V 1, id: 1}]}]\nexpect: {rows: [${'{raw_id: 1}, '.repeat(copies)}]}`;
    expect(await outcomeOf('silver.stg', lines(2))).toBe('passed');
    expect(await outcomeOf('silver.stg', lines(1))).toEqual([{ actual: ['1'] }]);
    expect(await outcomeOf('silver.stg', lines(3))).toEqual([{ expected: ['1'] }]);
    expect(await outcomeOf('silver.stg', lines(0))).toHaveLength(2);
  });

  it('say where a value is wrong', async () => {
    expect(await outcomeOf('silver.daily', 'given: [{input: silver.stg, rows: [{day: 2024-01-01, value: 1}, {day: 2024-01-32}]}]\nexpect: {rows: []}')).toBe('unit/a.yml:4:75: day: date/time field value out of range: "2024-01-32"');
    expect(await outcomeOf('silver.daily', 'given: []\nexpect: {rows: [{n: many}]}')).toBe('unit/a.yml:5:25: n: invalid input syntax for type bigint: "many"');
  });

  it('say where a SELECT is wrong, in the file as its author sees it', async () => {
    const broken = (select: string): Files => ({ 'gold/b.sql': `/* ---\nmaterialized: view\n--- */\n${select}`, 'gold/c.sql': '/* ---\nmaterialized: view\n--- */\nselect x from gold.b' });
    const wrong = broken('select value as x, valeu from silver.stg');
    expect(await outcomeOf('gold.b', 'given: []\nexpect: {rows: []}', wrong)).toMatch(/^gold\/b\.sql:4:20: gold\.b: column "valeu" does not exist/);
    expect(await outcomeOf('gold.c', 'given: []\nexpect: {rows: []}', wrong)).toMatch(/^gold\/b\.sql:4:20: gold\.b: /);
    expect(await outcomeOf('silver.stg', 'given: []\nexpect: {rows: []}', wrong)).toBe('passed');
    expect(await outcomeOf('gold.b', 'given: [{input: silver.stg, rows: [{value: 0}]}]\nexpect: {rows: []}', broken('select 1 / value as x from silver.stg'))).toMatch(/^gold\/b\.sql:4:1: gold\.b: division by zero/);
  });

  it('start anew each', async () => {
    const test = (name: string): string => `  - {name: ${name}, model: silver.stg, given: [{input: bronze.raw, rows: [{line: 2024-01-01 V 1}]}], expect: {rows: [{raw_id: 1, _run_id: 1}]}}\n`;
    const { dataset, tests } = await load(`unit_tests:\n${test('a')}${test('b')}`);
    const seen: string[] = [];
    const results = await runUnitTests(client, dataset, tests, ({ test: { name } }) => seen.push(name));
    expect(results.map(({ outcome }) => outcome)).toEqual(['passed', 'passed']);
    expect(seen).toEqual(['a', 'b']);
  });

  it('are stopped by the data tests that stop a run while it writes', async () => {
    const lines = (rows: string): string => `given: [{input: bronze.raw, rows: [${rows}]}]\nexpect: {rows: [{metric: V}]}`;
    expect(await outcomeOf('silver.stg', lines('{line: 2024-01-01 V 1}'))).toBe('passed');
    expect(await outcomeOf('silver.stg', lines('{line: 2024-01-01 V}'))).toMatch(/^silver\/stg\.sql:\d+:\d+: silver\.stg: data test not_null of value failed: 1 row/);
  });

  const RULES = {
    'silver/checked.sql': `/* ---
materialized: incremental
incremental_strategy: append
increment_on: bronze.raw
columns:
  - name: amount
    data_tests:
      - not_null: {on_fail: quarantine, name: has_amount}
      - in_range: {min: 0, on_fail: quarantine, name: not_negative}
--- */
select id, nullif(line, '')::int as amount from bronze.raw`,
  };

  it('expect rows to be put aside, with all their reasons', async () => {
    const lines = (quarantined: string): string => `
increments:
  - given: [{input: bronze.raw, rows: [{line: 1}, {line: -1}]}]
  - given: [{input: bronze.raw, rows: [{line: ""}, {line: x, device: a}, {line: 2}]}]
expect:
  rows: [{id: 1, amount: 1}, {id: 5, amount: 2}]
${quarantined}`;
    expect(await outcomeOf('silver.checked', lines("  quarantined: [{row: {line: ''}, reasons: [has_amount]}, {row: {line: -1}, reasons: [not_negative]}, {row: {line: x, device: a}, reasons: ['22P02']}]"), RULES)).toBe('passed');
    expect(await outcomeOf('silver.checked', lines('  quarantined: [{row: {id: 2}}, {row: {id: 3}}, {row: {id: 4}}]'), RULES)).toBe('passed');
    expect(await resultOf('silver.checked', lines(''), RULES)).toMatchObject({ outcome: 'failed', difference: { of: 'quarantine', increment: 2, rows: { rows: [{}, {}, {}] } } });
    expect(await outcomeOf('silver.checked', lines("  quarantined: [{row: {id: 2}, reasons: [has_amount]}, {row: {id: 3}, reasons: [has_amount]}, {row: {id: 4}, reasons: ['22P02']}]"), RULES)).toEqual([
      { expected: ['2', '{has_amount}'], actual: ['2', '{not_negative}'], differs: [false, true] },
    ]);
  });
});

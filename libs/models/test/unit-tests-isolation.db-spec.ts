import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadDataset, loadUnitTests, type Dataset, type UnitTest } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { readPlan, type Plan } from '../src/plan.js';
import { run } from '../src/run.js';
import { runUnitTests } from '../src/unit-tests/run-unit-tests.js';
import { withSampleFiles } from './sample-project.js';

const UNIT = `unit_tests:
  - name: rows
    model: silver.stg
    given: [{input: bronze.raw, rows: [{line: 2024-01-01 V 1}, {line: poison}]}]
    expect: {rows: [{value: 1}], quarantined: [{row: {line: poison}}]}
  - name: sums
    model: silver.daily
    increments: [{given: [{input: silver.stg, rows: [{value: 1}]}]}, {given: [{input: silver.stg, rows: [{value: 2}]}]}]
    expect: {rows: [{total: 3}]}
  - name: powers
    model: gold.power
    given: [{input: silver.daily, rows: [{day: 2024-01-01, metric: V, n: 1, total: 2}, {day: 2024-01-01, metric: C, n: 1, total: 3}]}]
    expect: {rows: [{power: 7}]}
`;
const OUTCOMES = ['passed', 'passed', 'failed'];

describe('unit tests touch nothing', () => {
  let db: TestDatabase;
  let client: Client;
  let dataset: Dataset;
  let tests: UnitTest[];
  let plan: Plan;
  beforeAll(async () => {
    db = await createTestDatabase();
    client = await db.session();
    [dataset, tests] = await withSampleFiles({ 'unit/a.yml': UNIT }, async (sqlDir) => {
      const loaded = await loadDataset(path.join(sqlDir, 'sample'));
      return [loaded, await loadUnitTests(sqlDir, loaded)];
    });
    await apply(client, dataset);
    plan = await readPlan(client, dataset);
    await db.query(`insert into bronze.raw (device, line) values ('a', '2024-01-01 V 5'), ('a', '2024-01-01 C 2')`);
    await run(client, plan, { maxRows: 100 });
  });
  afterAll(() => db.drop());

  const outcomes = async (session: Client): Promise<string[]> => (await runUnitTests(session, dataset, tests)).map(({ outcome }) => outcome);

  /** Every relation there is, the rows of every table, and where every sequence stands. */
  async function stateOf(): Promise<object> {
    const relations = await db.query<{ name: string; kind: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name, c.relkind as kind from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
       where n.nspname !~ '^(pg_|information_schema)' order by 1`,
    );
    const tables = relations.filter(({ kind }) => kind === 'r' || kind === 'p');
    const rows: [string, unknown][] = [];
    for (const { name } of tables) rows.push([name, await db.query(`select t::text from ${name} as t order by 1`)]);
    return {
      relations,
      rows,
      sequences: await db.query('select schemaname, sequencename, last_value from pg_sequences order by 1, 2'),
      schemas: await db.query('select nspname from pg_namespace where nspname !~ $1 order by 1', ['^pg_(temp|toast_temp)_']),
    };
  }

  it('no relation, no row, no sequence, no schema; a run afterwards goes on as before', async () => {
    const before = await stateOf();
    expect(await outcomes(client)).toEqual(OUTCOMES);
    expect(await outcomes(client)).toEqual(OUTCOMES);
    expect(await stateOf()).toEqual(before);
    await db.query(`insert into bronze.raw (device, line) values ('a', '2024-01-01 V 7')`);
    expect(await run(client, plan, { maxRows: 100 })).toMatchObject({ outcome: 'succeeded', runId: 2n, rowsIn: 1 });
    expect(await db.query('select power from gold.power')).toEqual([{ power: '12' }]);
  });

  it('no lock that a run or a publish would wait for, and none that they would make it wait for', async () => {
    const other = await db.session();
    await other.query(`begin; lock table bronze.raw, silver.stg, silver.daily, gold.power, gold.summary, ingot.datasets, ingot.runs in access exclusive mode`);
    try {
      expect(await outcomes(client)).toEqual(OUTCOMES);
    } finally {
      await other.query('rollback');
    }
    const { rows: [own] } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const locks = new Set<string>();
    await runUnitTests(client, dataset, tests, async () => {
      const held = await db.query<{ locked: string }>(
        `select coalesce(n.nspname, l.locktype) as locked from pg_locks as l left join pg_class as c on c.oid = l.relation left join pg_namespace as n on n.oid = c.relnamespace
         where l.pid = $1 and l.locktype in ('relation', 'advisory')`,
        [own!.pid],
      );
      for (const { locked } of held) locks.add(locked);
    });
    expect(locks.size).toBeGreaterThan(0);
    expect([...locks].filter((name) => ['bronze', 'silver', 'gold', 'seeds', 'advisory'].includes(name))).toEqual([]);
  });

  it('each other: two at once pass', async () => {
    const other = await db.session();
    const both = await Promise.all([outcomes(client), outcomes(other), outcomes(await db.session())]);
    expect(both).toEqual([OUTCOMES, OUTCOMES, OUTCOMES]);
  });
});

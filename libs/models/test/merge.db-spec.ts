import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import fc from 'fast-check';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { readPlan, type Plan } from '../src/plan.js';
import { run } from '../src/run.js';
import { differences } from './consistency.js';
import { sampleDataset } from './sample-project.js';

const header = (keys: string, select: string) => `/* ---\nmaterialized: incremental\n${keys}\n--- */\n${select}\n`;
const merge = (keys: string, select: string) => header(`incremental_strategy: merge\nincrement_on: bronze.raw\n${keys}`, select);
/** A line is `key order value`; `-` is null. */
const FIELDS = "nullif(split_part(line, ' ', 1), '-') as key, nullif(split_part(line, ' ', 2), '-')::int as at, nullif(split_part(line, ' ', 3), '-') as value";
const COUNTS = header('incremental_strategy: delete+insert\nincrement_on: silver.latest\ntouch_key: [value]\nunique_key: [value]', 'select value, count(*) as keys, min(at) as first from silver.latest group by value');

let db: TestDatabase;
let client: Client;
let dataset: Dataset;
let plan: Plan;
beforeEach(async () => {
  db = await createTestDatabase();
  client = await db.session();
});
afterEach(() => db.drop());

async function opened(changes: Readonly<Record<string, string>>): Promise<void> {
  dataset = await sampleDataset({ 'silver/stg.sql': undefined, 'silver/daily.sql': undefined, 'gold/power.sql': undefined, 'gold/summary.sql': undefined, ...changes });
  await apply(client, dataset);
  plan = await readPlan(client, dataset);
}
async function runWith(...lines: string[]) {
  await db.query('insert into bronze.raw (line) select unnest($1::text[])', [lines]);
  const result = await run(client, plan, { maxRows: 100_000 });
  if (result.outcome !== 'succeeded') throw new Error(result.outcome);
  return result.steps[0]!;
}
const latest = () => db.query('select key, at, value, _run_id::int as run from silver.latest order by key nulls first');

describe('merge', () => {
  it('takes the last row of each key by order_by, within an increment and against what is stored', async () => {
    await opened({ 'silver/latest.sql': merge('unique_key: [key]\norder_by: [at]', `select ${FIELDS} from bronze.raw`) });
    expect(await runWith('a 2 x', 'a 3 y', 'a 1 z', '- 1 n', '- 2 m')).toMatchObject({ rowsWritten: 2, ledger: { in: 5, out: 5, quarantined: 0, filtered: 0 } });
    expect(await latest()).toEqual([{ key: null, at: 2, value: 'm', run: 1 }, { key: 'a', at: 3, value: 'y', run: 1 }]);
    expect((await runWith('a 2 late', 'b 1 new', 'a - null')).rowsWritten).toBe(1); // null is older than everything
    expect(await latest()).toEqual([{ key: null, at: 2, value: 'm', run: 1 }, { key: 'a', at: 3, value: 'y', run: 1 }, { key: 'b', at: 1, value: 'new', run: 2 }]);
    expect((await runWith('a 3 same-time', '- 9 k')).rowsWritten).toBe(2); // of two equal ones the later one
    expect(await latest()).toEqual([{ key: null, at: 9, value: 'k', run: 3 }, { key: 'a', at: 3, value: 'same-time', run: 3 }, { key: 'b', at: 1, value: 'new', run: 2 }]);
  });

  it('goes by arrival without order_by, and by a descending order when asked', async () => {
    await opened({
      'silver/latest.sql': merge('unique_key: [key]', `select ${FIELDS} from bronze.raw`),
      'silver/least.sql': merge('unique_key: [key]\norder_by: [at desc]', `select ${FIELDS} from bronze.raw`),
    });
    await runWith('a 5 x', 'a 3 y', 'a 4 z');
    await runWith('a 9 w');
    expect(await latest()).toEqual([{ key: 'a', at: 9, value: 'w', run: 2 }]);
    expect(await db.query('select at, value from silver.least')).toEqual([{ at: 3, value: 'y' }]);
  });

  it('leaves a row that says what is stored already untouched', async () => {
    await opened({ 'silver/latest.sql': merge('unique_key: [key]', "select split_part(line, ' ', 1) as key, split_part(line, ' ', 2)::numeric as exact, split_part(line, ' ', 3)::json as document from bronze.raw") });
    await runWith('a 1.0 1');
    const before = await db.query('select ctid, _run_id from silver.latest');
    expect(before).toHaveLength(1);
    expect((await runWith('a 1.0 1', 'a 1.0 1')).rowsWritten).toBe(0);
    expect(await db.query('select ctid, _run_id from silver.latest')).toEqual(before);
    expect((await runWith('a 1.00 1')).rowsWritten).toBe(1); // as text it differs
  });

  it('replaces the columns of merge_update_columns only; the others keep what came first', async () => {
    await opened({ 'silver/latest.sql': merge('unique_key: [key]\nmerge_update_columns: [value]', `select ${FIELDS} from bronze.raw`) });
    await runWith('a 1 x', 'a 2 y');
    await runWith('a 3 z', 'b 1 x');
    expect(await latest()).toEqual([{ key: 'a', at: 1, value: 'z', run: 2 }, { key: 'b', at: 1, value: 'x', run: 2 }]);
  });

  it('passes on what rows said before: a delete+insert child by a merged value stays right', async () => {
    await opened({ 'silver/latest.sql': merge('unique_key: [key]\norder_by: [at]', `select ${FIELDS} from bronze.raw`), 'gold/counts.sql': COUNTS });
    await runWith('a 1 x', 'b 1 x', '- 1 x');
    expect(await db.query('select value, keys::int, _run_id::int as run from gold.counts')).toEqual([{ value: 'x', keys: 3, run: 1 }]);
    await runWith('a 2 y', '- 2 -');
    expect(await db.query('select value, keys::int from gold.counts order by 1 nulls first')).toEqual([{ value: null, keys: 1 }, { value: 'x', keys: 1 }, { value: 'y', keys: 1 }]);
    await runWith('b 0 z'); // older: nothing changes
    expect(await db.query('select max(_run_id)::int as run from gold.counts')).toEqual([{ run: 2 }]);
  });

  it('puts rows aside that break a rule or fail, and merges the others', async () => {
    const select = "select split_part(line, ' ', 1) as key, split_part(line, ' ', 2)::int as at, split_part(line, ' ', 3) as value from bronze.raw";
    await opened({ 'silver/latest.sql': merge("unique_key: [key]\norder_by: [at]\ncolumns:\n  - name: value\n    data_tests:\n      - matches: {pattern: '^[a-z]+$', name: letters, on_fail: quarantine}", select) });
    expect(await runWith('a 1 x', 'a 2 7', 'b no y', 'b 1 y')).toMatchObject({ rowsWritten: 2, ledger: { in: 4, out: 2, quarantined: 2 } });
    expect(await latest()).toMatchObject([{ key: 'a', at: 1 }, { key: 'b', at: 1 }]);
    expect(await db.query('select reasons, sqlstate from ingot.quarantine order by id')).toEqual([{ reasons: ['letters'], sqlstate: null }, { reasons: [], sqlstate: '22P02' }]);
  });

  it('equals the last row of each key over everything, however increments are cut', async () => {
    await opened({
      'silver/latest.sql': merge('unique_key: [key]\norder_by: [at, value desc]', `select ${FIELDS} from bronze.raw where line not like 'skip%'`),
      'gold/counts.sql': COUNTS,
    });
    const line = fc.tuple(fc.constantFrom('a', 'b', '-', 'skip'), fc.constantFrom('1', '2', '3', '-'), fc.constantFrom('x', 'y', '-')).map((fields) => fields.join(' '));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(line, { maxLength: 5 }), { maxLength: 6 }), async (increments) => {
        for (const lines of increments) await runWith(...lines);
        const expected = await db.query(`select distinct on (key) key, at, value from (select ${FIELDS} from bronze.raw where line not like 'skip%') as q order by key, at desc nulls last, value asc nulls last`);
        const actual = await db.query('select key, at, value from silver.latest order by key');
        expect(actual).toEqual(expected);
        const { 'gold.counts': counts } = await differences(db, { ...dataset, models: dataset.models.filter(({ relation }) => relation === 'gold.counts') });
        expect(counts).toBeUndefined();
      }),
      { numRuns: 25 },
    );
  });
});

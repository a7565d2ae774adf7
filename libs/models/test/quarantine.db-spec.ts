import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import fc from 'fast-check';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { hasUnseen } from '../src/probe.js';
import { readPlan, type Plan } from '../src/plan.js';
import { requestReplay } from '../src/quarantine/replays.js';
import { run } from '../src/run.js';
import type { RowLedger } from '../src/strategies/step-context.js';
import { readState } from '../src/watermark.js';
import { differences } from './consistency.js';
import { SAMPLE, sampleDataset } from './sample-project.js';

const header = (keys: string, select: string) => `/* ---\nmaterialized: incremental\n${keys}\n--- */\n${select}\n`;
/** `silver.stg` with rules on its columns, and without its not_null test. */
const RULED = SAMPLE['silver/stg.sql']!
  .replace('  - name: metric\n', '  - name: metric\n    data_tests:\n      - accepted_values: {values: [V, C], name: known_metric, on_fail: quarantine}\n')
  .replace('    data_tests: [not_null]\n', "    data_tests:\n      - not_null: {name: has_value, on_fail: quarantine}\n      - in_range: {min: 0, max: 100, name: plausible, on_fail: quarantine, where: \"device is distinct from 'wild'\"}\n");

let db: TestDatabase;
let client: Client;
let dataset: Dataset;
let plan: Plan;

async function open(changes: Readonly<Record<string, string | undefined>>): Promise<void> {
  db = await createTestDatabase();
  client = await db.session('runner');
  await client.query('set jit = off');
  dataset = await sampleDataset(changes);
  await apply(client, dataset);
  plan = await readPlan(client, dataset);
}
const write = (lines: readonly string[], device: string | null = 'a') => db.query('insert into bronze.raw (device, line) select $1, unnest($2::text[])', [device, lines]);
const refresh = async (): Promise<Record<string, RowLedger | undefined>> => {
  const result = await run(client, plan, { maxRows: 100_000 });
  if (result.outcome !== 'succeeded') throw new Error(result.outcome);
  return Object.fromEntries(result.steps.map(({ model, ledger }) => [model, ledger]));
};
const ledger = (counts: Partial<RowLedger>): RowLedger => ({ in: 0, out: 0, quarantined: 0, filtered: 0, replayed: 0, ...counts });
const entries = () => db.query<{ id: string; line: string }>(`select id, input_row ->> 'line' as line, reasons, sqlstate, message, attempts, replay, run_id from ingot.quarantine order by id`);
const stored = () => db.query<{ raw_id: string }>('select raw_id from silver.stg order by raw_id').then((rows) => rows.map(({ raw_id }) => Number(raw_id)));

describe('rows that break rules', () => {
  beforeEach(() => open({ 'silver/stg.sql': RULED }));
  afterEach(() => db.drop());

  it('are diverted with all their reasons and the whole input row, and nothing else is', async () => {
    await write(['2030-01-01 V 1', '2030-01-01 X 500', '2030-01-01 C', '2030-01-01 C 100']);
    await write(['2030-01-01 V 500'], 'wild');
    expect((await refresh())['silver.stg']).toEqual(ledger({ in: 5, out: 3, quarantined: 2 }));
    expect(await stored()).toEqual([1, 4, 5]);
    expect(await db.query(`select dataset, model, input, input_id, input_row ->> 'line' as line, (select array_agg(k order by k) from jsonb_object_keys(input_row) as k) as keys,
      input_xid = (input_row ->> 'ingest_xid')::bigint as xid, reasons, sqlstate, message, run_id, attempts, replay, code_hash = $1 as hash from ingot.quarantine order by id`, [dataset.models[0]!.codeHash])).toEqual([
      { dataset: 'sample', model: 'silver.stg', input: 'bronze.raw', input_id: '2', line: '2030-01-01 X 500', keys: ['device', 'id', 'ingest_xid', 'line', 'precision', 'received_at'], xid: true, reasons: ['known_metric', 'plausible'], sqlstate: null, message: null, run_id: '1', attempts: 1, replay: false, hash: true },
      expect.objectContaining({ line: '2030-01-01 C', reasons: ['has_value'] }),
    ]);
    expect(await db.query(`select model, rows_in, rows_out, quarantined, filtered, replayed from ingot.run_steps where position <= 2`)).toEqual([
      { model: 'silver.stg', rows_in: '5', rows_out: '3', quarantined: '2', filtered: '0', replayed: '0' },
      { model: 'silver.daily', rows_in: null, rows_out: null, quarantined: null, filtered: null, replayed: null },
    ]);
  });

  it('cost nothing to speak of while there are none: one INSERT ... SELECT', async () => {
    await write(['2030-01-01 V 1', '2030-01-01 C 2']);
    const sent: string[] = [];
    const query = client.query.bind(client) as (text: unknown, values?: unknown) => Promise<unknown>;
    Object.assign(client, { query: (text: unknown, values?: unknown) => (sent.push(String(text)), query(text, values)) });
    expect((await refresh())['silver.stg']).toEqual(ledger({ in: 2, out: 2 }));
    expect(sent.filter((text) => text.includes('silver"."stg" ('))).toHaveLength(1);
    expect(sent.filter((text) => text.includes('rows_in'))).toHaveLength(1); // of the run's record
  });

  it('come back by a replay when the rules allow, as new rows of that run, and reach the children', async () => {
    await write(['2030-01-01 V 1', '2030-01-01 V 500', '2030-01-01 C 2000', '2030-01-01 C 3']);
    await refresh();
    const wider = await sampleDataset({ 'silver/stg.sql': RULED.replace('max: 100', 'max: 1000') });
    plan = await readPlan(client, wider);
    await db.query('update ingot.datasets set code_hash = $1', [wider.codeHash]);
    expect(await requestReplay(client, wider, 'all')).toEqual({ requested: 2, refused: [] });
    expect((await refresh())['silver.stg']).toEqual(ledger({ in: 2, out: 1, quarantined: 1, replayed: 2 }));
    expect(await entries()).toEqual([expect.objectContaining({ line: '2030-01-01 C 2000', reasons: ['plausible'], attempts: 2, replay: false, run_id: '2' })]);
    expect(await db.query('select raw_id, _run_id from silver.stg order by 1')).toEqual([{ raw_id: '1', _run_id: '1' }, { raw_id: '2', _run_id: '2' }, { raw_id: '4', _run_id: '1' }]);
    expect(await db.query(`select n, total::float8 as total from silver.daily where metric = 'V'`)).toEqual([{ n: '2', total: 501 }]);
    expect((await refresh())['silver.stg']).toBeUndefined(); // nothing asks any more
  });
});

describe('a replay that a run cannot take in', () => {
  const strict = RULED.replace('on_fail: quarantine}\n', 'severity: error}\n'); // a metric that is none fails the run
  beforeEach(() => open({ 'silver/stg.sql': strict }));
  afterEach(() => db.drop());

  it('holds no later line up: the run does without, and the entry says why', async () => {
    await write(['2030-01-01 V 1', '2030-01-01 X 500', '2030-01-01 C 700']);
    await refresh(); // both are implausible, so the unknown metric is not noticed
    const wider = await sampleDataset({ 'silver/stg.sql': strict.replace('max: 100', 'max: 1000') });
    plan = await readPlan(client, wider);
    await db.query('update ingot.datasets set code_hash = $1', [wider.codeHash]);
    await requestReplay(client, wider, 'all');
    await write(['2030-01-01 V 2']);
    expect((await refresh())['silver.stg']).toEqual(ledger({ in: 1, out: 1 }));
    expect(await stored()).toEqual([1, 4]);
    const kept = { reasons: ['plausible'], attempts: 2, replay: false, message: expect.stringContaining('failed the run that replayed it: data test accepted_values of metric failed: 1 row') as unknown };
    expect(await entries()).toEqual([expect.objectContaining({ line: '2030-01-01 X 500', ...kept }), expect.objectContaining({ line: '2030-01-01 C 700', ...kept })]);
    await requestReplay(client, wider, { ids: [Number((await entries())[1]!.id)] });
    expect((await refresh())['silver.stg']).toEqual(ledger({ in: 1, out: 1, replayed: 1 }));
  });

  it('is still asked for when the new lines are at fault', async () => {
    await write(['2030-01-01 C 700']);
    await refresh();
    await requestReplay(client, dataset, 'all');
    await write(['2030-01-01 X 2']);
    await expect(refresh()).rejects.toThrow('data test accepted_values of metric failed: 1 row');
    expect(await entries()).toEqual([expect.objectContaining({ attempts: 1, replay: true, message: null })]);
  });
});

describe('rows that make the SQL itself fail', () => {
  beforeEach(() => open({}));
  afterEach(() => db.drop());

  it('are found among a thousand in about 53 attempts, and the others are written', async () => {
    await write(Array.from({ length: 1_000 }, (_, i) => ([100, 500, 901].includes(i) ? `no-date V ${i}` : `2030-01-01 V ${i}`)));
    let attempts = 0;
    const query = client.query.bind(client) as (text: unknown, values?: unknown) => Promise<unknown>;
    Object.assign(client, { query: (text: unknown, values?: unknown) => ((attempts += Number(text === 'savepoint attempt')), query(text, values)) });
    expect((await refresh())['silver.stg']).toEqual(ledger({ in: 1_000, out: 997, quarantined: 3 }));
    expect(attempts).toBeGreaterThan(20);
    expect(attempts).toBeLessThanOrEqual(60);
    expect(await entries()).toEqual([100, 500, 901].map((i) => expect.objectContaining({ line: `no-date V ${i}`, reasons: [], sqlstate: '22007', message: 'invalid input syntax for type date: "no-date"' })));
    expect(await db.query('select sum(n)::int as n from silver.daily')).toEqual([{ n: 997 }]);
  });

  it('leave a failing data test a failing data test', async () => {
    await write(['2030-01-01 V 1', 'no-date V 1', '2030-01-01 C']);
    await expect(refresh()).rejects.toThrow('not_null');
    expect(await entries()).toEqual([]);
    expect(await stored()).toEqual([]);
  });

  it('are diverted too when only the table refuses them', async () => {
    await db.query(`alter table silver.stg add constraint by_hand check (value <> 7)`);
    await write(['2030-01-01 V 1', '2030-01-01 V 7', '2030-01-01 V 8']);
    expect((await refresh())['silver.stg']).toEqual(ledger({ in: 3, out: 2, quarantined: 1 }));
    expect(await entries()).toEqual([expect.objectContaining({ line: '2030-01-01 V 7', sqlstate: '23514' })]);
  });

  it('fail the run when more than 1,000 and 1 % of them are guilty', async () => {
    await write(Array.from({ length: 2_200 }, (_, i) => (i === 0 ? 'first V 1' : i % 2 === 0 ? 'no-date V 1' : '2030-01-01 V 1')));
    await expect(refresh()).rejects.toThrow('sql/sample/silver/stg.sql:17:1: silver.stg: invalid input syntax for type date: "first"; at least 1001 of 2200 rows fail: too many to put aside');
    expect(await entries()).toEqual([]);
  });
});

describe('a statement that fails without rows too', () => {
  beforeEach(() => open({ 'silver/stg.sql': SAMPLE['silver/stg.sql']!.replace("split_part(line, ' ', 1)::date as day", "'01/31/2030'::date as day") }));
  afterEach(() => db.drop());

  it('is at fault itself, not its rows', async () => {
    await client.query("set datestyle = 'ISO, DMY'"); // the literal is none any more
    await write(['x V 1', 'x V 2']);
    await expect(refresh()).rejects.toThrow('date/time field value out of range: "01/31/2030"');
    expect(await entries()).toEqual([]);
  });
});

describe('on_data_error: fail', () => {
  beforeEach(() => open({ 'silver/stg.sql': SAMPLE['silver/stg.sql']!.replace('increment_on', 'on_data_error: fail\nincrement_on') }));
  afterEach(() => db.drop());

  it('lets a row that makes the SQL fail, fail the run', async () => {
    await write(['2030-01-01 V 1', 'no-date V 1']);
    await expect(refresh()).rejects.toThrow('invalid input syntax for type date: "no-date"');
    expect(await entries()).toEqual([]);
  });
});

describe('the ledger', () => {
  beforeAll(() =>
    open({
      'silver/daily.sql': undefined,
      'gold/power.sql': undefined,
      'gold/summary.sql': undefined,
      'silver/rooms.sql': "/* ---\nmaterialized: view\n--- */\nselect device, room from (values ('a', 'kitchen'), ('a', 'hall'), ('b', null)) as r (device, room)",
      'silver/some.sql': header('incremental_strategy: append\nincrement_on: silver.stg', 'select raw_id from silver.stg where value > 1'),
      'silver/placed.sql': header('incremental_strategy: append\nincrement_on: silver.stg\nlookups: [silver.rooms]', 'select raw_id, room from silver.stg left join silver.rooms using (device)'),
      'silver/inside.sql': header('incremental_strategy: append\nincrement_on: silver.stg\nlookups: [silver.rooms]', 'select raw_id, room from silver.stg join silver.rooms using (device)'),
      'silver/words.sql': header('incremental_strategy: append\nincrement_on: bronze.raw', "select id, unnest(string_to_array(split_part(line, ' ', 2), ',')) as word from bronze.raw"),
      'silver/placed_far.sql': header('incremental_strategy: append\nincrement_on: silver.stg\nlookups: [silver.rooms]', 'select raw_id, room from silver.stg left join silver.rooms using (device) where room is not null'),
      'silver/with_query.sql': header('incremental_strategy: append\nincrement_on: silver.stg\nlookups: [silver.rooms]', 'with s as materialized (select raw_id, device from silver.stg) select s.raw_id, rooms.room from s join silver.rooms as rooms using (device)'),
    }),
  );
  afterAll(() => db.drop());

  it('balances for filters, joins that drop or multiply, and functions that return sets', async () => {
    await write(['2030-01-01 V,W,X 1', '2030-01-01 V 2', '2030-01-01 , 3'], 'a');
    await write(['2030-01-01 V 4'], 'b');
    await write(['2030-01-01 V 5'], null);
    await db.query(`insert into bronze.raw (device, line) values ('a', '2030-01-01  6')`); // no word: an empty array
    expect(await refresh()).toEqual({
      'silver.stg': ledger({ in: 6, out: 6 }),
      'silver.some': ledger({ in: 6, out: 5, filtered: 1 }),
      'silver.placed': ledger({ in: 6, out: 6 }),
      'silver.inside': ledger({ in: 6, out: 5, filtered: 1 }),
      'silver.words': ledger({ in: 6, out: 5, filtered: 1 }),
      'silver.placed_far': ledger({ in: 6, out: 4, filtered: 2 }),
      'silver.with_query': ledger({ in: 6, out: 5, filtered: 1 }),
    });
    expect(await differences(db, dataset)).toEqual({});
  });
});

describe('replay', () => {
  const CHAIN = {
    'silver/checked.sql': header(
      'incremental_strategy: append\nincrement_on: silver.stg\ncolumns:\n  - name: value\n    data_tests:\n      - in_range: {max: 50, name: small, on_fail: quarantine}',
      'select raw_id, device, value, 100 / value::int as share from silver.stg',
    ),
    'silver/latest.sql': header('incremental_strategy: merge\nincrement_on: silver.stg\nunique_key: [device, metric]\norder_by: [raw_id]', 'select device, metric, raw_id, value from silver.stg'),
  };
  beforeAll(() => open({ ...CHAIN, 'silver/stg.sql': RULED }));
  afterAll(() => db.drop());

  it('never counts a row twice, and loses none, in whatever order rows come, are replayed and allowed', async () => {
    const limit = (max: number) => sampleDataset({ ...CHAIN, 'silver/stg.sql': RULED.replace('max: 100', `max: ${max}`) });
    const versions = await Promise.all([100, 200, 300].map(limit));
    const act = fc.oneof(
      { weight: 3, arbitrary: fc.record({ lines: fc.array(fc.constantFrom('2030-01-01 V 1', '2030-01-01 C 0', '2030-01-01 V 60', 'no-date V 1', '2030-01-01 C 150', '2030-01-01 V 250', '2030-01-01 X 1'), { minLength: 1, maxLength: 6 }) }) },
      { weight: 2, arbitrary: fc.constant('run' as const) },
      { weight: 2, arbitrary: fc.record({ replay: fc.constantFrom('all' as const, 'silver.stg' as const, 'silver.checked' as const) }) },
      { weight: 1, arbitrary: fc.record({ version: fc.nat(2) }) },
    );
    let current = versions[0]!;
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 25 }), async (acts) => {
        for (const one of [...acts, 'run' as const]) {
          if (one === 'run') await refresh();
          else if ('lines' in one) await write(one.lines);
          else if ('replay' in one) await requestReplay(client, current, one.replay === 'all' ? 'all' : { model: one.replay });
          else {
            current = versions[one.version]!;
            plan = await readPlan(client, current);
            await db.query('update ingot.datasets set code_hash = $1', [current.codeHash]);
          }
        }
        // Each line is either a row or an entry, and each row of silver.stg either a row of silver.checked or an entry.
        const bad = await db.query(`
          select 'stg' as at, b.id from bronze.raw as b
          where (select count(*) from silver.stg where raw_id = b.id) + (select count(*) from ingot.quarantine where model = 'silver.stg' and input_id = b.id) <> 1
          union all
          select 'checked', s.raw_id from silver.stg as s
          where (select count(*) from silver.checked as c where c.raw_id = s.raw_id) + (select count(*) from ingot.quarantine where model = 'silver.checked' and (input_row ->> 'raw_id')::bigint = s.raw_id) <> 1`);
        expect(bad).toEqual([]);
        expect(await db.query(`select count(*)::int as n from ingot.run_steps where rows_in <> rows_out + quarantined + filtered or (model in ('silver.stg', 'silver.checked') and filtered <> 0)`)).toEqual([{ n: 0 }]);
        expect(await db.query(`select d.n from (select sum(n) as n from silver.daily) as d, (select count(*) as n from silver.stg) as s where d.n is distinct from nullif(s.n, 0)`)).toEqual([]);
        expect(await db.query(`(select device, metric, max(raw_id) from silver.stg group by 1, 2) except all (select device, metric, raw_id from silver.latest)`)).toEqual([]);
      }),
      { numRuns: 12 },
    );
  });

  it('is seen by the probe, and refused for an entry whose model reads something else now', async () => {
    await write(['no-date V 1']);
    await refresh();
    const { now } = (await readState(client, 'sample'))!;
    expect(await hasUnseen(client, ['bronze.raw'], now, 'sample')).toBe(false);
    const [entry] = await db.query<{ id: number }>(`insert into ingot.quarantine (dataset, model, input, input_row, reasons, run_id, code_hash) values ('sample', 'silver.stg', 'bronze.gone', '{}', '{x}', 1, 'x') returning id::float8 as id`);
    expect(await requestReplay(client, dataset, { ids: [entry!.id] })).toEqual({ requested: 0, refused: [{ id: entry!.id, model: 'silver.stg', input: 'bronze.gone' }] });
    expect(await hasUnseen(client, ['bronze.raw'], now, 'sample')).toBe(false);
    expect((await requestReplay(client, dataset, { model: 'silver.stg' })).requested).toBeGreaterThan(0);
    expect(await hasUnseen(client, ['bronze.raw'], now, 'sample')).toBe(true);
    expect(await hasUnseen(client, [], now, 'other')).toBe(false);
    // A request that came by another way, for a model that cannot serve it: dropped, or runs would start for ever.
    await db.query('update ingot.quarantine set replay = true where id = $1', [entry!.id]);
    await refresh();
    expect(await hasUnseen(client, ['bronze.raw'], now, 'sample')).toBe(false);
  });

  it('keeps an entry whose row fits the input no more', async () => {
    await db.query('delete from ingot.quarantine');
    const keep = `{"id": 900001, "line": "2030-01-01 V 1"}`;
    await db.query(`insert into ingot.quarantine (dataset, model, input, input_row, reasons, run_id, code_hash, replay) select 'sample', 'silver.stg', 'bronze.raw', row::jsonb, '{x}', 1, 'x', true from unnest($1::text[]) as row`, [[`{"id": "no number", "line": "x"}`, keep]]);
    expect((await refresh())['silver.stg']).toEqual(ledger({ in: 1, out: 1, replayed: 1 }));
    expect(await entries()).toEqual([expect.objectContaining({ reasons: [], sqlstate: '22P02', attempts: 2, replay: false, message: expect.stringContaining('does not fit bronze.raw any more') as unknown })]);
  });
});

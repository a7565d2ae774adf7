import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { jsonOf, runCli, type CommandLineTerms } from './command-line.js';
import { withProject } from './project-files.js';

const STG = `/* ---
description: One row a line.
materialized: incremental
incremental_strategy: append
increment_on: bronze.raw
columns:
  - name: raw_id
    data_type: bigint
  - name: n
    data_tests:
      - in_range: {max: 100, name: plausible, on_fail: quarantine}
--- */
select id as raw_id, line::int as n from bronze.raw
`;

let db: TestDatabase;
let terms: CommandLineTerms;
let leave: () => void;
let project: Promise<void>;

beforeAll(async () => {
  db = await createTestDatabase();
  await new Promise<void>((ready) => {
    project = withProject({ 't/silver/stg.sql': STG, 't/gold/devices.sql': undefined, 't/endpoints/devices.sql': undefined }, (sqlDir) => new Promise<void>((done) => {
      leave = done;
      terms = { databaseUrl: db.url, sqlDir };
      ready();
    }));
  });
  expect((await runCli(['apply'], terms)).code).toBe(0);
});
afterAll(async () => {
  leave();
  await project;
  await db.drop();
});

describe('ingot quarantine', () => {
  it('groups what the SQL said by its shape, and names no value that is not that of all', async () => {
    const said = ['invalid input syntax for type integer: "é"', 'invalid input syntax for type integer: "a "b" 1"', 'invalid input syntax for type date: "x"'];
    await db.query(
      `insert into ingot.quarantine (dataset, model, input, input_row, reasons, sqlstate, message, run_id, code_hash)
       select 't', 'silver.other', 'bronze.raw', '{}', '{}', state, message, 0, 'x' from unnest($1::text[], $2::text[]) as m (state, message)`,
      [['22P02', '22P02', '22P02', '23502', '23502'], [...said, 'null value in column "a1"', 'null value in column "a2"']],
    );
    const groups = jsonOf<{ groups: { reasons: string[]; message: string; entries: number }[] }>(await runCli(['quarantine', 'ls', '--json', '--model', 'silver.other'], terms)).groups;
    await db.query(`delete from ingot.quarantine`);
    await db.query(`alter sequence ingot.quarantine_id_seq restart`);
    expect(groups.map(({ reasons, message, entries }) => [...reasons, message, entries])).toEqual([
      ['22P02', 'invalid input syntax for type integer: "…"', 2],
      ['22P02', 'invalid input syntax for type date: "x"', 1],
      ['23502', 'null value in column "a1"', 1],
      ['23502', 'null value in column "a2"', 1],
    ]);
  });

  it('has nothing to list or to replay in the beginning', async () => {
    expect(await runCli(['quarantine', 'ls'], terms)).toMatchObject({ code: 0, stdout: 'nothing lies in quarantine\n' });
    expect(await runCli(['quarantine', 'replay', '--all'], terms)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('no such entry lies in quarantine\n') as unknown });
    expect(await runCli(['quarantine', 'show', '1'], terms)).toMatchObject({ code: 1, stderr: expect.stringContaining('no entry 1 lies in quarantine\n') as unknown });
  });

  it('lists rows by model and reason, and shows one with its input and the place of its rule', async () => {
    await db.query(`insert into bronze.raw (device, line) select 'a', unnest(array['7', '700', '800', 'é'])`);
    expect(await runCli(['run'], terms)).toMatchObject({ code: 0, stdout: expect.stringContaining('WARN incremental silver.stg [1 row, 3 quarantined in') as unknown });
    const { stdout } = await runCli(['quarantine', 'ls', '--model', 'silver.stg'], terms);
    expect(stdout.split('\n').map((line) => line.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, '@').replace(/ +/g, ' '))).toEqual([
      'model reasons rows first (UTC) last (UTC) last id',
      'silver.stg plausible 2 @ @ 2',
      'silver.stg 22P02: invalid input syntax for type integer: "é" 1 @ @ 3',
      '',
    ]);
    expect(jsonOf(await runCli(['quarantine', 'ls', '--json', '-d', 't'], terms))).toMatchObject({ groups: [{ model: 'silver.stg', reasons: ['plausible'], entries: 2, to_replay: 0 }, { reasons: ['22P02'], entries: 1 }] });
    const rule = await runCli(['quarantine', 'show', '1'], terms);
    expect(rule.stdout).toMatch(/^entry 1 of t\n {2}model +silver\.stg\n {2}input +bronze\.raw \{.*"line":"700".*\}\n {2}reason +plausible \(sql\/t\/silver\/stg\.sql:11:\d+\)\n/);
    const error = await runCli(['quarantine', 'show', '3', '--json'], terms);
    expect(jsonOf(error)).toMatchObject({ input_row: { line: 'é' }, reasons: [{ name: 'SQLSTATE 22P02', message: 'invalid input syntax for type integer: "é"', place: { file: 'sql/t/silver/stg.sql', line: 13, column: 1 } }] });
  });

  it('replays what is asked for, with the next run', async () => {
    expect(await runCli(['quarantine', 'replay', '3', '1'], terms)).toMatchObject({ code: 0, stdout: '2 entries will be taken in by the next run\n' });
    expect((await runCli(['quarantine', 'ls'], terms)).stdout).toContain('1 to replay');
    expect((await runCli(['quarantine', 'show', '1'], terms)).stdout).toMatch(/replay +by the next run/);
    await runCli(['run'], terms);
    expect((await runCli(['quarantine', 'show', '1'], terms)).stdout).toMatch(/last tried .*, by run \d+, 2 times in all\n/);
    expect(jsonOf(await runCli(['quarantine', 'replay', '--model', 'silver.stg', '--json'], terms))).toEqual({ requested: 3, refused: [] });
  });

  it.each([
    [['replay'], 'ingot quarantine replay takes ids, or --model, or --all\n'],
    [['replay', '1', '--all'], 'ingot quarantine replay takes ids, or --model, or --all\n'],
    [['replay', '--model', 'silver.stgs'], 'there is no model silver.stgs; did you mean silver.stg?\n'],
    [['ls', '-d', 'x'], 'there is no dataset x; there are t\n'],
  ])('says 2 to %j', async (args, stderr) => {
    expect(await runCli(['quarantine', ...args], terms)).toMatchObject({ code: 2, stderr: expect.stringContaining(stderr) as unknown });
  });
});

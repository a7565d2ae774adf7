import { hostname } from 'node:os';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { jsonOf, runCli, type CommandLineTerms } from './command-line.js';
import { SUMS, withProject } from './project-files.js';

const STG = `/* ---
description: One row a line.
materialized: incremental
incremental_strategy: append
increment_on: bronze.raw
on_data_error: fail
columns:
  - name: raw_id
    data_type: bigint
--- */
-- 🙂 é 温度
select id as raw_id, /* 🙂 */ line::int as n
from bronze.raw
`;
const FILES = { 't/silver/stg.sql': STG, 't/gold/sums.sql': SUMS, 't/gold/devices.sql': undefined, 't/endpoints/devices.sql': undefined };

interface RunDocument {
  readonly datasets: readonly {
    readonly dataset: string;
    readonly outcome: string;
    readonly runs: readonly { readonly run: number; readonly rows_in: number; readonly cut: boolean; readonly steps: readonly { readonly model: string; readonly rows_written: number; readonly rows_in: number | null }[] }[];
    readonly holder?: object;
    readonly error?: { readonly model: string; readonly sqlstate: string; readonly problems: readonly object[] };
  }[];
}

let db: TestDatabase;
let terms: CommandLineTerms & { sqlDir: string };
let leave: () => void;
let project: Promise<void>;

beforeAll(async () => {
  db = await createTestDatabase();
  await new Promise<void>((ready) => {
    project = withProject(FILES, (sqlDir) => new Promise<void>((done) => {
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
beforeEach(() => db.query('truncate bronze.raw, silver.stg, gold.sums, bronze.flushes; truncate ingot.runs cascade'));

const write = (...lines: string[]) => db.query('insert into bronze.raw (line) select unnest($1::text[])', [lines]);
const total = () => db.query<{ total: string }>('select sum(total)::text as total from gold.sums').then(([row]) => row?.total);

describe('ingot run', () => {
  it('refreshes the whole graph, a line for each step and one for the run', async () => {
    await write('1', '2', '3');
    const { code, stdout, stderr } = await runCli(['run'], terms);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringMatching(/error/i) });
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^1 of 2 OK {3}incremental silver\.stg \[3 rows in \d\.\d\d s\]$/),
      expect.stringMatching(/^2 of 2 OK {3}incremental gold\.sums \[2 rows in \d\.\d\d s\]$/),
      expect.stringMatching(/^t: run \d+, 3 new rows; 2 steps in \d\.\d\d s: 2 OK$/),
      '',
    ]);
    expect(await total()).toBe('6');
  });

  it('gives one document for machines, and goes on until it has caught up', async () => {
    for (let n = 1; n <= 5; n++) await db.query(`with f as (insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'bronze.raw', 1)) insert into bronze.raw (line) values ('${n}')`);
    const env = { INGOT_RUN_MAX_ROWS: '2' };
    const once = await runCli(['run', '--once', '--json'], { ...terms, env });
    expect(jsonOf<RunDocument>(once).datasets).toMatchObject([{ dataset: 't', outcome: 'succeeded', runs: [{ rows_in: 2, cut: true }] }]);
    const rest = await runCli(['run', '--json', '--dataset', 't'], { ...terms, env });
    const [outcome] = jsonOf<RunDocument>(rest).datasets;
    expect(outcome!.runs.map(({ rows_in, cut }) => [rows_in, cut])).toEqual([[2, true], [1, false]]);
    expect(outcome!.runs[0]!.steps.map(({ model, rows_written: written, rows_in: read }) => [model, written, read])).toEqual([['silver.stg', 2, 2], ['gold.sums', expect.any(Number), null]]);
    expect(await total()).toBe('15');
  });

  it('says 2 to a dataset that is not there', async () => {
    expect(await runCli(['run', '-d', 's'], terms)).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no dataset s; there are t') });
  });

  it('fails with the place in the file: line, caret and all, and publishes nothing', async () => {
    await write('1', 'two');
    const { code, stdout, stderr } = await runCli(['run'], terms);
    expect(code).toBe(1);
    expect(stdout).toBe('1 of 2 FAIL incremental silver.stg [rolled back, nothing is published]\n');
    expect(stderr).toContain('sql/t/silver/stg.sql:12:1: silver.stg: invalid input syntax for type integer: "two"\n  12 | select id as raw_id, /* 🙂 */ line::int as n\n     | ^\n');
    expect(await total()).toBeNull();
    const again = await runCli(['run', '--json'], terms);
    expect(again.code).toBe(1);
    expect(jsonOf<RunDocument>(again).datasets).toMatchObject([{ outcome: 'failed', runs: [], error: { model: 'silver.stg', sqlstate: '22P02', problems: [{ file: 'sql/t/silver/stg.sql', line: 12, column: 1 }] } }]);
    expect(await db.query('select attempts from ingot.runs')).toEqual([{ attempts: 2 }]);
  });

  it('names who works on the dataset, and waits for him as long as it was told to', async () => {
    const other = await db.session('ingot apply');
    const { tryLock } = await import('../../../libs/models/src/dataset-lock.js');
    await other.query('begin');
    expect(await tryLock(other, 't')).toBe(true);
    await write('1');
    const here = new RegExp(`t: waiting for ingot apply on ${hostname()} \\(process ${process.pid}\\), since \\d{4}-\\d\\d-\\d\\d [\\d:]{8} UTC \\(\\d`);
    const impatient = await runCli(['run', '--wait', '0'], terms);
    expect(impatient).toMatchObject({ code: 1, stdout: '' });
    expect(impatient.stderr).toMatch(here);
    expect(impatient.stderr).toMatch(/t: nothing was done: ingot apply on .* holds the dataset/);
    expect(jsonOf<RunDocument>(await runCli(['run', '--wait', '0', '--json'], terms)).datasets).toMatchObject([{ outcome: 'busy', holder: { name: 'ingot apply', host: hostname(), pid: process.pid } }]);

    const patient = runCli(['run'], { ...terms, onOutput: (text) => void (here.test(text) && other.query('commit')) });
    expect(await patient).toMatchObject({ code: 0 });
    expect(await total()).toBe('1');
    expect((await other.query<{ name: string }>(`select current_setting('application_name') as name`)).rows).toEqual([{ name: 'ingot apply' }]);
  });

  it('does not run other files than those applied, and says so', async () => {
    await withProject({ ...FILES, 't/gold/sums.sql': SUMS.replace('n % 2', 'n % 3') }, async (sqlDir) => {
      await write('1');
      const { code, stdout, stderr } = await runCli(['run'], { ...terms, sqlDir });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain('t: the database was made by other files than those here: run `ingot apply`');
      expect(await total()).toBeNull();
    });
  });

  it('says where a file is wrong, before it talks to the database', async () => {
    await withProject({ ...FILES, 't/gold/sums.sql': SUMS.replace('from silver.stg', 'from silver.sgt') }, async (sqlDir) => {
      const { code, stderr } = await runCli(['run'], { sqlDir, databaseUrl: 'postgres://nobody@127.0.0.1:1/none' });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^sql\/t\/gold\/sums\.sql:9:\d+: no source, seed or model owns silver\.sgt; did you mean silver\.stg\?\n {2}9 \| select n % 2 .*\n {4}\| +\^$/m);
    });
  });

  it('is ended by Ctrl-C amid a statement, and the server rolls back', async () => {
    await write('1');
    const lock = await db.session();
    await lock.query('begin; lock table silver.stg in access exclusive mode');
    const stop = new AbortController();
    const running = runCli(['run'], { ...terms, signal: stop.signal });
    for (let waits = 0; waits === 0; ) ({ waits } = (await db.query<{ waits: number }>(`select count(*)::int as waits from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`))[0]!);
    stop.abort();
    expect(await running).toMatchObject({ code: 130, stderr: expect.stringContaining('stopped') });
    await lock.query('commit');
    expect(await total()).toBeNull();
  });
});

describe('ingot runs', () => {
  it('lists what ran, shows one with its steps, and finds the run that wrote a row', async () => {
    await write('1', '2');
    await runCli(['run'], terms);
    await write('3', '4', '5');
    await runCli(['run'], terms);
    const { runs } = jsonOf<{ runs: { id: number; run_id: number; rows_in: number; status: string }[] }>(await runCli(['runs', '--json', '--limit', '2'], terms));
    expect(runs.map(({ rows_in, status }) => [rows_in, status])).toEqual([[3, 'succeeded'], [2, 'succeeded']]);
    const list = await runCli(['runs', '--before', String(runs[0]!.id)], terms);
    expect(list.stdout.split('\n')[0]).toMatch(/^id {2}dataset {2}kind {2}status {5}started \(UTC\) +duration {2}new rows {2}_run_id$/);
    expect(list.stdout.split('\n')[1]).toMatch(/^ *\d+ {2}t +run +succeeded {2}\d{4}-\d\d-\d\d [\d:]{8} +\d\.\d\d s +2 +\d+$/);

    const shown = await runCli(['runs', 'show', String(runs[0]!.id)], terms);
    expect(shown.stdout).toMatch(/^run \d+ of t: succeeded\n/);
    expect(shown.stdout).toMatch(/new rows +3\n/);
    expect(shown.stdout).toMatch(/watermark +ingest_xid below \d+/);
    expect(shown.stdout).toMatch(/^silver\.stg +append +3 +0 +3 +3 +0 +0 +\d\.\d\d s$/m);
    const [row] = await db.query<{ run: string }>('select _run_id as run from silver.stg where n = 2');
    expect(jsonOf<{ id: number }>(await runCli(['runs', 'show', '--wrote', row!.run, '--json'], terms)).id).toBe(runs[1]!.id);
    expect(await runCli(['runs', 'show', '--wrote', '999999'], terms)).toMatchObject({ code: 1, stderr: expect.stringContaining('has written _run_id 999999') });
    expect(await runCli(['runs', 'show', '999999'], terms)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^there is no run 999999; `ingot runs` lists those that are remembered$/m) });
  });

  it('shows a failure with its line, once for all attempts, and without the line when the files are others by now', async () => {
    await write('two');
    for (let i = 0; i < 3; i++) await runCli(['run'], terms);
    const list = await runCli(['runs', '--status', 'failed'], terms);
    expect(list.stdout).toMatch(/failed .* 3 times, silver\.stg: invalid input syntax for type integer: "two"\n/);
    const { runs } = jsonOf<{ runs: { id: number }[] }>(await runCli(['runs', '--json'], terms));
    expect(runs).toHaveLength(1);
    const id = String(runs[0]!.id);
    expect((await runCli(['runs', 'show', id], terms)).stdout).toContain('sql/t/silver/stg.sql:12:1: silver.stg: invalid input syntax for type integer: "two" (SQLSTATE 22P02)\n  12 | select id');
    const text = STG.replace('line::int', 'length(line)');
    await writeFile(join(terms.sqlDir, 't/silver/stg.sql'), text);
    const later = await runCli(['runs', 'show', id], terms);
    await writeFile(join(terms.sqlDir, 't/silver/stg.sql'), STG);
    expect(later.stdout).toContain('sql/t/silver/stg.sql:12:1: silver.stg: invalid');
    expect(later.stdout).not.toContain('12 |');
  });

  it('reads the history also while the files are broken', async () => {
    await runCli(['run'], terms);
    await withProject({ 't/gold/x.sql': 'nonsense' }, async (sqlDir) => {
      expect(await runCli(['runs'], { ...terms, sqlDir })).toMatchObject({ code: 0, stdout: expect.stringContaining('succeeded') });
    });
  });

  it('compares two runs of a dataset', async () => {
    for (const lines of [['1', '2'], ['1', '2', '3', '4', '5']]) {
      await write(...lines);
      await runCli(['run'], terms);
    }
    const { runs } = jsonOf<{ runs: { id: number }[] }>(await runCli(['runs', '--json'], terms));
    const [later, earlier] = runs.map(({ id }) => String(id));
    const { code, stdout } = await runCli(['runs', 'compare', earlier!, later!], terms);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^new rows +2 +5 +\+150 %$/m);
    expect(stdout).toMatch(/^silver\.stg: rows +2 +5 +\+150 %$/m);
    expect(stdout).toMatch(/\nsame code; usual duration \d\.\d\d s\nodd: silver\.stg: 2 rows became 5\n/);
    expect(jsonOf<object>(await runCli(['runs', 'compare', later!, later!, '--json'], terms))).toMatchObject({ same_code: true, anomalies: [] });
  });
});

describe('data tests in a run', () => {
  it('are told when they warn, remembered with the run, and with samples when they fail', async () => {
    const tested = SUMS.replace('accumulate:', 'columns:\n  - name: lines\n    data_tests:\n      - in_range: { max: 2, on_fail: warn }\n      - in_range: { max: 3, name: few_lines }\naccumulate:');
    const other = await createTestDatabase();
    await withProject({ ...FILES, 't/gold/sums.sql': tested }, async (sqlDir) => {
      const here = { databaseUrl: other.url, sqlDir };
      expect(await runCli(['apply'], here)).toMatchObject({ code: 0 });
      await other.query(`insert into bronze.raw (line) values ('2'), ('4'), ('6')`);
      const warned = await runCli(['run'], here);
      expect(warned).toMatchObject({ code: 0, stderr: expect.stringMatching(/sql\/t\/gold\/sums\.sql:\d+:\d+: data test in_range of lines warned: 1 row/) });
      const [first] = jsonOf<{ runs: { id: number }[] }>(await runCli(['runs', '--json'], here)).runs;
      expect((await runCli(['runs', 'show', String(first!.id)], here)).stdout).toMatch(/^\S*in_range\S* +gold\.sums +warned +\S.* 1 +\d\.\d\d s +\{"/m);

      await other.query(`insert into bronze.raw (line) values ('8')`);
      expect(await runCli(['run'], here)).toMatchObject({ code: 1, stderr: expect.stringMatching(/data test in_range of lines failed: 1 row/) });
      const [last] = jsonOf<{ runs: { id: number }[] }>(await runCli(['runs', '--json'], here)).runs;
      const shown = jsonOf<{ tests: object[] }>(await runCli(['runs', 'show', String(last!.id), '--json'], here));
      expect(shown.tests).toMatchObject([{ test: 'few_lines', relation: 'gold.sums', outcome: 'failed', failures: 1, samples: [expect.anything()] }]);
    });
    await other.drop();
  });
});

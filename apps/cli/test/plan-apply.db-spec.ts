import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonDocument } from '@ingot/datasets';
import type { ApplyPlan, SampleDifference } from '@ingot/models';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { jsonOf, runCli } from './command-line.js';
import { PROJECT, withProject } from './project-files.js';

const stg = (change: (text: string) => string) => ({ 't/silver/stg.sql': change(PROJECT['t/silver/stg.sql']!) });

describe('ingot plan, apply and rebuild', () => {
  let db: TestDatabase;
  const ingot = (changes: Record<string, string | undefined>, ...args: string[]) => withProject(changes, (sqlDir) => runCli(args, { databaseUrl: db.url, sqlDir }));
  const plan = async (changes: Record<string, string | undefined>, ...args: string[]) => {
    const result = await ingot(changes, 'plan', '--json', ...args);
    return jsonOf<{ datasets: (JsonDocument<ApplyPlan> & { sample?: JsonDocument<SampleDifference>[] })[] }>(result).datasets[0]!;
  };

  beforeAll(async () => {
    db = await createTestDatabase();
    expect(await ingot({}, 'apply')).toMatchObject({ code: 0, stderr: expect.stringContaining('applied: t\n') });
    await db.query(`insert into bronze.raw (device, line) select 'd' || i % 3, 'line ' || i from generate_series(1, 30) as i`);
    expect(await ingot({}, 'run')).toMatchObject({ code: 0 });
  });
  afterAll(() => db.drop());

  it('says when there is nothing to do', async () => {
    expect(await ingot({}, 'plan')).toMatchObject({ code: 0, stdout: 't: nothing to do, the database agrees with the files\n' });
  });

  it('shows for each model what is done to it, why, and how many rows that reads; and does none of it', async () => {
    const changes = stg((text) => text.replace('line as text', 'upper(line) as text'));
    const { stdout, code } = await ingot(changes, 'plan');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^t: 1 model of 2 to be worked on\n/);
    expect(stdout).toMatch(/^rebuild +silver\.stg +sql +its SELECT has changed +about 30 in chunks$/m);
    expect(stdout).toMatch(/^silver\.stg: 2 data tests over the whole table before it is published: not_null_\S+, unique_\S+$/m);
    expect((await plan(changes)).models.map(({ relation, action, reason }) => [relation, action, reason])).toEqual([
      ['silver.stg', 'rebuild', 'its SELECT has changed'],
      ['gold.devices', 'nothing', 'it reads silver.stg, which is rebuilt'],
    ]);
    expect((await plan(changes, 'state:modified')).models.map(({ relation }) => relation)).toEqual(['silver.stg']);
    expect((await plan({})).is_empty).toBe(true);
  });

  it('compares rows of the newest lines by the applied files and by these', async () => {
    const changes = stg((text) => text.replace('line as text from bronze.raw', "case when id % 10 = 0 then 'x' || line else line end as text from bronze.raw where id > 25").replace('increment_on', 'unique_key: [raw_id]\nincrement_on'));
    const { sample } = await plan(changes, '--sample', '--sample-rows', '12');
    expect(sample).toMatchObject([
      { relation: 'silver.stg', rows_before: 12, rows_after: 5, added: 0, removed: 7, changed: 1 },
      { relation: 'gold.devices', rows_before: 3, rows_after: 3 },
    ]);
    expect(sample![0]!.rows).toContainEqual({ before: ['30', 'd0', 'line 30'], after: ['30', 'd0', 'xline 30'] });
    const { stdout } = await ingot(changes, 'plan', '--sample', '--sample-rows', '12');
    expect(stdout).toMatch(/^silver\.stg on the sample: 12 rows before, 5 now: 0 added, 7 removed, 1 changed$/m);
    expect(await db.query(`select from pg_namespace where nspname like 'ingot\\_%'`)).toEqual([]);
  });

  it('compares with seeds as their files are now, new ones too', async () => {
    const joined = stg((text) => text.replace('tags:', 'lookups: [seeds.places]\ntags:').replace('line as text from bronze.raw', "line || coalesce(place, '') as text from bronze.raw left join seeds.places using (device)"));
    const { sample } = await plan({ ...joined, 't/seeds/places.csv': 'device,place\nd1,cellar\n' }, '--sample');
    expect(sample![0]).toMatchObject({ relation: 'silver.stg', rows_before: 30, rows_after: 30, added: 10, removed: 10 });
    expect(sample![0]!.rows).toContainEqual({ after: ['1', 'd1', 'line 1cellar'] });
  });

  it('points at the model that fails on a row of the sample', async () => {
    const failing = stg((text) => text.replace('line as text', '1 / (id - 7) as text').replace('tags:', 'on_data_error: fail\ntags:'));
    const { code, stderr } = await ingot({ ...failing, 't/gold/devices.sql': PROJECT['t/gold/devices.sql'] }, 'plan', '--sample', '--backfill');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sql\/t\/silver\/stg\.sql:14:1: silver\.stg: division by zero\n {2}14 \| select id as raw_id/m);
  });

  it('leaves rows of the sample out that a run would put aside, and counts them', async () => {
    const failing = stg((text) => text.replace('line as text', '(1 / ((id - 7) * (id - 20)))::text as text'));
    const { sample } = await plan(failing, '--sample', '--backfill');
    expect(sample![0]).toMatchObject({ relation: 'silver.stg', rows_before: 30, rows_after: 28, failing_before: 0, failing_after: 2 });
    expect((await ingot(failing, 'plan', '--sample', '--backfill')).stdout).toMatch(/^silver\.stg on the sample: .*; input rows left out because they fail: 0 before, 2 now$/m);
    const hopeless = stg((text) => text.replace('line as text', '(1 / (id * 0))::text as text').replace('from bronze.raw', 'from bronze.raw cross join generate_series(1, 1)'));
    expect(await plan(hopeless, '--sample', '--backfill')).toMatchObject({ sample: [{ rows_after: 0, failing_after: 30 }, {}] });
  });

  it('takes for modified what ls takes: seeds too, but neither layout nor comments', async () => {
    const formatted = stg((text) => text.replace('select id', 'select  id'));
    expect((await plan(formatted)).models).toMatchObject([{ action: 'adopt' }, { action: 'nothing' }]);
    expect((await plan(formatted, 'state:modified')).models).toEqual([]);
    const seeded = { 't/seeds/places.csv': 'device,place\nd1,cellar\n' };
    expect(await plan(seeded, 'state:modified')).toMatchObject({ models: [], seeds: ['seeds.places'] });
    expect((await plan(seeded, 'devices')).seeds).toEqual([]);
  });

  it('stops at columns that change unless asked, with what to say; then does it with a progress line', async () => {
    const changes = stg((text) => text.replace('line as text', 'line as text, length(line) as size'));
    const refused = await ingot(changes, 'apply');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^sql\/t\/silver\/stg\.sql:\d+:1: the columns of silver\.stg change \(\+size integer\): on_schema_change is fail; set `on_schema_change: append_new_columns` .* or `ingot apply --backfill`/m);
    expect((await ingot(changes, 'plan')).code).toBe(1);
    const done = await ingot(changes, 'apply', '--backfill', '--chunk-rows', '10');
    expect(done).toMatchObject({ code: 0, stderr: expect.stringMatching(/applied: t\n$/) });
    expect(done.progress.length).toBeGreaterThan(1);
    expect(done.progress.at(-1)).toMatch(/^silver\.stg \[#{20}\] 30 of about 30 rows/);
    expect(await db.query('select count(*)::int as n from silver.stg where size = length(text)')).toEqual([{ n: 30 }]);
    expect((await plan(changes)).is_empty).toBe(true);
  });

  it('rebuilds what selectors choose, with what reads it', async () => {
    const changes = stg((text) => text.replace('line as text', 'line as text, length(line) as size'));
    await db.query('delete from silver.stg where raw_id < 20');
    expect(await ingot(changes, 'rebuild', 'stg+')).toMatchObject({ code: 0, stderr: expect.stringMatching(/^rebuilt: silver\.stg\n$/m) });
    expect(await db.query('select count(*)::int as n from silver.stg')).toEqual([{ n: 30 }]);
    const { runs } = jsonOf<{ runs: { id: number; kind: string; run_id: number }[] }>(await ingot(changes, 'runs', '--json'));
    expect(runs.map(({ kind, run_id }) => [kind, run_id])).toEqual([['publication', 3], ['publication', 2], ['run', 1]]);
    const [publication, , run] = runs;
    expect((await ingot(changes, 'runs')).stdout).toMatch(/^ *\d+ +t +publication +succeeded .* 3 *$/m);
    const shown = await ingot(changes, 'runs', 'show', '--wrote', '3', '--dataset', 't');
    expect(shown.stdout).toMatch(new RegExp(`^publication ${publication!.id} of t: succeeded$`, 'm'));
    expect(shown.stdout).toMatch(/^silver\.stg +rebuild +30 +0 +30 +30 +0 +0 /m);
    expect(shown.stdout).not.toMatch(/new rows/);
    expect(await ingot(changes, 'runs', 'compare', String(run!.id), String(publication!.id))).toMatchObject({ code: 2, stderr: expect.stringMatching(/is a run and \d+ a publication: only the same kind compares/) });
    const document = jsonOf<{ datasets: { models: { duration_ms: number }[] }[] }>(await ingot(changes, 'rebuild', 'stg', '--json'));
    expect(document).toMatchObject({ datasets: [{ dataset: 't', nothing_to_do: false, seeds: [], models: [{ model: 'silver.stg', action: 'rebuild', rows_written: 30, rows_in: 30, rows_out: 30, quarantined: 0, filtered: 0 }] }] });
    expect(document.datasets[0]!.models[0]!.duration_ms).toBeGreaterThan(0);
    expect((await ingot(changes, 'rebuild', 'stg')).stdout).toMatch(/^1 of 1 OK +rebuild silver\.stg \[30 rows in /m);
    expect(jsonOf(await ingot(changes, 'apply', '--json'))).toEqual({ datasets: [{ dataset: 't', nothing_to_do: true, models: [], seeds: [] }] });
    expect(await ingot(changes, 'apply')).toMatchObject({ stdout: '', stderr: expect.stringContaining('t: nothing to do, the database agrees with the files\n') });
    expect(await ingot(changes, 'rebuild')).toMatchObject({ code: 2 });
    expect(await ingot(changes, 'rebuild', 'devices')).toMatchObject({ code: 2, stderr: expect.stringContaining('none of it is a table') });
  });
});

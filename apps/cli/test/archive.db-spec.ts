import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadDataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { closePartition } from '../../../libs/models/test/retention/closed-bronze.js';
import { jsonOf, runCli } from './command-line.js';
import { withProject } from './project-files.js';

const ENTRY = path.resolve('dist/apps/cli/src/main.js');
const KEPT = { 't/dataset.yml': 'description: A test.\nretention:\n  bronze.raw: { keep: 30d, archive: required }\n' };
const LINES = 12_000;

let db: TestDatabase;
let folder: string;
beforeEach(async () => {
  db = await createTestDatabase();
  folder = await mkdtemp(path.join(tmpdir(), 'ingot-archives-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
  await db.drop();
});

const ingot = (files: Record<string, string>, ...args: string[]) => withProject(files, (sqlDir) => runCli(args, { databaseUrl: db.url, sqlDir, env: { INGOT_ARCHIVE_DIR: folder } }));
const digest = async () => (await db.query<{ d: string }>(`select count(*) || ' ' || coalesce(sum(hashtextextended(r::text, 0)::numeric), 0) as d from bronze.raw as r`))[0]!.d;
const until = async (text: string): Promise<void> => {
  for (let i = 0; i < 2_000; i++) {
    if ((await db.query(text)).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`never came: ${text}`);
};

/** Lines that were received so long ago, in a partition of their own that every run is past. */
async function closed(files: Record<string, string>, lines: number, days: number): Promise<string> {
  await db.query(`insert into bronze.raw (device, line) select 'd' || i % 7, 'line ' || i from generate_series(1, $1::int) as i`, [lines]);
  return withProject(files, async (sqlDir) => {
    const run = async (): Promise<void> => void expect(await runCli(['run'], { databaseUrl: db.url, sqlDir })).toMatchObject({ code: 0 });
    return closePartition({ db, client: await db.session(), runAll: run }, await loadDataset(path.join(sqlDir, 't')), days);
  });
}

describe('ingot archive and restore', () => {
  it('say what they would do, do it, and bring back what was dropped', async () => {
    expect(await ingot(KEPT, 'apply')).toMatchObject({ code: 0 });
    const name = await closed(KEPT, 100, 31);
    const young = await closed(KEPT, 10, 29);
    const before = await digest();
    const dry = await ingot(KEPT, 'archive', '--drop', '--dry-run');
    expect(dry.stdout).toMatch(new RegExp(`bronze\\.${name} +100 +.* to be written +to be dropped`));
    expect(await readdir(folder)).toEqual([]);
    const { partitions } = jsonOf<{ partitions: { partition: string; manifest: string; dropped: boolean }[] }>(await ingot(KEPT, 'archive', '--json'));
    expect(partitions).toEqual([expect.objectContaining({ partition: `bronze.${name}`, rows: 100, archive: 'written', dropped: false, manifest: path.join(folder, 't', 'raw', `${name}.manifest.json`) })]);
    expect((await ingot(KEPT, 'archive', '--drop')).stdout).toMatch(/was there: .* dropped/);
    expect(await db.query('select count(*)::int as n from bronze.raw')).toEqual([{ n: 10 }]);
    expect((await ingot(KEPT, 'archive')).stdout).toBe('no partition is to be archived\n');
    const restored = await ingot(KEPT, 'restore', partitions[0]!.manifest);
    expect(restored).toMatchObject({ code: 0, stdout: `bronze.raw: 100 lines restored to bronze.${name}\n` });
    expect((await ingot(KEPT, 'restore', partitions[0]!.manifest)).stdout).toBe(`bronze.raw: 0 lines restored to bronze.${name}; 100 lines were there already\n`);
    expect(await digest()).toBe(before);
    // Brought back, so that somebody can read it: it is not taken away again at once.
    expect((await ingot(KEPT, 'archive', '--drop')).stdout).toBe('no partition is to be archived\n');
    await db.query(`update ingot.bronze_partitions set keep_until = now() - interval '1 second' where name = $1`, [name]);
    // What the database remembers of an archive is no archive.
    await rm(path.join(folder, 't'), { recursive: true });
    expect((await ingot(KEPT, 'archive', '--drop')).stdout).toMatch(/written: .* dropped/);
    expect(await readdir(path.join(folder, 't', 'raw'))).toHaveLength(2);
    expect((await ingot(KEPT, 'archive', '--older-than', '28d', '--dry-run')).stdout).toMatch(new RegExp(`bronze\\.${young} .* to be written`));
  });

  it('refuse what cannot be meant, and say why something is refused', async () => {
    expect(await ingot({}, 'apply')).toMatchObject({ code: 0 });
    expect(await ingot({}, 'archive', '--drop')).toMatchObject({ code: 2, stderr: expect.stringMatching(/^ingot archive --drop: bronze\.raw has no retention in dataset\.yml, so say what may go with --older-than$/m) });
    const anew = { 't/gold/devices.sql': '/* ---\nmaterialized: incremental\nincremental_strategy: delete+insert\nincrement_on: bronze.raw\ntouch_key: device\n--- */\nselect device, count(*) as n from bronze.raw group by device\n' };
    expect(await ingot(anew, 'archive', '--drop', '--older-than', '30d')).toMatchObject({ code: 2, stderr: expect.stringMatching(/^ingot archive --drop: gold\.devices computes rows anew from all that is left of bronze\.raw, so it would lose what dropped lines gave$/m) });
    expect(await ingot({}, 'archive', '--source', 'bronze.rwa')).toMatchObject({ code: 2, stderr: expect.stringMatching(/^there is no source bronze\.rwa; did you mean bronze\.raw\?$/m) });
    expect((await ingot({}, 'archive', '--older-than', 'soon')).stderr).toMatch(/It must be a time such as 12h or 90d/);
    expect(await ingot({}, 'restore', path.join(folder, 'none.json'))).toMatchObject({ code: 1, stderr: expect.stringMatching(/none\.json cannot be read: ENOENT/) });
    expect(await withProject({}, (sqlDir) => runCli(['archive'], { databaseUrl: db.url, sqlDir }))).toMatchObject({ code: 2, stderr: expect.stringMatching(/^ingot archive: say where to write, with --to or INGOT_ARCHIVE_DIR$/m) });
  });

  it('killed at any moment leave nothing half done, and the next call does it', async () => {
    expect(await ingot(KEPT, 'apply')).toMatchObject({ code: 0 });
    const name = await closed(KEPT, LINES, 31);
    const [file, manifest] = [path.join(folder, 't', 'raw', `${name}.parquet`), path.join(folder, 't', 'raw', `${name}.manifest.json`)];
    const before = await digest();
    const killed = (args: string[], when: () => Promise<void>): Promise<void> =>
      withProject(KEPT, async (sqlDir) => {
        const child = spawn(process.execPath, [ENTRY, ...args], { env: { PATH: process.env.PATH, DATABASE_URL: db.url, INGOT_SQL_DIR: sqlDir, INGOT_ARCHIVE_DIR: folder }, stdio: ['ignore', 'ignore', 'pipe'] });
        let stderr = '';
        child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
        const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
        await Promise.race([when(), exited.then(([code]) => Promise.reject(new Error(`it ended with ${code}: ${stderr}`)))]);
        child.kill('SIGKILL');
        expect(await exited).toEqual([null, 'SIGKILL']);
        await until(`select where not exists (select from pg_stat_activity where datname = current_database() and application_name like 'ingot %')`);
      });

    const blocker = await db.session();
    expect(await ingot(KEPT, 'archive', '--dry-run')).toMatchObject({ code: 0 }); // counts it
    await blocker.query('begin; select from ingot.bronze_partitions for update');
    // Amid the file; or behind it, when nobody looked at the right moment.
    await killed(['archive', '--drop'], async () => {
      while (!existsSync(`${file}.partial`) && !existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 1));
    });
    expect(existsSync(manifest) && !existsSync(file)).toBe(false);
    // With file and manifest there, and the database not told yet.
    await killed(['archive', '--drop'], () => until(`select from pg_stat_activity where application_name like 'ingot archive%' and wait_event_type = 'Lock'`));
    await blocker.query('rollback');
    expect([existsSync(file), existsSync(manifest)]).toEqual([true, true]);
    expect(await db.query('select from ingot.bronze_partitions where archived_at is not null')).toEqual([]);
    expect(await digest()).toBe(before);
    expect(await ingot(KEPT, 'archive', '--drop')).toMatchObject({ code: 0, stdout: expect.stringMatching(/ dropped *\n$/) });
    expect(await db.query('select count(*)::int as n from bronze.raw')).toEqual([{ n: 0 }]);

    // Amid the lines; nothing can take its place as long as somebody reads the table.
    await blocker.query(`begin; lock table bronze.raw_default in access share mode`);
    await killed(['restore', manifest], () => until(`select from pg_class where relname = 'raw_restoring'`));
    // With all of them gathered, before they take their place.
    await killed(['restore', manifest], () => until(`select from pg_constraint where conname = 'ingest_xid_range'`));
    await blocker.query('rollback');
    expect(await db.query('select count(*)::int as n from bronze.raw')).toEqual([{ n: 0 }]);
    expect(await ingot(KEPT, 'restore', manifest)).toMatchObject({ code: 0 });
    expect(await digest()).toBe(before);
    expect(await ingot(KEPT, 'run')).toMatchObject({ code: 0 });
    expect(await db.query('select count(*)::int as n, count(distinct raw_id)::int as ids from silver.stg')).toEqual([{ n: LINES, ids: LINES }]);
    expect(await db.query(`select relname from pg_class where relname like '%restoring%' and relkind = 'r' union all select conname from pg_constraint where conname = 'ingest_xid_range'`)).toEqual([]);
  });
});

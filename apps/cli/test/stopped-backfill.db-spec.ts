import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { runCli } from './command-line.js';
import { PROJECT, withProject } from './project-files.js';

const ENTRY = path.resolve('dist/apps/cli/src/main.js');
const SLOW = { 't/silver/stg.sql': PROJECT['t/silver/stg.sql']!.replace('device, line as text', 'upper(device) as device, line as text') };
const CHUNKS = ['--chunk-rows', '100'];
const WAITS_MS = 10_000;

/** A command as a process of its own. */
interface Running {
  readonly process: ChildProcess;
  readonly stderr: () => string;
  readonly exited: Promise<[number | null, NodeJS.Signals | null]>;
}

describe('SIGTERM amid a backfill', () => {
  let db: TestDatabase;
  const ingot = (sqlDir: string, ...args: string[]) => runCli(args, { databaseUrl: db.url, sqlDir });
  const begin = (sqlDir: string, ...args: string[]): Running => {
    const child = spawn(process.execPath, [ENTRY, ...args], { env: { PATH: process.env.PATH, DATABASE_URL: db.url, INGOT_SQL_DIR: sqlDir }, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    return { process: child, stderr: () => stderr, exited: once(child, 'exit') as Running['exited'] };
  };
  const until = async (text: string, running?: Running): Promise<void> => {
    for (const end = Date.now() + WAITS_MS; (await db.query(text)).length === 0; await sleep(10)) {
      if (Date.now() > end || (running?.process.exitCode ?? null) !== null) throw new Error(`never came: ${text}\n${running?.stderr()}`);
    }
  };
  /** The live tables, by the files that they are in and the rows. */
  const live = () => db.query(`select (select array_agg(pg_relation_filenode(oid) order by oid) from pg_class where relnamespace in ('bronze'::regnamespace, 'silver'::regnamespace)) as files, (select array_agg(s order by raw_id) from silver.stg as s) as rows`);
  const sessions = () => db.query(`select application_name, state, query from pg_stat_activity where datname = current_database() and application_name like 'ingot %'`);
  const locks = () => db.query(`select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`);

  beforeAll(async () => {
    db = await createTestDatabase();
    await withProject({}, async (sqlDir) => {
      expect(await ingot(sqlDir, 'apply')).toMatchObject({ code: 0 });
      for (let i = 0; i < 20; i++) await db.query(`insert into bronze.raw (device, line) select 'd' || i % 7, 'line ' || i from generate_series(1, 100) as i`);
      expect(await ingot(sqlDir, 'run')).toMatchObject({ code: 0 });
    });
  });
  afterAll(() => db.drop());

  it.each([
    ['rebuild', {}, ['rebuild', 'stg', ...CHUNKS], 'rebuilt'],
    ['apply', SLOW, ['apply', ...CHUNKS], 'applied'],
  ])('ends `ingot %s` at once, leaves the live tables as they were, and the same command goes on', async (_, files, args, done) => {
    await withProject(files, async (sqlDir) => {
      const before = await live();
      const running = begin(sqlDir, ...args);
      await until(`select from ingot.shadows where relation = 'silver.stg' and rows_read >= 300`, running);
      // A run of others goes on meanwhile; the chunk under way is held where its rows are written and its mark is not moved.
      const holder = await db.session('holder');
      await holder.query(`begin; select from ingot.shadows where relation = 'silver.stg' for update`);
      await until(`select from pg_stat_activity where application_name like 'ingot ${args[0]}%' and wait_event_type = 'Lock'`, running);
      const told = performance.now();
      running.process.kill('SIGTERM');
      expect(await running.exited).toEqual([143, null]);
      expect(performance.now() - told).toBeLessThan(WAITS_MS / 2);
      expect(running.stderr()).toMatch(new RegExp(`^stopped: what is not told as ${done} is as it was, and `, 'm'));
      await until(`select where not exists (select from pg_stat_activity where application_name like 'ingot ${args[0]}%')`); // though the holder holds on
      expect(await locks()).toEqual([]);
      await holder.query('rollback');
      expect(await live()).toEqual(before);

      const { code, stderr } = await ingot(sqlDir, ...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^goes on with the rebuild that was cut off after chunk \d+$/m) });
      expect(await db.query(`select nspname from pg_namespace where nspname like 'ingot\\_%' union all select dataset from ingot.plans`)).toEqual([]);
      expect(await db.query(`select count(*)::int as rows from silver.stg`)).toEqual([{ rows: 2_000 }]);
      expect(await sessions()).toEqual([]);
    });
  });

  it('while it still connects, or loads, ends it as well', async () => {
    await withProject({}, async (sqlDir) => {
      for (const afterMs of [50, 150, 250]) {
        const running = begin(sqlDir, 'rebuild', 'stg', ...CHUNKS);
        await sleep(afterMs);
        running.process.kill('SIGTERM');
        expect([[143, null], [null, 'SIGTERM']]).toContainEqual(await running.exited); // the latter before a line of ours is run
      }
      await until(`select where not exists (select from pg_stat_activity where application_name like 'ingot rebuild%')`);
      expect(await ingot(sqlDir, 'rebuild', 'stg')).toMatchObject({ code: 0 });
    });
  });
});

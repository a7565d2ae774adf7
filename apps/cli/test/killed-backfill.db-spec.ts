import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { runCli } from './command-line.js';
import { PROJECT, withProject } from './project-files.js';

const ENTRY = path.resolve('dist/apps/cli/src/main.js');
const COUNTED = `/* ---
description: Lines per device.
materialized: incremental
incremental_strategy: accumulate
increment_on: silver.stg
unique_key: [device]
accumulate: { lines: count }
--- */
select device, count(*) as lines from silver.stg group by device
`;
const BEFORE = { 't/gold/counted.sql': COUNTED };
const AFTER = { ...BEFORE, 't/silver/stg.sql': PROJECT['t/silver/stg.sql']!.replace('device, line as text', 'upper(device) as device, line as text') };
const APPLY = ['apply', '--chunk-rows', '100'];

describe('a backfill whose process is killed', () => {
  let db: TestDatabase;
  const ingot = (changes: Record<string, string>, ...args: string[]) => withProject(changes, (sqlDir) => runCli(args, { databaseUrl: db.url, sqlDir }));
  const someLines = async (flushes: number): Promise<void> => {
    for (let i = 0; i < flushes; i++) await db.query(`insert into bronze.raw (device, line) select 'd' || i % 7, 'line ' || i from generate_series(1, 100) as i`);
  };
  const until = async (text: string): Promise<void> => {
    for (let i = 0; i < 1_000; i++) {
      if ((await db.query(text)).length > 0) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`never came: ${text}`);
  };

  beforeAll(async () => {
    db = await createTestDatabase();
    expect(await ingot(BEFORE, 'apply')).toMatchObject({ code: 0 });
    await someLines(20);
    expect(await ingot(BEFORE, 'run')).toMatchObject({ code: 0 });
  });
  afterAll(() => db.drop());

  it('is gone on with by the next apply, after runs went on meanwhile, and ends as if it had never been killed', async () => {
    const blocker = await db.session('blocker');
    await withProject(AFTER, async (sqlDir) => {
      const child = spawn(process.execPath, [ENTRY, ...APPLY], { env: { PATH: process.env.PATH, DATABASE_URL: db.url, INGOT_SQL_DIR: sqlDir }, stdio: ['ignore', 'ignore', 'pipe'] });
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
      await Promise.race([until(`select from ingot.shadows where relation = 'silver.stg' and rows_read >= 300`), exited.then(([code]) => Promise.reject(new Error(`it ended with ${code}: ${stderr}`)))]);
      // Holds it in the middle of a chunk: its rows are written, its mark is not moved.
      await blocker.query(`begin; select from ingot.shadows where relation = 'silver.stg' for update`);
      await until(`select from pg_stat_activity where application_name like 'ingot apply%' and wait_event_type = 'Lock'`);
      child.kill('SIGKILL');
      expect(await exited).toEqual([null, 'SIGKILL']);
    });
    const [killed] = await db.query<{ chunk: number; rows: number }>(`select chunk::int, rows_read::int as rows from ingot.plans join ingot.shadows using (dataset) where relation = 'silver.stg'`);
    expect(killed?.rows).toBeGreaterThanOrEqual(300);
    expect(killed?.rows).toBeLessThan(2_000);
    // Nobody waits for it: the server ends what nobody listens to any more, and with it goes the plan's lock.
    await until(`select where not exists (select from pg_stat_activity where application_name like 'ingot apply%')`);
    await blocker.query('rollback');

    await someLines(3);
    expect(await ingot(BEFORE, 'run')).toMatchObject({ code: 0 });
    const { code, stderr, progress } = await ingot(AFTER, ...APPLY);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(new RegExp(`^goes on with the rebuild that was cut off after chunk ${killed?.chunk}$`, 'm')) });
    const first = /^silver\.stg .*\] ([\d,]+) of/.exec(progress.find((line) => line.startsWith('silver.stg'))!)![1]!;
    expect(Number(first.replaceAll(',', ''))).toBeGreaterThanOrEqual(killed!.rows); // it has not begun anew
    expect(await db.query(`select (select count(*)::int from silver.stg) as rows, (select sum(lines)::int from gold.counted) as counted`)).toEqual([{ rows: 2_300, counted: 2_300 }]);
    const wrong = `(select raw_id, device, text from silver.stg except all select id, upper(device), line from bronze.raw) union all (select id, upper(device), line from bronze.raw except all select raw_id, device, text from silver.stg)`;
    expect(await db.query(wrong)).toEqual([]);
    expect(await db.query('(select device, lines from gold.counted) except all (select upper(device), count(*) from bronze.raw group by 1)')).toEqual([]);
    expect(await db.query(`select nspname from pg_namespace where nspname like 'ingot\\_%' union all select dataset from ingot.plans`)).toEqual([]);
  });
});

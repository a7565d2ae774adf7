import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connect } from '@ingot/postgres';
import type { Client } from 'pg';
import { apply } from '../src/apply.js';
import { readPlan } from '../src/plan.js';
import { run } from '../src/run.js';
import { sampleDataset } from './sample-project.js';
import { liveProject, replaced, someLines, type LiveProject } from './apply/live-project.js';

// A real disk that is full: a tablespace on a file system in memory, which only root may mount.
const folder = mkdtempSync(path.join(tmpdir(), 'ingot-small-disk-'));
const mount = (...options: string[]): boolean => spawnSync('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', folder]).status === 0;
const grow = (size: string): void => expect(spawnSync('mount', ['-o', `remount,size=${size}`, folder]).status).toBe(0);
const canMount = process.platform === 'linux' && mount('size=1m') && spawnSync('umount', [folder]).status === 0;

(canMount ? describe : describe.skip)('a tablespace whose disk is full', () => {
  let admin: Client;
  let project: LiveProject;
  let dataset: Awaited<ReturnType<typeof liveProject>>['dataset'];
  beforeAll(async () => {
    admin = await connect({ url: process.env.INGOT_TEST_SERVER_URL!, name: 'disk full' });
  });
  beforeEach(async () => {
    ({ dataset, ...project } = await liveProject());
    const { rows } = await admin.query<{ folder: string }>(`select current_setting('data_directory') as folder`);
    const { uid, gid } = statSync(rows[0]!.folder);
    expect(mount('size=1m', `uid=${uid}`, `gid=${gid}`)).toBe(true);
    await admin.query(`create tablespace small_disk owner ingot location '${folder}'`);
  });
  afterEach(async () => {
    await project.db.drop();
    await admin.query('drop tablespace if exists small_disk');
    spawnSync('umount', [folder]);
  });
  afterAll(async () => {
    await admin.end();
    rmSync(folder, { recursive: true });
  });

  it('fails the run, blames no row, publishes nothing; with more disk every row is there once', async () => {
    await project.flush(someLines(50));
    await project.runAll(dataset);
    await project.db.query('alter table silver.stg set tablespace small_disk');
    await project.flush(someLines(25_000, 50));
    const plan = await readPlan(project.client, dataset);
    await expect(run(project.client, plan, { maxRows: 1_000_000 })).rejects.toMatchObject({ name: 'RunFailure', model: 'silver.stg', sqlState: '53100' });
    expect(await project.db.query('select (select count(*)::int from silver.stg) as rows, (select count(*)::int from ingot.quarantine) as aside')).toEqual([{ rows: 50, aside: 0 }]);
    grow('64m');
    await project.runAll(dataset);
    expect(await project.db.query('select count(*)::int as rows from silver.stg')).toEqual([{ rows: 25_050 }]);
    expect(await project.differences(dataset)).toEqual({});
  });

  it('stops a backfill, which goes on where it was when there is more; meanwhile the live tables stay', async () => {
    for (let i = 0; i < 6; i++) await project.flush(someLines(4_000, 4_000 * i));
    await project.runAll(dataset);
    const changed = await sampleDataset(replaced('silver/stg.sql', "split_part(line, ' ', 2) as metric", "lower(split_part(line, ' ', 2)) as metric"));
    await project.client.query('set default_tablespace = small_disk');
    const read: number[] = [];
    const attempt = (): Promise<void> => apply(project.client, changed, undefined, { chunkRows: 2_000, onProgress: ({ relation, rowsRead }) => void (relation === 'silver.stg' && read.push(rowsRead)) });
    await expect(attempt()).rejects.toThrow(/could not (extend|write)|No space left/);
    expect(await project.differences(dataset)).toEqual({});
    const before = read.at(-1) ?? 0;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(24_000);
    grow('64m');
    read.length = 0;
    await attempt();
    expect(read[0]).toBeGreaterThanOrEqual(before); // from the first it would be one chunk
    expect(await project.differences(changed)).toEqual({});
    expect(await project.db.query('select (select count(*)::int from silver.stg) as rows, (select count(*)::int from ingot.quarantine) as aside')).toEqual([{ rows: 24_000, aside: 0 }]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openPlan } from '../../src/apply/plan-row.js';
import { apply, rebuild } from '../../src/apply.js';
import { maintain } from '../../src/maintenance.js';
import { closedPartitions } from '../../src/retention/closed-partitions.js';
import { liveProject, replaced, someLines } from '../apply/live-project.js';
import { SAMPLE, sampleDataset } from '../sample-project.js';
import { closePartition } from './closed-bronze.js';

const HEADER = (keep: string): Record<string, string> => ({ 'dataset.yml': `description: a sample\nretention:\n  bronze.raw: ${keep}\n` });
const KEEP = { historyDays: 30 };

let project: Awaited<ReturnType<typeof liveProject>>;
beforeEach(async () => {
  project = await liveProject(HEADER('30d'));
});
afterEach(() => project.db.drop());

const linesLeft = async () => (await project.db.query<{ n: number }>('select count(*)::int as n from bronze.raw'))[0]!.n;

describe('a closed bronze partition', () => {
  it('leaves when its newest line is past retention; runs go on, and what they made stays', async () => {
    const { dataset, client } = project;
    await project.flush(someLines(30));
    const old = await closePartition(project, dataset, 31);
    await project.flush(someLines(20));
    const young = await closePartition(project, dataset, 29);
    await project.flush(someLines(10));
    expect((await maintain(client, dataset, KEEP)).dropped).toEqual([`bronze.${old}`]);
    expect(await linesLeft()).toBe(30);
    expect(await project.db.query(`select name, rows::int, dropped_at is not null as gone from ingot.bronze_partitions order by upper`)).toEqual([
      { name: old, rows: 30, gone: true },
      { name: young, rows: 20, gone: false },
    ]);
    expect(await maintain(client, dataset, KEEP)).toMatchObject({ dropped: [], unarchived: [], putOff: [], partitionsMade: [] });
    await project.runAll(dataset);
    expect(await project.db.query('select count(*)::int as stg, (select sum(n)::int from silver.daily) as daily from silver.stg')).toEqual([{ stg: 60, daily: 60 }]);
    await expect(rebuild(client, dataset, ['silver.stg'])).rejects.toThrow(/silver\.stg counts lines that retention has dropped since; a rebuild would lose their rows\. Bring them back from their archives \(`ingot restore`\), or to do it all the same: --drop-history silver\.stg/);
  });

  it('is not lost to what counts it under another name: gold over a model made anew of what is left is refused', async () => {
    const { dataset, client } = project;
    await project.flush(someLines(30));
    await closePartition(project, dataset, 31);
    await maintain(client, dataset, KEEP);
    await project.flush(someLines(3));
    await project.runAll(dataset);
    const added = { ...HEADER('30d'), 'silver/rows.sql': SAMPLE['silver/stg.sql']! };
    const renamed = await sampleDataset({ ...added, 'silver/stg.sql': undefined, ...replaced('silver/daily.sql', /silver\.stg/g, 'silver.rows') });
    const refused = /silver\.daily counts lines that retention has dropped since; .*--drop-history silver\.daily/;
    await expect(apply(client, renamed)).rejects.toThrow(refused);
    await apply(client, await sampleDataset(added)); // a new model is made of what there is
    await expect(apply(client, renamed)).rejects.toThrow(refused);
    const sum = () => project.db.query('select sum(n)::int as n from silver.daily');
    expect(await sum()).toEqual([{ n: 33 }]);
    await apply(client, renamed, undefined, { dropHistory: ['silver.daily'] });
    expect(await sum()).toEqual([{ n: 3 }]);
    await rebuild(client, renamed, ['silver.rows', 'silver.daily']); // they count nothing any more that is gone
  });

  it('stays while a mark is not past it: that of the runs, or of a rebuild', async () => {
    const { dataset, client } = project;
    await project.flush(someLines(5));
    const name = await closePartition(project, dataset, 31);
    const [mark] = await project.db.query<{ xmax: string }>('select snapshot_xmax as xmax from ingot.datasets');
    const [end] = await closedPartitions(client, 'sample', 'bronze.raw');
    await project.db.query('update ingot.datasets set snapshot_xip = array[$1::bigint]', [(end!.upper - 1n).toString()]); // one transaction of it was under way
    expect((await maintain(client, dataset, KEEP)).dropped).toEqual([]);
    await project.db.query(`update ingot.datasets set snapshot_xip = '{}', snapshot_xmax = $1`, [mark!.xmax]);
    await openPlan(client, dataset, 'cut off', ['silver.stg'], () => Promise.resolve());
    expect((await maintain(client, dataset, KEEP)).dropped).toEqual([]);
    await project.db.query('delete from ingot.plans');
    expect((await maintain(client, dataset, KEEP)).dropped).toEqual([`bronze.${name}`]);
  });

  it('stays while it is in use, and nobody waits behind the one who would drop it', async () => {
    const { dataset, client } = project;
    await project.flush(someLines(5));
    const name = await closePartition(project, dataset, 31);
    const user = await project.db.session();
    await user.query(`begin; insert into bronze.raw (line) values ('2030-01-01 V 1')`);
    const writer = await project.db.session();
    await writer.query(`set lock_timeout = 1000`); // the time it waits behind others, however busy the machine is
    const maintaining = maintain(client, dataset, KEEP);
    for (let done = false; !done; ) {
      await writer.query(`insert into bronze.raw (line) values ('2030-01-02 V 1')`); // fails when it waits for the one who would drop it
      done = await Promise.race([maintaining.then(() => true), new Promise<false>((resolve) => setTimeout(() => resolve(false), 5))]);
    }
    expect(await maintaining).toMatchObject({ dropped: [], putOff: ['bronze.raw'] });
    await user.query('commit');
    expect((await maintain(client, dataset, KEEP)).dropped).toEqual([`bronze.${name}`]);
  });

  it('does not go alone when it is empty: nothing was lost with it', async () => {
    const { dataset, client } = project;
    await closePartition(project, dataset, 31);
    expect((await maintain(client, dataset, KEEP)).dropped).toEqual([]);
    await project.flush(someLines(5));
    await closePartition(project, dataset, 31);
    expect((await maintain(client, dataset, KEEP)).dropped).toHaveLength(2);
  });

  it('waits for an archive where one is required, and younger ones wait with it', async () => {
    const { client } = project;
    const dataset = await sampleDataset(HEADER('{ keep: 30d, archive: required }'));
    await apply(client, dataset);
    await project.flush(someLines(5));
    const first = await closePartition(project, dataset, 40);
    await project.flush(someLines(5));
    await closePartition(project, dataset, 35);
    expect(await maintain(client, dataset, KEEP)).toMatchObject({ dropped: [], unarchived: [`bronze.${first}`] });
    await project.db.query(`update ingot.bronze_partitions set archive_file = 'x', archive_sha256 = 'x', checksum = '1', archived_at = now()`);
    const { dropped, mismatches } = await maintain(client, dataset, KEEP);
    expect(dropped).toEqual([]);
    expect(mismatches).toEqual([expect.stringMatching(/^bronze\.raw_\w+ holds 5 lines with the checksum -?\d+, its archive x 5 with 1: archive it again$/)]);
    expect(await linesLeft()).toBe(10);
  });

  it('is left alone by a process whose files are not the applied ones', async () => {
    const { client } = project;
    await project.flush(someLines(5));
    await closePartition(project, project.dataset, 31);
    const shorter = await sampleDataset(HEADER('1d'));
    expect((await maintain(client, shorter, KEEP)).dropped).toEqual([]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { connect } from '@ingot/postgres';
import fc from 'fast-check';
import { apply, rebuild } from '../../src/apply.js';
import type { BackfillProgress } from '../../src/apply/shadow-build.js';
import { SAMPLE, sampleDataset } from '../sample-project.js';
import { liveProject, replaced, someLines, until, type LiveProject } from './live-project.js';

let project: LiveProject;
let before: Dataset;
beforeEach(async () => {
  const { dataset, ...rest } = await liveProject();
  project = rest;
  before = dataset;
});
afterEach(() => project.db.drop());

const LOWER = replaced('silver/stg.sql', "split_part(line, ' ', 2) as metric", "lower(split_part(line, ' ', 2)) as metric");
const runIds = (relation: string) => project.db.query<{ id: string }>(`select distinct _run_id as id from ${relation} order by 1`).then((rows) => rows.map(({ id }) => BigInt(id)));
const leftovers = () => project.db.query(`select nspname from pg_namespace where nspname like 'ingot\\_%' union all select dataset from ingot.plans`);

describe('a rebuild', () => {
  it('computes a changed model and every model that reads it, in chunks, and goes on from the same watermark', async () => {
    for (let i = 0; i < 6; i++) await project.flush(someLines(5, 5 * i));
    await project.runAll(before, 10);
    const mark = await project.db.query('select snapshot_xmax, snapshot_xip, run_id + 1 as run_id from ingot.datasets');
    const told: BackfillProgress[] = [];
    const after = await sampleDataset(LOWER);
    await apply(project.client, after, undefined, { chunkRows: 5, onProgress: (progress) => void told.push(progress) });
    expect(await project.differences(after)).toEqual({});
    expect(await project.db.query('select snapshot_xmax, snapshot_xip, run_id from ingot.datasets')).toEqual(mark);
    expect(told.filter(({ relation }) => relation === 'silver.stg').map(({ rowsRead, rowsTotal }) => [rowsRead, rowsTotal]).at(-1)).toEqual([30, 30]);
    expect(told.filter(({ relation }) => relation === 'silver.stg').length).toBeGreaterThan(2);
    const ids = await runIds('silver.stg');
    expect(ids.length).toBeGreaterThan(2);
    for (const id of ids) expect(id).toBeLessThan(-(2n ** 61n));
    expect(await leftovers()).toEqual([]);
    await project.flush(['2030-01-01 v 5', '2030-01-11 c 7']);
    await project.runAll(after);
    expect(await project.differences(after)).toEqual({});
  });

  it('does a model again whose rows somebody has spoiled, with those that read it, and leaves the others', async () => {
    await project.flush(someLines(20));
    await project.runAll(before);
    await project.db.query('update silver.daily set total = total + 1');
    const [stg] = await project.db.query(`select 'silver.stg'::regclass::oid as oid`);
    await rebuild(project.client, before, ['silver.daily']);
    expect(await project.differences(before)).toEqual({});
    expect(await project.db.query(`select 'silver.stg'::regclass::oid as oid`)).toEqual([stg]);
    await project.flush(someLines(20, 3));
    await project.runAll(before);
    expect(await project.differences(before)).toEqual({});
  });

  it('makes a new model of a dataset that has run out of what its inputs hold, and one whose file is back', async () => {
    await project.flush(someLines(20));
    await project.runAll(before, 5);
    const more = await sampleDataset({ 'gold/extra.sql': SAMPLE['gold/summary.sql'], 'silver/again.sql': SAMPLE['silver/stg.sql']!.replace('increment_on: bronze.raw', 'increment_on: silver.stg').replace(/select id as raw_id[^]*/, 'select raw_id, day, device, metric, value from silver.stg where value > 3\n') });
    await apply(project.client, more, undefined, { chunkRows: 3 });
    expect(await project.differences(more)).toEqual({});
    await apply(project.client, before);
    await project.flush(someLines(9));
    await project.runAll(before);
    await apply(project.client, more, undefined, { chunkRows: 3 });
    await project.flush(someLines(4));
    await project.runAll(more);
    expect(await project.differences(more)).toEqual({});
  });

  // A shadow ahead of the live mark: the row is counted again by the next run.
  it('leaves out a line that the live tables have not taken, though its transaction has ended since', async () => {
    const late = await project.db.session();
    await late.query('begin');
    await late.query(`insert into bronze.raw (device, line) values ('a', '2030-01-01 V 100')`);
    await project.flush(someLines(10));
    await project.runAll(before);
    await late.query('commit');
    const after = await sampleDataset(LOWER);
    await apply(project.client, after, undefined, { chunkRows: 2 });
    expect(await project.db.query('select raw_id from silver.stg')).toHaveLength(10);
    await project.runAll(after);
    expect(await project.db.query('select raw_id from silver.stg')).toHaveLength(11);
    expect(await project.differences(after)).toEqual({});
  });

  it('takes no line that comes while it works, except through runs, and runs go on meanwhile', async () => {
    await project.flush(someLines(12));
    await project.runAll(before);
    const after = await sampleDataset(LOWER);
    let rounds = 0;
    const whileItWorks = async (): Promise<void> => {
      if (rounds++ >= 7) return;
      await project.flush(someLines(4, rounds));
      if (rounds % 2 === 0) await project.runAll(before);
    };
    await apply(project.client, after, undefined, { chunkRows: 4, onProgress: whileItWorks });
    expect(rounds).toBeGreaterThan(7);
    const [unseen] = await project.db.query<{ n: number }>('select (select count(*) from bronze.raw)::int - (select count(*) from silver.stg)::int as n');
    expect(unseen).toEqual({ n: 4 }); // the flush after the last run: it is the next run's
    await project.runAll(after);
    expect(await project.differences(after)).toEqual({});
  });

  it('reads no line beyond the watermark for what is computed in one statement either', async () => {
    const newest = (more: string) => ({ 'gold/newest.sql': `/* ---\nmaterialized: table\n--- */\nselect device, max(id) as id${more} from bronze.raw group by device\n` });
    await apply(project.client, await sampleDataset(newest('')));
    const late = await project.db.session();
    await late.query(`begin; insert into bronze.raw (device, line) values ('late', '2030-01-01 V 100')`);
    await project.flush(someLines(3));
    await project.runAll(await sampleDataset(newest('')));
    await late.query('commit');
    await project.flush(someLines(3), 'new');
    await apply(project.client, await sampleDataset(newest(', count(*) as n')));
    expect(await project.db.query('select device, n::int from gold.newest')).toEqual([{ device: 'a', n: 3 }]);
  });

  it('shows a row of a chunk no looked-up line beyond the watermark', async () => {
    const stg = SAMPLE['silver/stg.sql']!.replace('increment_on: bronze.raw', 'increment_on: silver.stg\nlookups: [bronze.raw]');
    const counting = await sampleDataset({ 'silver/counting.sql': stg.replace(/select id as raw_id[^]*/, 'select raw_id, day, device, metric, value, (select count(*) from bronze.raw) as lines from silver.stg\n') });
    await apply(project.client, counting);
    await project.flush(someLines(20));
    await project.runAll(counting);
    await project.flush(someLines(7));
    await rebuild(project.client, counting, ['silver.counting'], undefined, { chunkRows: 5 });
    expect(await project.db.query('select distinct lines::int from silver.counting')).toEqual([{ lines: 20 }]);
  });

  it('takes one transaction of many lines whole, and gaps without any', async () => {
    await project.flush(someLines(50));
    await project.db.query('select pg_current_xact_id()');
    await project.flush(someLines(3));
    await project.runAll(before);
    const after = await sampleDataset(LOWER);
    await apply(project.client, after, undefined, { chunkRows: 1 });
    expect(await project.differences(after)).toEqual({});
  });

  it.each(['silver.stg', 'silver.daily'])('goes on where it was when its session is cut off in a chunk of %s', async (relation) => {
    for (let i = 0; i < 6; i++) await project.flush(someLines(4, i));
    await project.runAll(before, 4);
    const after = await sampleDataset(LOWER);
    const victim = await connect({ url: project.db.url, name: 'victim' });
    const { rows } = await victim.query<{ pid: number }>('select pg_backend_pid() as pid');
    const blocker = await project.db.session();
    let blocked = false;
    const block = async (progress: BackfillProgress): Promise<void> => {
      if (blocked || progress.relation !== relation || progress.rowsRead < 8) return;
      blocked = true;
      // The chunk has written its rows by the time it wants to move its mark.
      await blocker.query(`begin; select from ingot.shadows where relation = '${relation}' for update`);
    };
    const dying = apply(victim, after, undefined, { chunkRows: 4, onProgress: block });
    dying.catch(() => undefined);
    await until(project.db, `select from pg_stat_activity where pid = ${rows[0]?.pid} and wait_event_type = 'Lock'`);
    await project.db.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await expect(dying).rejects.toThrow(/terminat/);
    await blocker.query('rollback');
    await victim.end().catch(() => undefined);
    await project.flush(someLines(4, 40));
    await project.runAll(before);
    const notices: string[] = [];
    const told: BackfillProgress[] = [];
    await apply(project.client, after, (line) => notices.push(line), { chunkRows: 4, onProgress: (progress) => void told.push(progress) });
    expect(notices).toEqual([expect.stringMatching(/^goes on with the rebuild that was cut off after chunk \d+$/)]);
    expect(told.find((progress) => progress.relation === relation)?.rowsRead).toBeGreaterThan(8);
    expect(await project.differences(after)).toEqual({});
    await project.flush(someLines(4, 50));
    await project.runAll(after);
    expect(await project.differences(after)).toEqual({});
  });

  it('begins anew when the files are others than those of the attempt that was cut off', async () => {
    await project.flush(someLines(20));
    await project.runAll(before);
    const stop = (): never => {
      throw new Error('enough');
    };
    await expect(apply(project.client, await sampleDataset(LOWER), undefined, { chunkRows: 5, onProgress: stop })).rejects.toThrow('enough');
    expect(await leftovers()).not.toEqual([]);
    const after = await sampleDataset(replaced('silver/stg.sql', "split_part(line, ' ', 2) as metric", "initcap(split_part(line, ' ', 2)) as metric"));
    const notices: string[] = [];
    await apply(project.client, after, (line) => notices.push(line), { chunkRows: 5 });
    expect(notices).toEqual([]);
    expect(await project.differences(after)).toEqual({});
    expect(await leftovers()).toEqual([]);
  });

  it('is one at a time for a dataset; the other is told who is at it', async () => {
    await project.flush(someLines(20));
    await project.runAll(before);
    const other = await project.db.session();
    const after = await sampleDataset(LOWER);
    const refused: string[] = [];
    const onProgress = async (): Promise<void> => {
      for (const files of [after, await sampleDataset(replaced('silver/daily.sql', 'description: sums', 'description: other'))]) {
        await apply(other, files).catch((error: Error) => refused.push(`${error.name}: ${error.message}`));
      }
      await apply(other, before); // nothing to do: a service with the files of before may start meanwhile
    };
    await apply(project.client, after, undefined, { onProgress });
    expect(refused.length).toBeGreaterThan(1);
    for (const line of refused) expect(line).toMatch(new RegExp(`^PlanHeldError: another plan for sample is under way by process ${process.pid} on .+, since \\d{4}-`));
    expect(await project.differences(after)).toEqual({});
  });

  it('leaves every table as its SELECT gives it, whatever runs come between', async () => {
    const steps = fc.array(fc.record({ lines: fc.nat(4), run: fc.boolean(), late: fc.constantFrom('begin', 'commit', 'rollback', '') }), { minLength: 4, maxLength: 12 });
    const late = await project.db.session();
    let metric = 0;
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 9 }), fc.boolean(), async (history, chunkRows, again) => {
        const files = await sampleDataset(replaced('silver/stg.sql', "split_part(line, ' ', 2) as metric", `translate(split_part(line, ' ', 2), '${metric}', '') as metric`));
        const next = again ? files : await sampleDataset(replaced('silver/stg.sql', "split_part(line, ' ', 2) as metric", `translate(split_part(line, ' ', 2), '${++metric}', '') as metric`));
        await apply(project.client, files);
        const [open, queue] = [{ is: false }, [...history]];
        const one = async (): Promise<void> => {
          const step = queue.shift();
          if (step === undefined) return;
          if (step.lines > 0) await project.flush(someLines(step.lines, queue.length));
          if (step.late === 'begin' && !open.is) await late.query(`begin; insert into bronze.raw (device, line) values ('late', '2030-01-02 V 1'), ('late', '2030-01-02 C 1')`);
          if (step.late === 'begin') open.is = true;
          if ((step.late === 'commit' || step.late === 'rollback') && open.is) {
            await late.query(step.late);
            open.is = false;
          }
          if (step.run) await project.runAll(files, 3);
        };
        while (queue.length > history.length / 2) await one();
        if (again) await rebuild(project.client, next, ['silver.stg'], undefined, { chunkRows, onProgress: one });
        else await apply(project.client, next, undefined, { chunkRows, onProgress: one });
        if (open.is) await late.query('commit');
        await project.runAll(next, 3);
        expect(await project.differences(next)).toEqual({});
      }),
      { numRuns: 6 },
    );
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { withPlanLock } from '../../src/apply/plan-row.js';
import { apply } from '../../src/apply.js';
import { planApply } from '../../src/apply/plan-apply.js';
import { BrinSummary } from '../../src/brin-summary.js';
import { maintain } from '../../src/maintenance.js';
import { readPlan } from '../../src/plan.js';
import { listMonths } from '../../src/retention/months.js';
import { run } from '../../src/run.js';
import { liveProject, replaced, someLines } from '../apply/live-project.js';
import { sampleDataset } from '../sample-project.js';

type Project = Awaited<ReturnType<typeof liveProject>>;

const STG = replaced('silver/stg.sql', 'increment_on: bronze.raw\n', 'increment_on: bronze.raw\npartition_by: day\n');
/** The same sample with months in tables of every strategy. */
const MONTHS: Record<string, string> = {
  ...STG,
  ...replaced('silver/daily.sql', 'increment_on: silver.stg\n', 'increment_on: silver.stg\npartition_by: { field: day, granularity: month }\n'),
  'silver/latest.sql': `/* ---
materialized: incremental
incremental_strategy: merge
increment_on: bronze.raw
partition_by: day
unique_key: [metric, day]
order_by: [id]
--- */
select split_part(line, ' ', 2) as metric, split_part(line, ' ', 1)::date as day, id, split_part(line, ' ', 3) as value from bronze.raw
`,
  ...replaced('gold/power.sql', 'increment_on: silver.daily\n', 'increment_on: silver.daily\npartition_by: day\n'),
};

let project: Project;
let changed: Dataset;
beforeEach(async () => {
  project = await liveProject();
  changed = await sampleDataset(MONTHS);
});
afterEach(() => project.db.drop());

const places = (relation: string) => project.db.query<{ place: string; n: number }>(`select tableoid::regclass::text as place, count(*)::int as n from ${relation} group by 1 order by 1`);
/** `latest` has no SELECT that tells what it holds: the last of each key. */
const differences = async (dataset: Dataset) => {
  const others = await project.differences(dataset);
  delete others['silver.latest'];
  return others;
};

describe('a table that gets months', () => {
  it('is changed by a rebuild, with everything that reads it, rows, indexes, grants, comments and foreign views', async () => {
    await project.flush(someLines(300));
    await project.flush(['2029-11-03 V 4', '2029-11-03 C 2', '1999-01-31 V 1']);
    await project.runAll(project.dataset);
    await project.db.query(`
      create view gold.mine as select day, count(*) as n from silver.stg group by day;
      alter table silver.stg set (fillfactor = 70);
      create index by_hand on silver.stg (metric);
      grant select on silver.stg to public`);
    const plan = await planApply(project.client, changed);
    expect(plan.models.map(({ relation, action }) => `${relation} ${action}`)).toEqual(['silver.latest create', 'silver.stg rebuild', 'silver.daily rebuild', 'gold.power rebuild', 'gold.summary rebuild']);
    await apply(project.client, changed, undefined, { chunkRows: 100 });
    expect(await places('silver.stg')).toEqual([
      { place: 'silver.stg_p1999_01', n: 1 },
      { place: 'silver.stg_p2029_11', n: 2 },
      { place: 'silver.stg_p2030_01', n: 300 },
    ]);
    expect((await places('silver.daily')).map(({ place }) => place)).toEqual(['silver.daily_p1999_01', 'silver.daily_p2029_11', 'silver.daily_p2030_01']);
    expect(await project.db.query(`select nspname from pg_namespace where nspname like 'ingot\\_%'`)).toEqual([]);
    const indexes = await project.db.query<{ name: string }>(`select i.relname as name from pg_index join pg_class as i on i.oid = indexrelid where indrelid = 'silver.stg'::regclass order by 1`);
    expect(indexes.map(({ name }) => name)).toEqual(['by_hand', 'stg_run_id_idx']);
    expect(await project.db.query(`select has_table_privilege('public', 'silver.stg', 'select') as may, (select reloptions from pg_class where oid = 'silver.stg_p2030_01'::regclass) as options`)).toEqual([{ may: true, options: ['fillfactor=70'] }]);
    expect(await project.db.query('select sum(n)::int as n from gold.mine')).toEqual([{ n: 303 }]);
    expect(await differences(changed)).toEqual({});

    await project.flush([...someLines(90, 300), '2029-11-04 V 9', '2029-11-04 C 9', '2031-07-01 V 5'], 'b');
    await project.runAll(changed, 40);
    expect(await differences(changed)).toEqual({});
    expect(await project.db.query('select sum(n)::int as n from gold.mine')).toEqual([{ n: 396 }]);
    await new BrinSummary().summarise(project.client, ['bronze.raw'], ['silver.stg']);
  });

  it('becomes a plain one again, and takes added columns where it stands', async () => {
    await apply(project.client, changed);
    await project.flush(someLines(50));
    await project.runAll(changed);
    const wider = await sampleDataset({
      ...MONTHS,
      'silver/stg.sql': MONTHS['silver/stg.sql']!.replace('partition_by: day', 'partition_by: day\non_schema_change: append_new_columns').replace('select id as raw_id', 'select length(line) as width, id as raw_id'),
    });
    await apply(project.client, wider);
    await project.flush(['2030-01-05 V 1']);
    await project.runAll(wider);
    expect(await project.db.query('select width from silver.stg where width is not null')).toEqual([{ width: 14 }]);
    await apply(project.client, project.dataset, undefined, { backfill: true });
    expect(await project.db.query(`select relkind from pg_class where oid = 'silver.stg'::regclass`)).toEqual([{ relkind: 'r' }]);
    expect(await project.db.query(`select relname from pg_class where relname ~ '^stg_(p|default)'`)).toEqual([]);
    expect(await project.differences(project.dataset)).toEqual({});
  });

  it('diverts what fails, and tells a failing data test', async () => {
    await apply(project.client, changed);
    await project.flush(['2030-01-05 V 1', 'no line', '2030-01-06 V 2']);
    await project.runAll(changed);
    expect(await project.db.query(`select model, sqlstate from ingot.quarantine order by model`)).toEqual([{ model: 'silver.latest', sqlstate: '22007' }, { model: 'silver.stg', sqlstate: '22007' }]);
    await project.flush(['2030-01-07 V']);
    await expect(project.runAll(changed)).rejects.toThrow(/stg\.sql:\d+:\d+: silver\.stg: data test not_null of value failed: 1 row/);
  });

  it('is refused when the column is no time', async () => {
    const wrong = await sampleDataset(replaced('silver/stg.sql', 'increment_on: bronze.raw\n', 'increment_on: bronze.raw\npartition_by: metric\n'));
    await expect(apply(project.client, wrong)).rejects.toThrow(/stg\.sql:\d+:\d+: silver\.stg: partition_by names metric, which is text: months are of a date/);
  });
});

describe('maintenance', () => {
  it('makes months ahead, and of rows that fell into the rest; nobody who reads notices', async () => {
    await apply(project.client, changed);
    await project.flush(['1999-01-31 V 1', '1999-01-02 C 4', '2100-01-01 V 7']);
    await project.runAll(changed);
    expect((await places('silver.stg')).map(({ place, n }) => `${place} ${n}`)).toEqual(['silver.stg_default 3']);
    const last = (await listMonths(project.client, 'silver.stg'))!.months.at(-1)!;
    await project.db.query(`drop table silver.${last.name}`);
    const reader = await project.db.session();
    await reader.query('begin; lock table silver.stg in access share mode');
    const [first] = await Promise.all([maintain(project.client, changed, { historyDays: 30 }), new Promise((resolve) => setTimeout(resolve, 300)).then(() => reader.query('commit'))]);
    expect(first.monthsMade).toEqual(expect.arrayContaining(['stg_p1999_01', last.name, 'daily_p1999_01', 'latest_p1999_01']));
    expect((await places('silver.stg')).map(({ place, n }) => `${place} ${n}`)).toEqual(['silver.stg_default 1', 'silver.stg_p1999_01 2']);
    expect((await maintain(project.client, changed, { historyDays: 30 })).monthsMade).toEqual([]);
    expect(await differences(changed)).toEqual({});
    await project.flush(['1999-01-05 V 1']);
    await project.runAll(changed);
    expect(await differences(changed)).toEqual({});
  });

  it('moves no rows away under the snapshot of a rebuild or of a run: by the bounds they are not in the rest, and not yet in the month', async () => {
    const one = "select device, count(*) as n from silver.stg where day >= '1999-01-01' and day < '1999-02-01' group by device\n";
    const files = await sampleDataset({ ...MONTHS, 'gold/january.sql': `/* ---\nmaterialized: incremental\nincremental_strategy: delete+insert\nincrement_on: silver.stg\ntouch_key: device\nunique_key: device\n--- */\n${one}` });
    await apply(project.client, files);
    await project.flush(['1999-01-31 V 1', '1999-01-02 C 4']);
    await project.runAll(files);
    const rebuilder = await project.db.session();
    expect(await withPlanLock(rebuilder, 'sample', () => maintain(project.client, files, { historyDays: 30 }))).toMatchObject({ monthsMade: [] });

    await project.flush(['1999-01-03 V 1']);
    const runner = await project.db.session('late', 'run');
    const plan = await readPlan(runner, files);
    const send = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
    let made: readonly string[] | undefined;
    const query = async (...args: unknown[]): Promise<unknown> => {
      const result = await send(...args);
      if (made !== undefined || !/repeatable read/.test(String(args[0]))) return result;
      await send('select 1'); // from here on it sees what there is now
      ({ monthsMade: made } = await maintain(project.client, files, { historyDays: 30 }));
      return result;
    };
    Object.assign(runner, { query });
    expect(await run(runner, plan, { maxRows: 100 })).toMatchObject({ outcome: 'succeeded', rowsIn: 1 });
    expect(made).toContain('stg_p1999_01');
    expect(await project.db.query('select n::int from gold.january')).toEqual([{ n: 3 }]);
  });
});

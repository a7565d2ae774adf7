import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { apply, rebuild } from '../../src/apply.js';
import { planApply } from '../../src/apply/plan-apply.js';
import { sampleDataset } from '../sample-project.js';
import { liveProject, replaced, someLines, type LiveProject } from './live-project.js';

let project: LiveProject;
let before: Dataset;
/** Reads nothing that changes, through a view; its shadow comes late, when the view's is there already. */
const BESIDE = {
  'silver/seen.sql': '/* ---\nmaterialized: view\n--- */\nselect s.raw_id, s.value, d.n from silver.stg as s left join silver.daily as d using (day, device, metric)\n',
  'silver/copied.sql': '/* ---\nmaterialized: incremental\nincremental_strategy: append\nincrement_on: silver.stg\n--- */\nselect raw_id, metric, value from silver.stg\n',
  'gold/newest.sql': '/* ---\nmaterialized: table\n--- */\nselect max(raw_id) as raw_id, sum(n) as n from silver.seen\n',
};
const WHOLE: Record<string, string> = { ...BESIDE, ...replaced('silver/stg.sql', '\nfrom bronze.raw', ", split_part(line, ' ', 3)::int as whole\nfrom bronze.raw") };
beforeEach(async () => {
  const { dataset, ...rest } = await liveProject(BESIDE);
  project = rest;
  before = dataset;
  await project.flush(someLines(20));
});
afterEach(() => project.db.drop());

const query = <Row extends Record<string, unknown>>(text: string) => project.db.query<Row>(text);
const oidOf = (relation: string) => query<{ oid: number }>(`select '${relation}'::regclass::oid::int as oid`).then(([row]) => row?.oid);
/** Of every model but the one whose SELECT stumbles over the lines that it puts aside. */
const differences = (files: Dataset) => project.differences({ ...files, models: files.models.filter(({ relation }) => relation !== 'silver.stg') });
const asideRows = () => query<{ line: string }>(`select input_row ->> 'line' as line from ingot.quarantine where model = 'silver.stg' order by id`).then((rows) => rows.map(({ line }) => line));
const HALVES = ['2030-01-01 V 1.5', '2030-01-02 C 2.5'];

describe('a model that only gets columns', () => {
  it('leaves what reads it alone when its rows stay, and plan says that this hangs on them', async () => {
    await project.runAll(before);
    const files = await sampleDataset(WHOLE);
    const plan = await planApply(project.client, files, { backfill: true });
    expect(plan.models.map(({ relation, reason }) => [relation, reason])).toContainEqual(['silver.daily', 'not affected, unless rows of silver.stg fail in the columns that change: it reads none of them']);
    const was = await oidOf('silver.daily');
    await apply(project.client, files, undefined, { backfill: true });
    expect(await oidOf('silver.daily')).toEqual(was);
    expect(await differences(files)).toEqual({});
  });

  it('has everything that reads it computed anew when rows fail in them', async () => {
    await project.flush(HALVES);
    await project.runAll(before);
    const files = await sampleDataset(WHOLE);
    const notices: string[] = [];
    await apply(project.client, files, (line) => notices.push(line), { backfill: true, chunkRows: 6 });
    expect(notices).toContainEqual(expect.stringMatching(/^silver\.stg puts other rows aside than before, so what reads it is computed anew too: .*silver\.daily/));
    expect(await asideRows()).toEqual(HALVES);
    expect(await query('select count(*)::int as rows, sum((select sum(n) from silver.daily))::int / 20 as counted from silver.stg')).toEqual([{ rows: 20, counted: 20 }]);
    expect(await differences(files)).toEqual({});
    await project.flush([...someLines(3, 40), '2030-01-03 V 3.5']);
    await project.runAll(files);
    expect(await differences(files)).toEqual({});
  });

  it('also when the row comes while the shadows are built, or in the moment of publishing', async () => {
    await project.runAll(before);
    const files = await sampleDataset(WHOLE);
    let told = 0;
    const comes = async (): Promise<void> => {
      told++;
      if (told > 2) return;
      await project.flush([HALVES[told - 1]!]);
      await project.runAll(before);
    };
    await apply(project.client, files, undefined, { backfill: true, chunkRows: 100, onProgress: comes });
    expect(told).toBeGreaterThan(1);
    expect(await asideRows()).toEqual(HALVES);
    expect(await differences(files)).toEqual({});
  });

  it('and when rows are taken that were put aside before', async () => {
    const strict = await sampleDataset(WHOLE);
    await apply(project.client, strict);
    await project.flush(HALVES);
    await project.runAll(strict);
    expect(await asideRows()).toEqual(HALVES);
    await apply(project.client, before, undefined, { backfill: true });
    expect(await asideRows()).toEqual([]);
    expect(await query('select count(*)::int as rows from silver.stg')).toEqual([{ rows: 22 }]);
    expect(await project.differences(before)).toEqual({});
  });

  it('goes on where it was when it is cut off after that was found', async () => {
    await project.flush(HALVES);
    await project.runAll(before);
    const files = await sampleDataset(WHOLE);
    const stop = ({ relation }: { relation: string }): void => {
      if (relation === 'silver.copied') throw new Error('enough');
    };
    await expect(apply(project.client, files, undefined, { backfill: true, chunkRows: 4, onProgress: stop })).rejects.toThrow('enough');
    const built = await query<{ rows: number }>(`select count(*)::int as rows from ingot_shadow_sample_silver.stg`);
    expect(built).toEqual([{ rows: 20 }]);
    const [chunk] = await query<{ chunk: string }>('select chunk from ingot.plans');
    const notices: string[] = [];
    const told: string[] = [];
    await apply(project.client, files, (line) => notices.push(line), { backfill: true, chunkRows: 4, onProgress: ({ relation }) => void told.push(relation) });
    expect(notices[0]).toBe(`goes on with the rebuild that was cut off after chunk ${chunk?.chunk}`);
    expect(told.filter((relation) => relation === 'silver.stg')).toEqual([]);
    expect(await differences(files)).toEqual({});
    expect(await query(`select nspname from pg_namespace where nspname like 'ingot\\_%' union all select dataset from ingot.plans`)).toEqual([]);
  });

  // Its rows are made of the lookup as it is now, those of before were made of it as it was then.
  it('has what reads it follow when it takes a lookup that has changed since', async () => {
    const looked = (more: string) => ({
      ...BESIDE,
      'seeds/kinds.csv': 'metric,kind\nV,1\nC,1\n',
      'silver/kept.sql': `/* ---\nmaterialized: incremental\nincremental_strategy: append\nincrement_on: silver.stg\nlookups: [seeds.kinds]\n--- */\nselect s.raw_id, k.kind${more} from silver.stg as s join seeds.kinds as k using (metric)\n`,
      'gold/kinds.sql': '/* ---\nmaterialized: incremental\nincremental_strategy: accumulate\nincrement_on: silver.kept\nunique_key: [kind]\naccumulate: { n: count }\n--- */\nselect kind, count(*) as n from silver.kept group by kind\n',
    });
    const first = await sampleDataset(looked(''));
    await apply(project.client, first);
    await project.runAll(first);
    const seeded = { 'seeds/kinds.csv': 'metric,kind\nV,2\nC,1\n' };
    await apply(project.client, await sampleDataset({ ...looked(''), ...seeded }));
    const more = await sampleDataset({ ...looked(', s.day'), ...seeded });
    await apply(project.client, more, undefined, { backfill: true });
    expect(await project.differences(more)).toEqual({});
  });

  it('is computed anew with all that reads it when that is what was asked for', async () => {
    await project.runAll(before);
    await query('update silver.stg set value = value + 1; update silver.daily set total = total + 1');
    const files = await sampleDataset({ ...BESIDE, 'silver/stg.sql': WHOLE['silver/stg.sql']!.replace('increment_on', 'on_schema_change: append_new_columns\nincrement_on') });
    await rebuild(project.client, files, ['silver.stg']);
    expect(await project.differences(files)).toEqual({});
  });
});

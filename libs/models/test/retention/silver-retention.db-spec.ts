import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { apply, rebuild } from '../../src/apply.js';
import { maintain } from '../../src/maintenance.js';
import { requestReplay } from '../../src/quarantine/replays.js';
import { liveProject, replaced } from '../apply/live-project.js';
import { sampleDataset } from '../sample-project.js';

const KEEP = { historyDays: 30 };
const FILES = {
  'dataset.yml': 'description: a sample\nretention:\n  silver.stg: 62d\n',
  ...replaced('silver/stg.sql', 'increment_on: bronze.raw\n', 'increment_on: bronze.raw\npartition_by: day\n'),
  // Computed anew by the days of two inputs, one of which loses its months.
  'silver/notes.sql': `/* ---
materialized: incremental
incremental_strategy: append
increment_on: bronze.raw
--- */
select split_part(line, ' ', 1)::date as noted, split_part(line, ' ', 3) as note from bronze.raw where split_part(line, ' ', 2) = 'note'
`,
  'gold/days.sql': `/* ---
materialized: incremental
incremental_strategy: delete+insert
increment_on: [silver.stg, silver.notes]
touch_key: day
unique_key: day
--- */
select s.day, s.readings, n.notes
from (select day, count(*) as readings from silver.stg where metric <> 'note' group by day) as s
join (select noted as day, count(*) as notes from silver.notes group by noted) as n using (day)
`,
};

let project: Awaited<ReturnType<typeof liveProject>>;
let dataset: Dataset;
let old: string;
let today: string;
beforeEach(async () => {
  project = await liveProject(FILES);
  dataset = project.dataset;
  const [days] = await project.db.query<{ old: string; today: string }>(`select (now() - interval '100 days')::date::text as old, now()::date::text as today`);
  ({ old, today } = days!);
  await project.flush([`${old} V 2`, `${old} C 3`, `${old} note 1`, `${today} V 4`, `${today} C 5`, `${today} note 1`]);
  await project.runAll(dataset);
  expect((await maintain(project.client, dataset, KEEP)).dropped).toEqual([`silver.stg_p${old.slice(0, 7).replace('-', '_')}`]);
});
afterEach(() => project.db.drop());

const days = () => project.db.query(`select day::text, readings::int, notes::int from gold.days order by day`);
const power = () => project.db.query(`select day::text, power::float8 from gold.power order by day`);
const GOLD = () => [{ day: old, power: 6 }, { day: today, power: 20 }];
const entries = () => project.db.query(`select model, reasons, input_row ->> 'line' as line from ingot.quarantine order by id`);

describe('a month of silver that was dropped', () => {
  it('is gone there and nowhere else, and readers are told that there is another publication', async () => {
    expect(await project.db.query('select distinct day::text as day from silver.stg')).toEqual([{ day: today }]);
    expect(await power()).toEqual(GOLD());
    expect(await days()).toEqual([{ day: old, readings: 2, notes: 1 }, { day: today, readings: 2, notes: 1 }]);
    expect(await project.db.query('select publication::int from ingot.datasets')).toEqual([{ publication: 2 }]);
  });

  it('stays closed: late lines are put aside with the reason, the run goes on, gold keeps its values', async () => {
    await project.flush([`${old} V 1000`, `${today} V 8`]);
    await project.runAll(dataset);
    expect(await entries()).toEqual([{ model: 'silver.stg', reasons: ['beyond_retention'], line: `${old} V 1000` }]);
    expect(await power()).toEqual([{ day: old, power: 6 }, { day: today, power: 30 }]);
    await requestReplay(project.client, dataset, 'all');
    await project.runAll(dataset);
    expect(await entries()).toHaveLength(1);
    expect(await power()).toEqual([{ day: old, power: 6 }, { day: today, power: 30 }]);
  });

  it('does not take gold with it when the day is touched through another input', async () => {
    await project.flush([`${old} note 2`, `${today} note 2`]);
    await project.runAll(dataset);
    expect(await days()).toEqual([{ day: old, readings: 2, notes: 1 }, { day: today, readings: 2, notes: 2 }]);
  });

  it('cannot be lost by computing anew what counts it: that is refused with the way out', async () => {
    await expect(rebuild(project.client, dataset, ['silver.daily'])).rejects.toThrow(
      /silver\/daily\.sql:1:1: silver\.daily counts rows of silver\.stg that retention has dropped since; a rebuild would lose their rows\. Compute silver\.stg anew with it from the lines \(`ingot rebuild silver\.stg`\), or to do it all the same: --drop-history silver\.daily/,
    );
    const changed = await sampleDataset({ ...FILES, 'gold/days.sql': FILES['gold/days.sql'].replace('count(*) as readings', 'count(*) * 10 as readings') });
    await expect(apply(project.client, changed)).rejects.toThrow(/gold\.days counts rows of silver\.stg/);
    expect(await days()).toHaveLength(2);
    // Computed from what still has all of it: allowed.
    const doubled = await sampleDataset({ ...FILES, ...replaced('gold/power.sql', 'trim_scale(', '2 * trim_scale(') });
    await apply(project.client, doubled);
    expect(await power()).toEqual([{ day: old, power: 12 }, { day: today, power: 40 }]);
  });

  it('comes back when the table is computed anew from lines that are there, and goes again', async () => {
    await project.flush([`${old} V 4`]);
    await project.runAll(dataset);
    expect(await entries()).toHaveLength(1);
    await rebuild(project.client, dataset, ['silver.stg']);
    expect(await project.differences(dataset)).toEqual({});
    expect(await entries()).toEqual([]);
    expect(await power()).toEqual([{ day: old, power: 9 }, { day: today, power: 20 }]);
    expect((await maintain(project.client, dataset, KEEP)).dropped).toHaveLength(1);
    expect(await power()).toEqual([{ day: old, power: 9 }, { day: today, power: 20 }]);
  });

  it('may be lost when asked for by name, once', async () => {
    await rebuild(project.client, dataset, ['silver.daily'], undefined, { dropHistory: ['silver.daily'] });
    expect(await power()).toEqual([{ day: today, power: 20 }]);
    await rebuild(project.client, dataset, ['silver.daily']);
    await project.flush([`${today} V 6`]);
    await project.runAll(dataset);
    expect(await power()).toEqual([{ day: today, power: 25 }]);
  });
});

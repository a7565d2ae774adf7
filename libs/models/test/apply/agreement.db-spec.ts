import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { apply } from '../../src/apply.js';
import { SAMPLE, sampleDataset } from '../sample-project.js';
import { liveProject, replaced, someLines, type LiveProject } from './live-project.js';

const FILES = {
  'seeds/kinds.csv': 'metric,kind\nV,1\nC,1\n',
  'gold/shown.sql': '/* ---\nmaterialized: view\ndescription: seen\n--- */\nselect day from silver.daily\n',
  'silver/stg.sql': SAMPLE['silver/stg.sql']!.replace('increment_on', 'indexes: [[day]]\nincrement_on'),
};
let project: LiveProject;
let files: Dataset;
beforeAll(async () => {
  ({ dataset: files, ...project } = await liveProject(FILES));
  await project.flush(someLines(9));
  await project.runAll(files);
});
afterAll(() => project.db.drop());

/** How many statements an apply sends. */
async function statements(dataset: Dataset): Promise<number> {
  const { client } = project;
  const send = client.query.bind(client) as (...args: unknown[]) => unknown;
  let count = 0;
  Object.assign(client, { query: (...args: unknown[]) => (count++, send(...args)) });
  try {
    await apply(client, dataset);
    return count;
  } finally {
    delete (client as Partial<typeof client>).query; // that of its class is there again
  }
}

const IDLE = 5; // one of them for the seed
const query = (text: string) => project.db.query(text);

describe('apply of what is applied', () => {
  it('asks a few things and does nothing', async () => {
    expect(await statements(files)).toBe(IDLE);
  });

  it.each([
    ['an index', 'drop index silver.stg_day_idx', `select to_regclass('silver.stg_day_idx') is not null as there`],
    ['a constraint', `do $$ begin execute (select 'alter table silver.stg drop constraint ' || conname from pg_constraint where conrelid = 'silver.stg'::regclass and contype = 'c'); end $$`, `select count(*) = 1 as there from pg_constraint where conrelid = 'silver.stg'::regclass and contype = 'c'`],
    ['a view', 'drop view gold.shown', `select to_regclass('gold.shown') is not null as there`],
    ['a table', 'drop table gold.summary', `select to_regclass('gold.summary') is not null as there`],
    ['partitions ahead', `alter table bronze.raw detach partition bronze.%I; drop table bronze.%I`, `select count(*) > 3 as there from pg_inherits where inhparent = 'bronze.raw'::regclass`],
  ])('makes again what somebody has removed: %s', async (_what, remove, isThere) => {
    const [last] = await project.db.query<{ name: string }>(`select relname as name from pg_class where relname like 'raw_p%' and relkind = 'r' order by length(relname) desc, relname desc limit 1`);
    await query(remove.replaceAll('%I', last!.name));
    await apply(project.client, files);
    expect(await query(isThere)).toEqual([{ there: true }]);
    expect(await statements(files)).toBe(IDLE);
    expect(await project.differences(files)).toEqual({});
  });

  it('takes no change for nothing: a description, a seed, a file that is gone or back', async () => {
    const change = async (changes: Record<string, string | undefined>, shows: string): Promise<void> => {
      const other = await sampleDataset({ ...FILES, ...changes });
      await apply(project.client, other);
      expect(await query(shows)).toEqual([{ ok: true }]);
      expect(await statements(other)).toBe(IDLE);
    };
    await change(replaced('silver/daily.sql', 'description: sums', 'description: other'), `select obj_description('silver.daily'::regclass) = 'other' as ok`);
    await change({ 'seeds/kinds.csv': 'metric,kind\nV,7\nC,1\n' }, 'select max(kind) = 7 as ok from seeds.kinds');
    await change({ 'gold/shown.sql': undefined }, `select applied_code -> 'gold.shown' -> 'removed' = 'true' as ok from ingot.datasets`);
    await change({}, `select applied_code -> 'gold.shown' -> 'removed' is null as ok from ingot.datasets`);
    await change({ 'seeds/kinds.yml': 'description: kinds of metrics\n' }, `select obj_description('seeds.kinds'::regclass) = 'kinds of metrics' as ok`);
  });
});

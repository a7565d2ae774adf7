import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connect } from '@ingot/postgres';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { apply, rebuild } from '../src/apply.js';
import { planApply } from '../src/apply/plan-apply.js';
import { readPlan } from '../src/plan.js';
import { run } from '../src/run.js';
import { SAMPLE, sampleDataset } from './sample-project.js';

const DISTRIBUTED = { 'silver/stg.sql': SAMPLE['silver/stg.sql']!.replace('increment_on: bronze.raw\n', 'increment_on: bronze.raw\ndistributed_by: device\n') };

describe('distributed_by', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(() => database.drop());

  const write = (...lines: string[]) => database.query(`insert into bronze.raw (device, line) select 'a', unnest($1::text[])`, [lines]);
  const rows = async () => (await database.query<{ n: number }>('select count(*)::int as n from silver.stg'))[0]!.n;

  it('leaves the table whole where there is no Citus, and the plan says so', async () => {
    const dataset = await sampleDataset(DISTRIBUTED);
    const client = await database.session();
    const plan = await planApply(client, dataset);
    expect(plan.models.filter(({ note }) => note !== undefined).map(({ relation, note }) => [relation, note])).toEqual([['silver.stg', 'distributed_by device: this database has no extension citus, so the table stays whole']]);
    await apply(client, dataset);
    await write('2030-01-01 V 1');
    await run(client, await readPlan(client, dataset), { maxRows: 1_000 });
    expect(await rows()).toBe(1);
    expect((await planApply(client, dataset)).models.some(({ note }) => note !== undefined)).toBe(false);
  });

  it('is a change of how rows are kept: the model is computed anew, its shadow the same way', async () => {
    const asked = await standInForCitus(database);
    const client = await database.session();
    await apply(client, await sampleDataset());
    await write('2030-01-01 V 1', '2030-01-02 V 2');
    await run(client, await readPlan(client, await sampleDataset()), { maxRows: 1_000 });
    expect(await asked()).toEqual([]);

    const dataset = await sampleDataset(DISTRIBUTED);
    const [stg] = (await planApply(client, dataset)).models.filter(({ relation }) => relation === 'silver.stg');
    expect([stg?.action, stg?.headerKeys, stg?.note]).toEqual(['rebuild', ['distributed_by'], 'spread over the servers of Citus by device']);
    await apply(client, dataset);
    expect(await asked()).toEqual([[expect.stringMatching(/^\S+\.stg$/), 'device', 0]]); // while it is empty and beside the live one
    expect(await rows()).toBe(2);
    await rebuild(client, dataset, ['silver.daily']);
    expect(await asked()).toHaveLength(1); // sums stay on the coordinator
  });

  it('asks Citus for a new table before its first row', async () => {
    const asked = await standInForCitus(database);
    const client = await database.session();
    await apply(client, await sampleDataset(DISTRIBUTED));
    expect(await asked()).toContainEqual(['silver.stg', 'device', 0]);
  });
});

/** The extension's name and its one function, which writes down what it is asked; this is no test of Citus itself. */
async function standInForCitus(database: TestDatabase): Promise<() => Promise<unknown[]>> {
  const url = new URL(process.env.INGOT_TEST_SERVER_URL ?? '');
  url.pathname = database.name;
  const admin = await connect({ url: url.toString(), name: 'test admin' });
  await admin.query(`
    set allow_system_table_mods = on;
    insert into pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) values (999999, 'citus', 10, 11, false, '0');
    create table public.asked (relation text, by text, rows bigint);
    grant all on public.asked to public;
    create function pg_catalog.create_distributed_table(relation regclass, by text) returns void language plpgsql as $$
      declare rows bigint;
      begin
        execute format('select count(*) from %s', relation) into rows;
        insert into public.asked values (relation::text, by, rows);
      end $$`);
  await admin.end();
  return async () => (await database.query<{ relation: string; by: string; rows: string }>('select * from public.asked')).map(({ relation, by, rows }) => [relation, by, Number(rows)]);
}

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPool, type ConnectionPool } from '@ingot/postgres';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { apply } from '../src/apply.js';
import { RunSession } from '../src/run-session.js';
import { differences } from './consistency.js';
import { SAMPLE, sampleDataset, STOPPED_BY_DATA } from './sample-project.js';

let db: TestDatabase;
let pool: ConnectionPool;
beforeEach(async () => {
  db = await createTestDatabase();
  pool = createPool({ url: db.url, name: 'runs', max: 2, acquireTimeoutMs: 5_000, settings: { jit: 'off' }, onError: () => undefined });
});
afterEach(async () => {
  await pool.end();
  await db.drop();
});

const KEYED = SAMPLE['silver/stg.sql']!.replace('  - name: metric\n', '  - name: metric\n    data_tests: [unique]\n');

async function opened(changes: Readonly<Record<string, string | undefined>> = {}) {
  const dataset = await sampleDataset(changes);
  const client = await db.session();
  await apply(client, dataset);
  return { dataset, session: new RunSession({ pool, dataset, maxRows: 1_000 }) };
}
const write = (...lines: string[]) => db.query(`insert into bronze.raw (device, line) select 'a', unnest($1::text[])`, [lines]);
const published = () => db.query<{ n: number }>('select (select count(*) from silver.stg)::int + (select count(*) from silver.daily)::int + (select count(*) from gold.power)::int as n').then(([row]) => row?.n);
const records = () => db.query(`select status, run_id, attempts, error from ingot.runs order by id`);

describe('a run that fails', () => {
  it('publishes nothing, is recorded once with its place, and reads its increment again when the data allows', async () => {
    const { dataset, session } = await opened(STOPPED_BY_DATA);
    await write('2030-01-01 V 1', '2030-01-01 C 2');
    await session.run();
    const before = await published();
    await write('2030-01-01 V 3', 'no-date V 4');
    for (let i = 0; i < 3; i++) {
      await expect(session.run()).rejects.toThrow('sql/sample/silver/stg.sql:17:1: silver.stg: invalid input syntax for type date: "no-date"');
    }
    expect(await published()).toBe(before);
    expect(await db.query('select run_id from ingot.datasets')).toEqual([{ run_id: '1' }]);
    expect(await records()).toEqual([
      { status: 'succeeded', run_id: '1', attempts: 1, error: null },
      {
        status: 'failed',
        run_id: null,
        attempts: 3,
        error: { message: 'invalid input syntax for type date: "no-date"', sqlstate: '22007', model: 'silver.stg', file: 'sql/sample/silver/stg.sql', line: 17, column: 1, detail: null },
      },
    ]);
    await db.query(`delete from bronze.raw where line like 'no-date%'`);
    expect(await session.run()).toMatchObject({ outcome: 'succeeded', rowsIn: 1 });
    expect(await differences(db, dataset)).toEqual({});
  });

  it('keeps another failure apart from the one before', async () => {
    const { session } = await opened(STOPPED_BY_DATA);
    await write('no-date V 4');
    await expect(session.run()).rejects.toThrow('"no-date"');
    await db.query(`update bronze.raw set line = 'none V 4'`);
    await expect(session.run()).rejects.toThrow('"none"');
    expect(await db.query('select attempts from ingot.runs')).toEqual([{ attempts: 1 }, { attempts: 1 }]);
  });

  it('names the data test not_null, its column and a row', async () => {
    const { session } = await opened();
    await write('2030-01-01 V 1', '2030-01-01 C');
    await expect(session.run()).rejects.toThrow(/^sql\/sample\/silver\/stg.sql:15:18: silver.stg: data test not_null of value failed: 1 row, e\.g\. {"raw_id":2,"day":"2030-01-01","device":"a","metric":"C","value":null,"_run_id":1}$/);
    expect(await published()).toBe(0);
  });

  it('names the data test unique, also against rows of earlier runs', async () => {
    const { session } = await opened({ 'silver/stg.sql': KEYED });
    await write('2030-01-01 V 1');
    await session.run();
    await write('2030-01-02 V 1');
    await expect(session.run()).rejects.toThrow('data test unique of metric failed: 1 key, e.g. {"metric":"V","rows":2}');
  });

  it('says which key a model gives twice', async () => {
    const twice = SAMPLE['gold/summary.sql']!.replace('group by device, metric', 'group by device, metric, day');
    const { session } = await opened({ 'gold/summary.sql': twice });
    await write('2030-01-01 V 1', '2030-01-02 V 1');
    await expect(session.run()).rejects.toThrow('gold.summary: data test unique of device, metric failed: Key (device, metric)=(a, V) already exists.');
    expect(await published()).toBe(0);
  });

  it('maps the position of an error through the replaced relation to the file', async () => {
    // Valid when it is applied, not any more when it runs: only so does a position reach a run.
    const { session } = await opened({ 'silver/stg.sql': SAMPLE['silver/stg.sql']!.replace('from bronze.raw\n', 'from bronze.raw where /* é🚀 */\n  "precision" is null\n') });
    await db.query('alter table bronze.raw drop column "precision"');
    await write('2030-01-01 V 1');
    await expect(session.run()).rejects.toThrow('sql/sample/silver/stg.sql:19:3: silver.stg: column "precision" does not exist');
  });

  it('a lost connection is no failure of a model', async () => {
    const { session } = await opened();
    await write('2030-01-01 V 1');
    const blocker = await db.session();
    await blocker.query('begin; lock table silver.stg in share mode');
    const dying = session.run();
    dying.catch(() => undefined);
    for (let done = false; !done; ) {
      done = (await db.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'runs %' and wait_event_type = 'Lock'`)).length > 0;
    }
    await expect(dying).rejects.not.toMatchObject({ name: 'RunFailure' });
    await blocker.query('rollback');
    expect(await records()).toEqual([]);
    expect(await session.run()).toMatchObject({ outcome: 'succeeded', runId: 1n });
  });
});

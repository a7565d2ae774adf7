import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apply } from '../../src/apply.js';
import { sampleDataset } from '../sample-project.js';
import { liveProject } from './live-project.js';

const NEWEST = `/* ---
materialized: incremental
incremental_strategy: merge
increment_on: bronze.raw
unique_key: [device]
--- */
select device, line from bronze.raw
`;
const READER = `/* ---
materialized: incremental
incremental_strategy: delete+insert
increment_on: silver.newest
touch_key: [device]
--- */
select device, upper(line) as line from silver.newest
`;
const FILES = { 'silver/newest.sql': NEWEST, 'gold/shown.sql': READER };

const STAMPED = `/* ---
materialized: incremental
incremental_strategy: append
increment_on: bronze.raw
--- */
select id as raw_id, device, clock_timestamp() as taken_at from bronze.raw
`;
const LATEST = `/* ---
materialized: incremental
incremental_strategy: accumulate
increment_on: silver.stamped
unique_key: [device]
accumulate: { taken_at: max }
--- */
select device, max(taken_at) as taken_at from silver.stamped group by device
`;

describe('a model whose rows become others when it is rebuilt for a further column, takes along what reads it', () => {
  let project: Awaited<ReturnType<typeof liveProject>>;
  beforeAll(async () => {
    project = await liveProject({ ...FILES, 'silver/stamped.sql': STAMPED, 'gold/latest.sql': LATEST });
  });
  afterAll(() => project.db.drop());

  it('a merge in which the order of arrival decides: lines that were committed late arrive earlier in a rebuild', async () => {
    const late = await project.db.session('late');
    await late.query(`begin; insert into bronze.raw (device, line) values ('a', '2030-01-01 V 1')`);
    await project.flush(['2030-01-01 V 2']);
    const before = project.dataset;
    await project.runAll(before);
    await late.query('commit');
    await project.runAll(before);
    expect(await project.db.query('select line from gold.shown')).toEqual([{ line: '2030-01-01 V 1' }]);

    const after = await sampleDataset({ ...FILES, 'silver/stamped.sql': STAMPED, 'gold/latest.sql': LATEST, 'silver/newest.sql': NEWEST.replace('select device, line', 'select device, line, length(line) as size') });
    await apply(project.client, after, undefined, { backfill: true });
    expect(await project.db.query('select line from silver.newest')).toEqual([{ line: '2030-01-01 V 2' }]);
    expect(await project.db.query('select line from gold.shown')).toEqual([{ line: '2030-01-01 V 2' }]);
  });

  it('a SELECT that asks for the time', async () => {
    await project.flush(['2030-01-01 V 2']);
    const before = { ...FILES, 'silver/newest.sql': NEWEST.replace('select device, line', 'select device, line, length(line) as size') };
    await project.runAll(await sampleDataset({ ...before, 'silver/stamped.sql': STAMPED, 'gold/latest.sql': LATEST }));
    const after = await sampleDataset({ ...before, 'silver/stamped.sql': STAMPED.replace('as taken_at', 'as taken_at, length(line) as size'), 'gold/latest.sql': LATEST });
    await apply(project.client, after, undefined, { backfill: true });
    expect(await project.db.query('select taken_at = (select max(taken_at) from silver.stamped) as is_newest from gold.latest')).toEqual([{ is_newest: true }]);
  });
});

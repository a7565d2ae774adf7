import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { apply, rebuild } from '../../src/apply.js';
import { planApply } from '../../src/apply/plan-apply.js';
import { maintain } from '../../src/maintenance.js';
import { SAMPLE, sampleDataset } from '../sample-project.js';
import { liveProject, replaced, someLines, until, type LiveProject } from './live-project.js';

let project: LiveProject;
let before: Dataset;
beforeEach(async () => {
  const { dataset, ...rest } = await liveProject();
  project = rest;
  before = dataset;
  await project.flush(someLines(20));
  await project.runAll(before);
});
afterEach(() => project.db.drop());

const query = <Row extends Record<string, unknown>>(text: string) => project.db.query<Row>(text);
const oidOf = (relation: string) => query<{ oid: number }>(`select '${relation}'::regclass::oid::int as oid`).then(([row]) => row?.oid);
/** The sample's stg with another SELECT list or header. */
const stg = (policy: string, more: string) => ({
  'silver/stg.sql': SAMPLE['silver/stg.sql']!.replace('increment_on: bronze.raw\n', `increment_on: bronze.raw\n${policy === '' ? '' : `on_schema_change: ${policy}\n`}`).replace('\nfrom bronze.raw', `${more}\nfrom bronze.raw`),
});
const actions = async (files: Dataset, options = {}) => (await planApply(project.client, files, options)).models.map(({ action, relation }) => `${action} ${relation}`);

describe('columns that change', () => {
  it('are refused by default, and computed for all rows when asked', async () => {
    const files = await sampleDataset(stg('', ', length(line) as size'));
    await expect(apply(project.client, files)).rejects.toThrow(/the columns of silver\.stg change \(\+size integer\): on_schema_change is fail; set `on_schema_change: append_new_columns` .*--backfill/);
    expect(await query('select from ingot.plans')).toEqual([]);
    expect(await actions(files, { backfill: true })).toEqual(['rebuild silver.stg', 'nothing silver.daily', 'nothing gold.power', 'nothing gold.summary']);
    const daily = await oidOf('silver.daily');
    await apply(project.client, files, undefined, { backfill: true, chunkRows: 6 });
    expect(await project.differences(files)).toEqual({});
    expect(await oidOf('silver.daily')).toEqual(daily); // not affected: it names none of the new columns
    await project.flush(someLines(5));
    await project.runAll(files);
    expect(await project.differences(files)).toEqual({});
  });

  it('are added in place by append_new_columns: null before, filled from now on; and dropped by sync_all_columns', async () => {
    const [stgOid, summary] = [await oidOf('silver.stg'), await oidOf('gold.summary')];
    const more = await sampleDataset(stg('append_new_columns', ', length(line) as size'));
    expect(await actions(more)).toEqual(['alter silver.stg', 'nothing silver.daily', 'nothing gold.power', 'nothing gold.summary']);
    await apply(project.client, more);
    await project.flush(someLines(3));
    await project.runAll(more);
    expect([await oidOf('silver.stg'), await oidOf('gold.summary')]).toEqual([stgOid, summary]);
    expect(await query('select count(*)::int as rows, count(size)::int as sized from silver.stg')).toEqual([{ rows: 23, sized: 3 }]);
    await expect(apply(project.client, await sampleDataset(stg('append_new_columns', '')))).rejects.toThrow(/\(-size\): append_new_columns only adds; set .on_schema_change: sync_all_columns/);
    const less = await sampleDataset(stg('sync_all_columns', ''));
    await apply(project.client, less);
    expect(await oidOf('silver.stg')).toEqual(stgOid);
    await project.flush(someLines(3));
    await project.runAll(less);
    expect(await project.differences(less)).toEqual({});
  });

  it('are computed for all rows where nulls would look like values, or where somebody reads them at once', async () => {
    const sums = replaced('silver/daily.sql', 'max(value) as most', 'max(value) as most, count(value) as valued');
    const daily = { 'silver/daily.sql': sums['silver/daily.sql']!.replace('most: max', 'most: max, valued: count').replace('unique_key', 'on_schema_change: append_new_columns\nunique_key') };
    const files = await sampleDataset(daily);
    await apply(project.client, files);
    expect(await project.differences(files)).toEqual({});
    const reader = { 'gold/sizes.sql': '/* ---\nmaterialized: table\n--- */\nselect s.device, sum(s.size) as size from silver.stg as s group by s.device\n' };
    const read = await sampleDataset({ ...daily, ...stg('append_new_columns', ', length(line) as size'), ...reader });
    expect((await actions(read))[0]).toBe('rebuild silver.stg');
    await apply(project.client, read);
    expect(await project.differences(read)).toEqual({});
  });

  it('and declared types are checked before anything runs', async () => {
    const wrong = await sampleDataset(replaced('silver/stg.sql', 'data_type: double precision', 'data_type: numeric'));
    const both = await sampleDataset({ 'silver/stg.sql': wrong.models[0]!.query.fileText.replace("' ', 2) as metric", "' ', 2) || '' as metric") });
    await expect(apply(project.client, both)).rejects.toThrow('sql/sample/silver/stg.sql:13:11: silver.stg.value is declared numeric, but the SELECT gives double precision');
    await expect(planApply(project.client, both)).rejects.toThrow('silver.stg.value is declared numeric');
    expect(await query('select from ingot.plans')).toEqual([]);
  });
});

describe('a rebuild', () => {
  it('reads the lookups of the same plan: a changed table, a view over it, a seed', async () => {
    const files = (factor: number) => ({
      'seeds/kinds.csv': `metric,kind\nV,${factor}\nC,9\n`,
      'silver/factors.sql': `/* ---\nmaterialized: table\nunique_key: [metric]\n--- */\nselect distinct metric, ${factor} as factor from silver.base\n`,
      'silver/base.sql': SAMPLE['silver/stg.sql']!,
      'silver/shown.sql': '/* ---\nmaterialized: view\n--- */\nselect metric, factor from silver.factors\n',
      'silver/scaled.sql': `/* ---\nmaterialized: incremental\nincremental_strategy: append\nincrement_on: silver.base\nlookups: [silver.shown, seeds.kinds]\n--- */\nselect raw_id, value * s.factor as value, k.kind, ${factor} as version from silver.base as b join silver.shown as s using (metric) join seeds.kinds as k using (metric)\n`,
    });
    await apply(project.client, await sampleDataset(files(1)));
    expect(await project.differences(await sampleDataset(files(1)))).toEqual({});
    const next = await sampleDataset(files(2));
    await apply(project.client, next, undefined, { chunkRows: 5 });
    expect(await project.differences(next)).toEqual({});
    expect(await query('select count(distinct kind)::int as kinds, min(version) as version from silver.scaled')).toEqual([{ kinds: 2, version: 2 }]);
  });

  it('publishes nothing when a data test fails on the shadow, and says so in terms of the files', async () => {
    const failing = await sampleDataset({
      ...replaced('silver/stg.sql', "' ', 2) as metric", "' ', 2) || '!' as metric"),
      'tests/no_bang.sql': `/* ---\ndescription: none\n--- */\nselect * from silver.daily where metric like '%!'\n`,
    });
    const was = await oidOf('silver.stg');
    await expect(apply(project.client, failing)).rejects.toThrow(/no_bang.* failed: \d+ rows/);
    expect(await oidOf('silver.stg')).toEqual(was);
    await project.runAll(before);
    const raw = await sampleDataset(replaced('silver/stg.sql', "nullif(split_part(line, ' ', 3), '')", "nullif(split_part(line, ' ', 3), '5')"));
    await expect(apply(project.client, { ...raw, models: raw.models.map((model) => ({ ...model, onDataError: 'fail' as const })) })).rejects.toThrow(/^sql\/sample\/silver\/stg\.sql:\d+:\d+: silver\.stg: data test not_null of value failed/);
    await apply(project.client, before); // nothing to do
    expect(await project.differences(before)).toEqual({});
  });

  it('is refused when lines that the live table counts are gone, unless it is asked for by name', async () => {
    await query(`alter table bronze.raw detach partition bronze.raw_first; drop table bronze.raw_first`);
    await expect(rebuild(project.client, before, ['silver.stg'])).rejects.toThrow(/silver\.stg counts lines that retention has dropped since; .*--drop-history silver\.stg/);
    await rebuild(project.client, before, ['silver.daily']); // its input is all there
    expect(await query('select count(*)::int as n from silver.stg')).toEqual([{ n: 20 }]);
    await rebuild(project.client, before, ['silver.stg'], undefined, { dropHistory: ['silver.stg'] });
    expect(await query('select count(*)::int as n from silver.stg')).toEqual([{ n: 0 }]);
    await rebuild(project.client, before, ['silver.stg']); // it counts nothing any more that is gone
  });

  it('drops what was built when nobody has gone on with it for a day, and not before', async () => {
    const stop = (): never => {
      throw new Error('enough');
    };
    const files = await sampleDataset(replaced('silver/stg.sql', "' ', 2) as metric", "' ', 2) || '' as metric"));
    await expect(apply(project.client, files, undefined, { onProgress: stop })).rejects.toThrow('enough');
    expect((await maintain(project.client, before, { historyDays: 1 })).shadowsDropped).toBe(false);
    await query(`update ingot.plans set updated_at = now() - interval '25 hours'`);
    expect((await maintain(project.client, before, { historyDays: 1 })).shadowsDropped).toBe(true);
    expect(await query(`select nspname from pg_namespace where nspname like 'ingot\\_%' union all select dataset from ingot.plans union all select dataset from ingot.shadows`)).toEqual([]);
  });

  it('replaces the open quarantine entries of its models, but for those whose line is gone', async () => {
    await project.flush(['2030-13-45 V 1', '2030-01-01 V x', '2030-01-01 V 7']);
    await project.runAll(before);
    const open = () => query<{ line: string; model: string; input: string }>(`select input_row ->> 'line' as line, model, input from ingot.quarantine order by input_id`);
    expect((await open()).map(({ line }) => line)).toEqual(['2030-13-45 V 1', '2030-01-01 V x']);
    await query(`insert into ingot.quarantine (dataset, model, input, input_row, input_id, input_xid, reasons, run_id, code_hash) values ('sample', 'silver.stg', 'bronze.raw', '{"line": "gone"}', 0, -5, '{old}', 1, '')`);
    await query('alter table bronze.raw detach partition bronze.raw_first');
    await query(`alter table bronze.raw_first add check (ingest_xid >= 0)`);
    await query(`alter table bronze.raw attach partition bronze.raw_first for values from (0) to (${(await query<{ upper: string }>(`select substring(pg_get_expr(relpartbound, oid) from '\\d+') as upper from pg_class where relname like 'raw_p%' order by length(relname), relname limit 1`))[0]!.upper})`);
    const files = await sampleDataset({ 'silver/stg.sql': SAMPLE['silver/stg.sql']!.replace("nullif(split_part(line, ' ', 3), '')", "nullif(replace(split_part(line, ' ', 3), 'x', '8'), '')") });
    await apply(project.client, files, undefined, { dropHistory: ['silver.stg'] });
    expect(await open()).toEqual([
      { line: 'gone', model: 'silver.stg', input: 'bronze.raw' },
      { line: '2030-13-45 V 1', model: 'silver.stg', input: 'bronze.raw' },
    ]);
    expect(await query('select count(*)::int as n from silver.stg')).toEqual([{ n: 22 }]);
  });

  it('lets go of its plan when its process is gone, even while its statement waits', async () => {
    const victim = await project.db.session('victim');
    const { rows } = await victim.query<{ pid: number }>('select pg_backend_pid() as pid');
    const blocker = await project.db.session();
    const block = async (): Promise<void> => void (await blocker.query('begin; select from ingot.shadows for update'));
    const files = await sampleDataset(replaced('silver/stg.sql', "' ', 2) as metric", "' ', 2) || '' as metric"));
    const dying = apply(victim, files, undefined, { chunkRows: 5, onProgress: block });
    dying.catch(() => undefined);
    await until(project.db, `select from pg_stat_activity where pid = ${rows[0]?.pid} and wait_event_type = 'Lock'`);
    (victim as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy(); // as the system does to a process that was killed
    await expect(dying).rejects.toThrow(/terminated/);
    await until(project.db, `select where not exists (select from pg_stat_activity where pid = ${rows[0]?.pid})`);
    await blocker.query('rollback');
    await apply(project.client, files);
    expect(await project.differences(files)).toEqual({});
  });
});

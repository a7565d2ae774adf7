import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { connect } from '@ingot/postgres';
import { apply, rebuild } from '../../src/apply.js';
import { readPlan } from '../../src/plan.js';
import { run } from '../../src/run.js';
import { SAMPLE, sampleDataset } from '../sample-project.js';
import { liveProject, replaced, someLines, until, type LiveProject } from './live-project.js';

let project: LiveProject;
let before: Dataset;
const view = (select: string) => `/* ---\nmaterialized: view\ndescription: seen\n--- */\n${select}\n`;
const LOWER = replaced('silver/stg.sql', "split_part(line, ' ', 2) as metric", "lower(split_part(line, ' ', 2)) as metric");
const VIEWS = { 'gold/shown.sql': view('select day, metric, total, most from silver.daily'), 'gold/z_outer.sql': view('select day, total from gold.shown') };

beforeEach(async () => {
  const { dataset, ...rest } = await liveProject(VIEWS);
  project = rest;
  before = dataset;
  await project.flush(someLines(20));
  await project.runAll(before);
});
afterEach(() => project.db.drop());

const query = <Row extends Record<string, unknown>>(text: string) => project.db.query<Row>(text);
/** Changes every model but views. */
const rebuilt = (changes: Record<string, string> = {}) => sampleDataset({ ...VIEWS, ...LOWER, ...changes });

describe('publishing', () => {
  it('keeps grants, options, hand-made indexes, and views with their grants, comments and options', async () => {
    await query(`grant select on silver.daily to pg_monitor; grant select (day), update (value) on silver.stg to pg_read_all_stats with grant option;
      grant select on gold.shown to public; alter view gold.shown set (security_barrier = true); alter table silver.stg set (fillfactor = 70);
      create index by_hand on silver.stg (value) where value > 3; create unique index by_hand_too on silver.stg (raw_id, metric)`);
    const kept = () =>
      query(`select c.oid::regclass::text as relation, c.relkind, c.reloptions, (select array_agg(g::text order by g::text) from unnest(relacl) as g where g::text not like 'ingot=%') as grants,
               (select array_agg(attname || attacl::text order by 1) from pg_attribute where attrelid = c.oid and attacl is not null) as columns, obj_description(c.oid) as comment
             from pg_class as c where c.relnamespace in ('silver'::regnamespace, 'gold'::regnamespace) and c.relkind in ('r', 'v') order by 1`);
    const indexes = () => query(`select indexname, indexdef from pg_indexes where schemaname in ('silver', 'gold') order by 1`);
    const was = [await kept(), await indexes()];
    const oids = await query(`select 'gold.shown'::regclass::oid as shown, 'silver.stg'::regclass::oid as stg`);
    await apply(project.client, await rebuilt());
    expect([await kept(), await indexes()]).toEqual(was);
    const [now] = await query(`select 'gold.shown'::regclass::oid as shown, 'silver.stg'::regclass::oid as stg`);
    expect(now?.shown).toEqual(oids[0]?.shown); // replaced, not dropped: what depends on it stays
    expect(now?.stg).not.toEqual(oids[0]?.stg);
  });

  // After a bare rename a view goes on reading the table of before.
  it('has every view read the new tables, also one of which Ingot has not made, and one that reads another', async () => {
    await query(`create schema report; create view report.totals as select metric, sum(total) as total from silver.daily group by metric; create view report.outer as select * from report.totals;
      comment on view report.totals is 'by hand'; grant select on report.totals to public`);
    await project.client.query(`update silver.daily set total = total + 1000`); // only a rebuilt table is right
    await rebuild(project.client, before, ['silver.daily']);
    const [sum] = await query<{ total: string }>('select sum(total)::text as total from silver.daily');
    expect(Number(sum?.total)).toBeLessThan(1000);
    for (const relation of ['gold.shown', 'gold.z_outer', 'report.totals', 'report.outer']) expect([relation, await query(`select sum(total)::text as total from ${relation}`)]).toEqual([relation, [sum]]);
    expect(await query(`select obj_description('report.totals'::regclass) as text, has_table_privilege('pg_monitor', 'report.totals', 'select') as granted`)).toEqual([{ text: 'by hand', granted: true }]);
  });

  it('drops views whose columns change and makes them again with all that was on them', async () => {
    await query(`create view public.report as select most from gold.shown; comment on view public.report is 'by hand'; comment on column public.report.most is 'the most';
      grant select on public.report to pg_monitor with grant option; grant select on gold.z_outer to public; alter view public.report set (security_barrier = true)`);
    const changed = await sampleDataset({ ...VIEWS, ...replaced('silver/daily.sql', 'max(value) as most', 'max(value::numeric(20,5)) as most') });
    await apply(project.client, changed, undefined, { backfill: true });
    expect(await query(`select format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = 'public.report'::regclass and attname = 'most'`)).toEqual([{ type: 'numeric' }]);
    expect(await query(`select obj_description(oid) as text, col_description(oid, 1) as "column", reloptions, relacl::text like '%pg_monitor=r*/%' as granted from pg_class where oid = 'public.report'::regclass`)).toEqual([
      { text: 'by hand', column: 'the most', reloptions: ['security_barrier=true'], granted: true },
    ]);
    expect(await query(`select has_table_privilege('pg_monitor', 'gold.z_outer', 'select') as granted`)).toEqual([{ granted: true }]);
    expect(await project.differences(changed)).toEqual({});
  });

  it('is stopped by what depends on a table and cannot be made again, by name, before anything is built', async () => {
    await query(`create materialized view public.m as select * from silver.daily;
      alter table silver.stg add unique (raw_id); create table public.child (id bigint references silver.stg (raw_id));
      create function public.f() returns trigger language plpgsql as 'begin return new; end'; create trigger t before insert on silver.stg for each row execute function public.f();
      create policy p on silver.daily using (true);
      create function public.g() returns bigint begin atomic select count(*) from silver.daily; end;
      create rule r as on delete to gold.power do also nothing`);
    const failed = await apply(project.client, await rebuilt()).catch((error: Error) => error);
    expect(failed).toMatchObject({ name: 'ApplyError' });
    expect((failed as Error).message.split('\n').map((line) => /but (.*) depends on it/.exec(line)?.[1])).toEqual([
      'constraint child_id_fkey on table public.child',
      'trigger t on table silver.stg',
      'function public.g()',
      'materialized view public.m',
      'policy p on table silver.daily',
      'rule r on table gold.power',
    ]);
    expect(await query('select from ingot.plans')).toEqual([]);
  });

  it('gives a new table what its schema gives to new tables', async () => {
    await query('alter default privileges in schema gold grant select on tables to pg_monitor');
    await apply(project.client, await rebuilt({ 'gold/extra.sql': SAMPLE['gold/summary.sql']! }));
    expect(await query(`select has_table_privilege('pg_monitor', 'gold.extra', 'select') as granted`)).toEqual([{ granted: true }]);
  });

  // Three readers in turn, each shorter than the longest read, starve a wait of one second.
  it('waits for readers that follow each other, and shows each of them the old tables or the new', async () => {
    const readers = await Promise.all([1, 2, 3].map((i) => project.db.session(`reader ${i}`)));
    let published = false;
    const seen: string[] = [];
    const read = async (i: number): Promise<void> => {
      const reader = readers[i]!;
      while (!published) {
        await reader.query('begin read only; lock table gold.summary, silver.daily, gold.shown in access share mode');
        const { rows } = await reader.query<{ same: boolean }>(`select (select sum(n) from gold.summary) = (select sum(n) from silver.daily) as same`);
        await reader.query('select pg_sleep(1.2)');
        const again = await reader.query<{ same: boolean }>(`select (select sum(n) from gold.summary) = (select sum(n) from silver.daily) as same`);
        await reader.query('commit');
        seen.push(`${rows[0]?.same} ${again.rows[0]?.same}`);
      }
    };
    const reading = readers.map(async (_reader, i) => {
      await new Promise((resolve) => setTimeout(resolve, 400 * i));
      await read(i);
    });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const files = await rebuilt();
    await apply(project.client, files, undefined, { readSeconds: 3 });
    published = true;
    await Promise.all(reading);
    expect(new Set(seen)).toEqual(new Set(['true true']));
    expect(await project.differences(files)).toEqual({});
  });

  it('gives up when a reader holds a table longer than a read may last, and keeps what it has built', async () => {
    const reader = await project.db.session();
    await reader.query('begin; lock table silver.daily in access share mode');
    await expect(apply(project.client, await rebuilt(), undefined, { readSeconds: -0.9 })).rejects.toThrow(/somebody has held one of .*silver.daily, .* for longer than a read may last; nothing was published/);
    await reader.query('commit');
    const notices: string[] = [];
    await apply(project.client, await rebuilt(), (line) => notices.push(line));
    expect(notices).toEqual([expect.stringMatching(/^goes on with/)]);
    expect(await project.differences(await rebuilt())).toEqual({});
  });

  // A publication that only locks the row lets such a run write to the table that was replaced, or read an empty one.
  it('makes a run whose snapshot is older start again', async () => {
    await project.flush(['2030-02-01 V 5', '2030-02-01 C 6']); // a new day: no stored row that would tell of the conflict by itself
    const runner = await project.db.session();
    const plan = await readPlan(runner, before);
    const send = runner.query.bind(runner) as (text: unknown, values?: unknown) => Promise<unknown>;
    let snapshots = 0;
    Object.assign(runner, {
      query: async (text: unknown, values?: unknown) => {
        if (typeof text === 'string' && text.includes('pg_try_advisory_xact_lock') && ++snapshots === 1) {
          await send('select 1');
          await rebuild(project.client, before, ['silver.stg']);
        }
        return send(text, values);
      },
    });
    expect(await run(runner, plan, { maxRows: 100 })).toMatchObject({ outcome: 'succeeded', rowsIn: 2 });
    expect(snapshots).toBe(2);
    expect(await project.differences(before)).toEqual({});
  });

  it('changes nothing when it dies at the last moment, and then publishes what was built', async () => {
    const victim = await connect({ url: project.db.url, name: 'victim' });
    const { rows } = await victim.query<{ pid: number }>('select pg_backend_pid() as pid');
    const reader = await project.db.session();
    await reader.query('begin; lock table silver.daily in access share mode');
    const oid = () => query(`select 'silver.stg'::regclass::oid as oid`);
    const was = await oid();
    const dying = apply(victim, await rebuilt());
    dying.catch(() => undefined);
    await until(project.db, `select from pg_stat_activity where pid = ${rows[0]?.pid} and wait_event_type = 'Lock' and query like 'lock table%'`);
    await query(`select pg_terminate_backend(${rows[0]?.pid})`);
    await expect(dying).rejects.toThrow(/terminat/);
    await victim.end().catch(() => undefined);
    await reader.query('commit');
    expect(await oid()).toEqual(was);
    await project.runAll(before);
    await apply(project.client, await rebuilt());
    expect(await project.differences(await rebuilt())).toEqual({});
  });

  it('follows each change of kind, and back', async () => {
    const kinds: Record<string, string>[] = [
      { 'gold/shown.sql': VIEWS['gold/shown.sql'].replace('view', 'table') }, // gold.z_outer reads it
      { 'gold/summary.sql': view('select device, metric, sum(n) as n, sum(total) as total, max(most) as most from silver.daily group by device, metric') },
      { 'gold/summary.sql': '/* ---\nmaterialized: table\nunique_key: [device, metric]\n--- */\nselect device, metric, sum(n) as n, sum(total) as total, max(most) as most from silver.daily group by device, metric\n' },
      replaced('silver/daily.sql', /incremental_strategy: accumulate([^]*)accumulate: .*\n/, 'incremental_strategy: delete+insert$1'),
    ];
    for (const [i, changes] of kinds.entries()) {
      const other = await sampleDataset({ ...VIEWS, ...changes });
      await apply(project.client, other);
      expect([i, await project.differences(other)]).toEqual([i, {}]);
      await project.flush(someLines(5, 30 + i));
      await project.runAll(other);
      expect([i, await project.differences(other)]).toEqual([i, {}]);
      await apply(project.client, before);
      await project.flush(someLines(5, 40 + i));
      await project.runAll(before);
      expect([i, await project.differences(before)]).toEqual([i, {}]);
    }
  });
});

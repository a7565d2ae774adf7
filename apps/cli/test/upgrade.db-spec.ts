import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startEmbedded } from '@ingot/postgres';
import { queryAt } from '@ingot/testing';
import { jsonOf, runCli } from './command-line.js';
import { SUMS, withProject } from './project-files.js';

const SHIPPED = 18;
/** Any older PostgreSQL of this machine: that of the test run, else one of Debian's. */
const OLDER = [process.env.INGOT_TEST_PG_BIN, ...[17, 16, 15].map((major) => `/usr/lib/postgresql/${major}/bin`)].find(
  (bin) => bin !== undefined && existsSync(path.join(bin, 'postgres')) && majorOf(bin) < SHIPPED,
);

const FILES = {
  't/silver/stg.sql': `/* ---
description: One row a line.
materialized: incremental
incremental_strategy: append
increment_on: bronze.raw
columns:
  - name: raw_id
    data_type: bigint
--- */
select id as raw_id, device, line::int as n from bronze.raw
`,
  't/gold/sums.sql': SUMS,
};

function majorOf(bin: string): number {
  return Number(/\(PostgreSQL\) (\d+)/.exec(spawnSync(path.join(bin, 'postgres'), ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? Infinity);
}

/** Everything that people and the service see, in one comparable value. */
const CONTENTS = `
  select (select jsonb_agg(to_jsonb(r) order by id) from bronze.raw as r) as bronze, (select jsonb_agg(to_jsonb(s) order by raw_id) from silver.stg as s) as silver,
    (select jsonb_agg(to_jsonb(s) order by parity) from gold.sums as s) as gold, (select jsonb_agg(to_jsonb(d) order by device) from gold.devices as d) as view,
    (select jsonb_agg(to_jsonb(r) order by id) from ingot.runs as r) as runs, (select jsonb_agg(to_jsonb(q) order by id) from ingot.quarantine as q) as quarantine,
    (select jsonb_agg(to_jsonb(k) order by id) from ingot.api_keys as k) as keys, (select jsonb_agg(to_jsonb(d)) from ingot.datasets as d) as datasets,
    (select jsonb_agg(to_jsonb(o) order by n) from public.odd as o) as odd`;
/** Names, rights and definitions that a copy could lose; the default of ingest_xid is another one on purpose. */
const SHAPE = `
  select jsonb_agg(x order by x) as shape from (
    select jsonb_build_array('relation', oid::regclass, relkind, relpersistence, relispartition, pg_get_userbyid(relowner), reloptions, case when relkind in ('i', 'I') then pg_get_indexdef(oid) end,
      (select array_agg(format('%s %s %s', grantee::regrole, privilege_type, is_grantable) order by 1) from aclexplode(relacl) where grantee <> relowner)) as x
    from pg_class where oid >= 16384 and relnamespace in (select oid from pg_namespace where nspname !~ '^pg_') and relname !~ '^raw_p?[0-9]'
    union all select jsonb_build_array('constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint where contype <> 'n' and oid >= 16384 and conrelid::regclass::text !~ 'raw_p?[0-9]'
    union all select jsonb_build_array('routine', oid::regprocedure, pg_get_userbyid(proowner), prosrc) from pg_proc where oid >= 16384
    union all select jsonb_build_array('column', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, coalesce(pg_get_expr(adbin, adrelid), '') not like '%txid%' and atthasdef)
      from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum where attrelid >= 16384 and attnum > 0 and not attisdropped and attrelid::regclass::text ~ '^(bronze|silver|gold|ingot|public)[.]' and attrelid::regclass::text !~ 'raw_p?[0-9]'
    union all select jsonb_build_array('comment', classoid::regclass, i.identity, description) from pg_description cross join pg_identify_object(classoid, objoid, objsubid) as i where objoid >= 16384
    union all select jsonb_build_array('member', roleid::regrole, member::regrole) from pg_auth_members where member >= 16384
    union all select jsonb_build_array('schema', nspname, pg_get_userbyid(nspowner)) from pg_namespace where oid >= 16384 and nspname !~ '^pg_'
  ) as everything`;

(OLDER === undefined ? describe.skip : describe)('ingot upgrade', () => {
  const from = OLDER === undefined ? 0 : majorOf(OLDER);
  let folder: string;
  let seed: string;
  let dataDir: string;
  let sqlDir: string;
  let leave: () => void;
  let project: Promise<void>;
  let before: { contents: unknown; shape: unknown };
  let n = 0;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'ingot-upgrade-'));
    chmodSync(folder, 0o755);
    seed = path.join(folder, 'seed');
    await new Promise<void>((ready) => {
      project = withProject({ ...FILES, 't/endpoints/devices.sql': undefined }, (dir) => new Promise<void>((done) => {
        [leave, sqlDir] = [done, dir];
        ready();
      }));
    });
    const server = await startEmbedded({ dataDir: seed, binDir: OLDER });
    try {
      const terms = { databaseUrl: server.url, sqlDir };
      expect(await runCli(['apply'], terms)).toMatchObject({ code: 0 });
      await queryAt(server.url, `insert into bronze.raw (device, line) select 'pump ' || i % 3, case i when 50 then 'no number' else i::text end from generate_series(1, 100) as i`);
      expect(await runCli(['run'], terms)).toMatchObject({ code: 0 });
      expect(await runCli(['keys', 'create', '--device', 'gauge', '--scope', 'ingest'], terms)).toMatchObject({ code: 0 });
      await queryAt(server.url, `
        create table public.odd (gone int, n int generated by default as identity (start 7 increment 5), half float8, raw bytea, many text[], twice int generated always as (n * 2) stored, "Two Words" jsonb default '{}', moment timestamptz);
        alter table public.odd drop column gone;
        insert into public.odd (half, raw, many, moment) values (0.1, '\\x00ff', array[null, 'a,"b', E'\\\\ \\t'], 'infinity'), ('NaN', null, '{}', '0044-03-15 12:00 BC');
        alter table public.odd add constraint small check (n < 1000) not valid;
        create view public.late as select 1 as one; create view public.early as select one from public.late; create or replace view public.late as select max(n) as one from public.odd;
        grant select on public.odd to ingot_read with grant option; grant update (half) on public.odd to public; comment on column public.odd.half is 'it''s';
        insert into bronze.raw (device, line) values ('late', '7')`); // a line that no run has seen
      before = { contents: await queryAt(server.url, CONTENTS), shape: await queryAt(server.url, SHAPE) };
    } finally {
      await server.stop();
    }
  });
  afterAll(async () => {
    leave();
    await project;
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    dataDir = path.join(folder, `data ${++n}`);
    const { status } = spawnSync('cp', ['-a', seed, dataDir]);
    expect(status).toBe(0);
  });

  const upgrade = (...options: string[]) => runCli(['upgrade', '--from-binaries', OLDER!, ...options], { env: { INGOT_DATA_DIR: dataDir }, sqlDir });
  const names = () => readdirSync(dataDir).filter((name) => name.startsWith('postgres') && !name.startsWith('postgres.log')).sort();
  const contents = async () => {
    const server = await startEmbedded({ dataDir });
    try {
      return { contents: await queryAt(server.url, CONTENTS), shape: await queryAt(server.url, SHAPE) };
    } finally {
      await server.stop();
    }
  };

  it('moves every row, definition, right and key, also after one that was killed and one cut off amid its renames; then lines and runs go on', async () => {
    const terms = { env: { INGOT_DATA_DIR: dataDir }, sqlDir };
    expect(await runCli(['run'], terms)).toMatchObject({ code: 1, stderr: expect.stringMatching(new RegExp(`^.*holds a database of PostgreSQL ${from}, and this release of Ingot ships PostgreSQL ${SHIPPED}: run \`ingot upgrade\`, which moves it, .*$`, 'm')) });
    mkdirSync(path.join(dataDir, 'postgres.upgrade'));
    writeFileSync(path.join(dataDir, 'postgres.upgrade', 'half'), '');
    mkdirSync(path.join(dataDir, 'postgres.upgraded')); // whole, but lines may have come since
    const done = await upgrade('--json');
    expect(done).toMatchObject({ code: 0, stderr: expect.stringContaining('transaction ids are shifted') });
    expect(jsonOf(done)).toEqual({ from, to: SHIPPED, tables: expect.any(Number), rows: expect.any(Number), kept: path.join(dataDir, `postgres.${from}`) });
    expect(names()).toEqual(['postgres', `postgres.${from}`]);
    expect(readFileSync(path.join(dataDir, 'postgres', 'PG_VERSION'), 'utf8')).toBe(`${SHIPPED}\n`);
    renameSync(path.join(dataDir, 'postgres'), path.join(dataDir, 'postgres.upgraded'));
    expect(await contents()).toEqual(before); // and not an empty database
    expect(names()).toEqual(['postgres', `postgres.${from}`]);

    expect(await runCli(['apply', '--json'], terms)).toMatchObject({ code: 0 });
    const server = await startEmbedded({ dataDir });
    try {
      await queryAt(server.url, `insert into bronze.raw (device, line) values ('new', '8')`);
      expect(await runCli(['run'], { ...terms, env: {}, databaseUrl: server.url })).toMatchObject({ code: 0, stdout: expect.stringContaining('2 new rows') }); // the late one and the new one
      expect(await queryAt(server.url, `select count(*)::int as lines, count(distinct raw_id)::int as distinct, (select sum(total)::int from gold.sums) as total, (select count(*)::int from bronze.raw) as stored from silver.stg`)).toEqual([
        { lines: 101, distinct: 101, total: 5050 - 50 + 7 + 8, stored: 102 },
      ]);
      expect(await queryAt(server.url, 'insert into public.odd default values returning n')).toEqual([{ n: 17 }]);
    } finally {
      await server.stop();
    }
    expect(await upgrade()).toMatchObject({ code: 1, stderr: expect.stringMatching(new RegExp(`^.* is on PostgreSQL ${SHIPPED} already: there is nothing to upgrade\\.$`, 'm')) });
  });

  it('leaves everything as it was when it is stopped, or when the copy cannot be made', async () => {
    const stop = new AbortController();
    const stopped = await runCli(['upgrade', '--from-binaries', OLDER!], { env: { INGOT_DATA_DIR: dataDir }, sqlDir, signal: stop.signal, onOutput: (text) => text.includes('Creating') && stop.abort() });
    expect(stopped).toMatchObject({ code: 130, stderr: expect.stringContaining('stopped: the database is as it was') });
    expect(names()).toEqual(['postgres']);

    const old = await startEmbedded({ dataDir, binDir: OLDER });
    try {
      expect(await upgrade()).toMatchObject({ code: 1, stderr: expect.stringMatching(/in use|holds|runs/) });
      await queryAt(old.url, `create type public.mood as enum ('good')`);
    } finally {
      await old.stop();
    }
    expect(await upgrade()).toMatchObject({ code: 1, stderr: expect.stringMatching(/^The database holds what `ingot upgrade` does not move: type public\.mood \(a type\)\. Drop it, or .*$/m) });
    expect(names()).toEqual(['postgres']);
  });

  it('says in one line what it cannot do, before anything is touched', async () => {
    const run = (...args: string[]) => runCli(['upgrade', ...args], { env: { INGOT_DATA_DIR: dataDir } });
    expect(await run()).toMatchObject({ code: 1, stderr: expect.stringMatching(/only its own programs can read it: name a folder that has them with --from-binaries <folder>, e\.g\. .*, or let --install get them/) });
    expect(await run('--from-binaries', path.join(folder, 'nowhere'))).toMatchObject({ code: 1, stderr: expect.stringMatching(/nowhere\/postgres is no PostgreSQL server/) });
    expect(await runCli(['upgrade'], { env: { INGOT_DATA_DIR: path.join(folder, 'none') } })).toMatchObject({ code: 1, stderr: expect.stringMatching(/^There is no data folder/) });
    expect(await runCli(['upgrade'], { databaseUrl: 'postgres://x@y/z' })).toMatchObject({ code: 2, stderr: expect.stringContaining('DATABASE_URL names a server of your own') });
    writeFileSync(path.join(dataDir, 'postgres', 'PG_VERSION'), '19\n');
    expect(await run()).toMatchObject({ code: 1, stderr: expect.stringMatching(/PostgreSQL 19, newer than the 18 of this release .* cannot be moved to an older PostgreSQL\.$/m) });
    writeFileSync(path.join(dataDir, 'postgres', 'PG_VERSION'), '14\n');
    expect(await upgrade()).toMatchObject({ code: 1, stderr: expect.stringMatching(new RegExp(`holds PostgreSQL ${from}, and the database is of PostgreSQL 14\\.$`, 'm')) });
    expect(names()).toEqual(['postgres']);
  });
});

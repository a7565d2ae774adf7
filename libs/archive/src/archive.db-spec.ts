import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { restoreLines, withRelationLock } from '@ingot/models';
import { openPlan } from '../../models/src/apply/plan-row.js';
import { rebuild } from '../../models/src/apply.js';
import { archiveProject, HARD_LINES, type ArchiveProject } from '../test/archive-project.js';
import { readLines, sumFile } from './archived-lines.js';
import { restoreArchive } from './restore-archive.js';

let project: ArchiveProject;
beforeEach(async () => {
  project = await archiveProject({ 'silver/stg.sql': undefined, 'silver/daily.sql': undefined, 'gold/power.sql': undefined, 'gold/summary.sql': undefined, 'silver/devices.sql': COUNTS });
});
afterEach(() => project.end());

/** Takes every line there is. */
const COUNTS = `/* ---
materialized: incremental
incremental_strategy: accumulate
increment_on: bronze.raw
unique_key: device
accumulate: { n: count, bytes: sum }
--- */
select device, count(*) as n, sum(octet_length(line)) as bytes from bronze.raw group by device
`;
const KEEP = { keepMs: 7 * 86_400_000, replay: false };
/** A digest of whole tables. */
const lines = async () => (await project.db.query<{ d: string }>(`select count(*) || ' ' || md5(string_agg(r::text, '|' order by id)) as d from bronze.raw as r`))[0]!.d;
const models = async () => (await project.db.query<{ d: string }>(`select md5(string_agg(t::text, '|' order by t::text)) as d from silver.devices as t`))[0]!.d;

it('comes back line for line after it was dropped; no run takes it again, and a rebuild counts it', async () => {
  await project.db.query(HARD_LINES);
  const name = await project.close();
  await project.flush(['2030-01-01 V 1']);
  await project.runAll(project.dataset);
  const [before, made] = [await lines(), await models()];
  const { manifest, path } = await project.archive(name);
  expect(manifest).toMatchObject({ rows: 11_000, dataset: 'sample', source: 'bronze.raw', partition: { name, lower: null } });
  expect((await readdir(dirname(path))).sort()).toEqual([`${name}.manifest.json`, `${name}.parquet`]);
  await project.dropByHand(name);
  expect(await restoreArchive(project.client, [project.dataset], path, KEEP)).toMatchObject({ partition: `bronze.${name}`, added: 11_000, there: 0 });
  expect(await lines()).toBe(before);
  await project.runAll(project.dataset);
  expect(await models()).toBe(made);
  await rebuild(project.client, project.dataset, ['silver.devices']);
  expect(await project.differences(project.dataset)).toEqual({});
  // A second time there is nothing to do.
  expect(await restoreArchive(project.client, [project.dataset], path, KEEP)).toMatchObject({ added: 0, there: 11_000 });
  expect(await lines()).toBe(before);
  // Numbers and partitions go on as before.
  await project.flush(['2030-01-01 V 2']);
  await project.runAll(project.dataset);
  expect(await project.db.query('select count(*)::int as n, count(distinct id)::int as ids from bronze.raw')).toEqual([{ n: 11_002, ids: 11_002 }]);
  expect(await project.db.query('select sum(n)::int as n from silver.devices')).toEqual([{ n: 11_002 }]);
});

it('brings only lines back that are missing, and refuses when one says something else', async () => {
  await project.flush(['2030-01-01 V 1', '2030-01-01 V 2', '2030-01-01 V 3']);
  const name = await project.close();
  const { path } = await project.archive(name);
  const before = await lines();
  await project.db.query(`delete from bronze.raw where line like '% 2'`);
  expect(await restoreArchive(project.client, [project.dataset], path, KEEP)).toMatchObject({ added: 1, there: 2 });
  expect(await lines()).toBe(before);
  await project.db.query(`delete from bronze.raw where line like '% 1'; update bronze.raw set line = 'other' where line like '% 3'`);
  await expect(restoreArchive(project.client, [project.dataset], path, KEEP)).rejects.toThrow(`1 lines stand in bronze.${name} under the numbers of lines of the archive, and say something else`);
  expect(await project.db.query('select count(*)::int as n from bronze.raw')).toEqual([{ n: 2 }]);
  expect(await project.db.query(`select relname from pg_class where relname like '%restoring%'`)).toEqual([]);
});

it('brings nothing back that this database may never have counted: a backup that was restored has the number of the one it is of', async () => {
  await project.flush(['2030-01-01 V 1', '2030-01-01 V 2']);
  const name = await project.close();
  const { path } = await project.archive(name);
  const [memory] = await project.db.query<{ row: unknown }>('select to_jsonb(p) as row from ingot.bronze_partitions as p where name = $1', [name]);
  // As a backup of a moment between the two lines has it, once its runs are past them.
  await project.db.query(`delete from bronze.raw where line like '% 2'; update silver.devices set n = 1; delete from ingot.bronze_partitions`);
  const before = await lines();
  const refused = /this database does not remember an archive of just these lines/;
  await expect(restoreArchive(project.client, [project.dataset], path, KEEP)).rejects.toThrow(refused);
  expect(await lines()).toBe(before);
  await project.dropByHand(name);
  await expect(restoreArchive(project.client, [project.dataset], path, KEEP)).rejects.toThrow(refused);
  await project.db.query('insert into ingot.bronze_partitions select (jsonb_populate_record(null::ingot.bronze_partitions, $1)).*', [JSON.stringify(memory!.row)]);
  expect(await restoreArchive(project.client, [project.dataset], path, KEEP)).toMatchObject({ added: 2 });
});

it('adds nothing behind a rebuild that has begun meanwhile, and takes no table of another source for its own', async () => {
  await project.flush(['2030-01-01 V 1', '2030-01-01 V 2']);
  const name = await project.close();
  const { path, manifest } = await project.archive(name);
  await project.db.query(`delete from bronze.raw where line like '% 2'`);
  const archived = { relation: 'bronze.raw', lower: null, upper: BigInt(manifest.partition.upper), rows: 2, checksum: manifest.checksum, file: path, sha256: manifest.sha256 };
  const parquet = join(dirname(path), manifest.file);
  async function* whileARebuildBegins() {
    await openPlan(await project.db.session(), project.dataset, 'rebuild', ['silver.devices'], () => Promise.resolve());
    yield* readLines(parquet);
  }
  await expect(restoreLines(project.client, 'sample', archived, whileARebuildBegins(), 1_000)).rejects.toThrow(/restore when `ingot apply` has ended/);
  await project.db.query('delete from ingot.plans; create table bronze.raw_restoring (like bronze.raw) partition by range (ingest_xid)');
  await expect(restoreLines(project.client, 'sample', archived, readLines(parquet), 1_000)).rejects.toThrow(/"raw_restoring", which is a table of another source/);
  await project.db.query('drop table bronze.raw_restoring');
  expect(await restoreLines(project.client, 'sample', archived, readLines(parquet), 1_000)).toMatchObject({ added: 1, there: 1 });
});

it('puts partitions back youngest first, so that nothing is missing between', async () => {
  const names: string[] = [];
  for (const line of ['2030-01-01 V 1', '2030-01-02 V 2']) {
    await project.flush([line]);
    names.push(await project.close());
  }
  const before = await lines();
  const paths: string[] = [];
  for (const name of names) paths.push((await project.archive(name)).path);
  for (const name of names) await project.dropByHand(name);
  await expect(restoreArchive(project.client, [project.dataset], paths[0]!, KEEP)).rejects.toThrow(/others are missing: restore the youngest first/);
  await restoreArchive(project.client, [project.dataset], paths[1]!, KEEP);
  await restoreArchive(project.client, [project.dataset], paths[0]!, KEEP);
  expect(await lines()).toBe(before);
});

describe('what is damaged is refused, and nothing is half done', () => {
  let path: string;
  let parquet: string;
  beforeEach(async () => {
    await project.flush(Array.from({ length: 500 }, (_, i) => `2030-01-01 V ${i}`));
    const name = await project.close();
    ({ path } = await project.archive(name));
    parquet = join(dirname(path), `${name}.parquet`);
    await project.dropByHand(name);
  });
  const refused = async (message: RegExp) => {
    await expect(restoreArchive(project.client, [project.dataset], path, KEEP)).rejects.toThrow(message);
    expect(await project.db.query('select count(*)::int as n from bronze.raw')).toEqual([{ n: 0 }]);
    expect(await project.db.query(`select relname from pg_class where relname like '%restoring%'`)).toEqual([]);
  };

  it('a file with one other bit, at any place', async () => {
    const bytes = await readFile(parquet);
    for (const at of [0, 4, 100, Math.floor(bytes.length / 2), bytes.length - 20, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      await writeFile(parquet, damaged);
      await refused(/\.parquet is damaged: its SHA-256 is/);
    }
    await writeFile(parquet, bytes.subarray(0, bytes.length - 1));
    await refused(/\.parquet has \d+ bytes; its manifest says \d+/);
  });

  it('a manifest that was changed, cut off, or is none', async () => {
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"rows": 500', '"rows": 499'));
    await refused(/is damaged or was changed by hand/);
    await writeFile(path, text.slice(0, 300));
    await refused(/is not a manifest: it is no JSON object/);
    await writeFile(path, text.replace('ingot archive 1', 'ingot archive 9'));
    await refused(/is no manifest of this release/);
  });

  it('an archive of another database, unless its lines are taken in as new ones, once', async () => {
    await project.db.query('update ingot.cluster set database_id = gen_random_uuid()');
    await refused(/this archive is of another database .*--replay/);
    await project.db.query('update silver.devices set n = 0');
    const replay = { ...KEEP, replay: true };
    expect(await restoreArchive(project.client, [project.dataset], path, replay)).toMatchObject({ added: 500, there: 0 });
    await project.runAll(project.dataset);
    expect(await restoreArchive(project.client, [project.dataset], path, replay)).toMatchObject({ added: 0, there: 500 });
    await project.runAll(project.dataset);
    expect(await project.db.query('select sum(n)::int as n from silver.devices')).toEqual([{ n: 500 }]);
  });

  it('lines that were counted are not taken in as new ones', async () => {
    await expect(restoreArchive(project.client, [project.dataset], path, { ...KEEP, replay: true })).rejects.toThrow(/silver\.devices has counted these lines: restore them without --replay/);
  });
});

it('writes an archive once, one process at a time: what is there is compared, never written over', async () => {
  await project.flush(['2030-01-01 V 1', '2030-01-01 V 2']);
  const name = await project.close();
  const busy = new Error('busy');
  await expect(withRelationLock(await project.db.session(), 'archive', 'bronze.raw', () => busy, () => project.archive(name))).rejects.toThrow('another process archives lines of bronze.raw just now');
  const { path } = await project.archive(name);
  const written = (await stat(path)).mtimeMs;
  await project.db.query('update ingot.bronze_partitions set archive_file = null, archive_sha256 = null, checksum = null, archived_at = null');
  await project.archive(name);
  expect((await stat(path)).mtimeMs).toBe(written);
  expect(await project.db.query('select archive_file as file from ingot.bronze_partitions where archive_file is not null')).toEqual([{ file: path }]);
  await project.db.query(`delete from bronze.raw where line like '% 2'`);
  await expect(project.archive(name)).rejects.toThrow(/says 2 lines with the checksum -?\d+; bronze\.raw_\w+ has 1 with/);
  await project.db.query('update ingot.cluster set database_id = gen_random_uuid()');
  await expect(project.archive(name)).rejects.toThrow(/is an archive of other lines/);
});

it('sums a file of many row groups as the database does', async () => {
  await project.db.query(HARD_LINES);
  const name = await project.close();
  const { manifest, path } = await project.archive(name);
  const sum = await sumFile(join(dirname(path), manifest.file));
  const [found] = await project.db.query<{ c: string }>(`select checksum as c from ingot.bronze_partitions where name = $1`, [name]);
  expect([sum.rows, sum.checksum]).toEqual([11_000, found!.c]);
});

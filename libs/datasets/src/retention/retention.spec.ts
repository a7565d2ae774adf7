import { describe, expect, it } from '@jest/globals';
import { load, problemsOf, RAW, sqlFile } from '../../test/written-dataset.js';

const header = (retention: string): Record<string, string> => ({ ...RAW, 'dataset.yml': `description: A test.\nretention:\n${retention}\n` });
const STG = sqlFile('materialized: incremental\nincremental_strategy: append\nincrement_on: bronze.raw\npartition_by: day', "select id, line::date as day, device from bronze.raw\n");
const sql = (keys: string, select: string): string => sqlFile(`materialized: incremental\n${keys}`, `${select}\n`);

describe('retention in dataset.yml', () => {
  it('is a time for each table, alone or with what it takes', async () => {
    const dataset = await load({ 'silver/stg.sql': STG }, header('  bronze.raw: { keep: 90d, archive: required }\n  silver.stg: { keep: { count: 400, period: day } }'));
    expect(dataset.sources[0]?.retention).toEqual({ keepMs: 90 * 86_400_000, archive: 'required' });
    expect(dataset.models[0]?.retention).toEqual({ keepMs: 400 * 86_400_000, archive: 'no' });
    expect(dataset).not.toHaveProperty('retention');
    expect((await load({ 'silver/stg.sql': STG }, header('  silver.stg: 62d'))).models[0]?.retention?.keepMs).toBe(62 * 86_400_000);
  });

  it('changes the hash of the dataset, so that nobody drops rows by other files, and that of no model', async () => {
    const [before, after] = [await load({ 'silver/stg.sql': STG }), await load({ 'silver/stg.sql': STG }, header('  bronze.raw: 90d'))];
    expect(after.codeHash).not.toBe(before.codeHash);
    expect(after.models[0]?.codeHash).toBe(before.models[0]?.codeHash);
    const longer = await load({ 'silver/stg.sql': STG }, header('  bronze.raw: 91d'));
    expect(longer.codeHash).not.toBe(after.codeHash);
  });

  it.each([
    ['  bronze.rwa: 90d', 'dataset.yml:3:3: retention names bronze.rwa, which is no source and no model of this dataset; did you mean bronze.raw?'],
    ['  bronze.raw: 90 days', 'dataset.yml:3:15: bronze.raw must be a time such as 500ms, 2s or 1m, from 1d to 36500d, is 90 days'],
    ['  bronze.raw: 1h', 'dataset.yml:3:15: bronze.raw must be a time such as 500ms, 2s or 1m, from 1d to 36500d, is 1h'],
    ['  bronze.raw:', 'dataset.yml:3:3: retention of bronze.raw is missing: how long its rows are kept, as in 90d'],
    ['  bronze.raw: { archive: required }', 'dataset.yml:3:3: retention of bronze.raw needs keep, as in `{ keep: 90d }`'],
    ['  bronze.raw: { keep: 9d, archive: yes }', 'dataset.yml:3:36: archive must be one of required, no, is yes'],
    ['  bronze.raw: { keep: 9d, archived: no }', 'dataset.yml:3:27: unknown key archived; did you mean archive?'],
    ['  silver.plain: 90d', 'dataset.yml:3:3: retention drops whole months, and silver.plain has none: give its header `partition_by`'],
    ['  silver.stg: { keep: 90d, archive: required }', 'dataset.yml:3:37: archive is for sources: silver.stg is made of their lines, and can be made of them again'],
    ['  silver.sums: 90d', 'dataset.yml:3:3: retention is for sources and for append and merge models: a row of silver.sums (accumulate) that is gone would come back in part with a late line'],
    ['  gold.days: 90d', 'dataset.yml:3:3: retention is for sources and silver models; gold stays'],
  ])('refuses %j', async (retention, message) => {
    const files = {
      'silver/stg.sql': STG,
      'silver/plain.sql': sql('incremental_strategy: append\nincrement_on: bronze.raw', 'select id from bronze.raw'),
      'silver/sums.sql': sql('incremental_strategy: accumulate\nincrement_on: silver.stg\npartition_by: day\nunique_key: day\naccumulate: { n: count }', 'select day, count(*) as n from silver.stg group by day'),
      'gold/days.sql': sql('incremental_strategy: delete+insert\nincrement_on: silver.stg\ntouch_key: day', 'select day, count(*) as n from silver.stg group by day'),
    };
    expect(await problemsOf(files, header(retention))).toEqual([message]);
  });

  it('refuses to let gold be computed anew from what is left, and points at what only shows what is kept', async () => {
    const readers = {
      'silver/stg.sql': STG,
      'gold/devices.sql': sql('incremental_strategy: delete+insert\nincrement_on: silver.stg\ntouch_key: device', 'select device, count(*) as n from silver.stg group by device'),
    };
    expect(await problemsOf(readers, header('  silver.stg: 90d'))).toEqual([
      'dataset.yml:3:3: gold.devices computes each touch_key anew from all that is left of silver.stg, so it would lose what a dropped month gave: its touch_key must contain day, by which silver.stg is partitioned',
    ]);
    const shown = {
      'silver/stg.sql': STG,
      'silver/seen.sql': sqlFile('materialized: view', 'select day, device from silver.stg\n'),
      'gold/devices.sql': sqlFile('materialized: table', 'select device, count(*) as n from silver.seen group by device\n'),
      'gold/days.sql': sql('incremental_strategy: delete+insert\nincrement_on: silver.stg\ntouch_key: [day, device]', 'select day, device, count(*) as n from silver.stg group by day, device'),
    };
    const { warnings } = await load(shown, header('  silver.stg: 90d'));
    expect(warnings.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`)).toEqual([
      'sql/t/gold/devices.sql:4:35: gold.devices reads all that is kept of silver.stg: what its retention drops is missing here from then on',
    ]);
  });

  it('refuses to let anything be computed anew from the lines that are left', async () => {
    const devices = sql('incremental_strategy: delete+insert\nincrement_on: bronze.raw\ntouch_key: device', 'select device, count(*) as n from bronze.raw group by device');
    expect(await problemsOf({ 'gold/devices.sql': devices }, header('  bronze.raw: 90d'))).toEqual([
      'dataset.yml:3:3: gold.devices computes each touch_key anew from all that is left of bronze.raw, so it would lose what dropped lines gave: let it read a model that keeps what it needs of them',
    ]);
    const { warnings } = await load({ 'silver/stg.sql': STG, 'gold/seen.sql': sqlFile('materialized: table', 'select device, max(id) as last from bronze.raw group by device\n') }, header('  bronze.raw: 90d'));
    expect(warnings.map(({ message }) => message)).toEqual(['gold.seen reads all that is kept of bronze.raw: what its retention drops is missing here from then on']);
  });

  it('is written in dataset.yml, not in the file of a source', async () => {
    expect(await problemsOf({ 'sources/raw.yml': 'kind: lines\npath: /data\nretention: 90d\n' })).toEqual(['sources/raw.yml:3:1: unknown key retention; write it in dataset.yml, by the name of the table']);
  });
});

describe('partition_by', () => {
  it('names a column, alone or in the words of dbt, and is part of how rows are kept', async () => {
    const [short, long, none] = await Promise.all([
      load({ 'silver/stg.sql': STG }),
      load({ 'silver/stg.sql': STG.replace('partition_by: day', 'partition_by: { field: day, granularity: month }') }),
      load({ 'silver/stg.sql': STG.replace('\npartition_by: day', '') }),
    ]);
    expect(short.models[0]?.partitionBy).toEqual({ column: 'day', granularity: 'month' });
    expect(long.models[0]?.codeHash).toBe(short.models[0]?.codeHash);
    expect(none.models[0]?.codeHash).not.toBe(short.models[0]?.codeHash);
    expect(none.models[0]).not.toHaveProperty('partitionBy');
  });

  it.each([
    ['partition_by: dya', 'silver/m.sql:5:15: partition_by names dya, which is no output column; did you mean day?'],
    ['partition_by: { field: day, granularity: day }', 'silver/m.sql:5:42: `granularity: day` is not built yet; built are month'],
    ['partition_by: day\ndistributed_by: device', 'silver/m.sql:6:17: distributed_by and partition_by together are not built yet'],
    ['partition_by: { granularity: month }', 'silver/m.sql:5:15: field is missing: the column whose months are kept apart'],
    ['partition_by: { field: day, data_type: date }', 'silver/m.sql:5:29: unknown key data_type; the type of the column is that of the SELECT'],
    ['partition_by: day\nunique_key: [device, id]', 'silver/m.sql:6:14: unique_key must contain day, by which the table is partitioned: PostgreSQL keeps a key within one partition only'],
    ['partition_by: day\nunique_key: [device, day]\ndata_tests: [unique: { columns: [id] }]', 'silver/m.sql:7:14: a test `unique` that stops a run is not built for a table with partition_by, unless it says what unique_key says; `severity: warn` looks for it by a query over the whole table'],
    ['partition_by: device\nunique_key: [device, day]\ncolumns: [{ name: device, data_type: text }]', 'silver/m.sql:5:15: partition_by names device, which is text: months are of a date, timestamp or timestamptz'],
  ])('refuses %j', async (keys, message) => {
    const unique = keys.includes('unique_key') ? '' : '\nunique_key: [device, day]';
    const text = sqlFile(`materialized: incremental\nincremental_strategy: merge\nincrement_on: bronze.raw\n${keys}${unique}`, 'select id, line::date as day, device from bronze.raw\n');
    const problems = await problemsOf({ 'silver/m.sql': text });
    expect(problems).toContain(message);
  });

  it('takes the names of its partitions, which no other model may have', async () => {
    const plain = sql('incremental_strategy: append\nincrement_on: bronze.raw', 'select id from bronze.raw');
    expect(await problemsOf({ 'silver/stg.sql': STG, 'silver/stg_default.sql': plain, 'silver/stg_p2030_01.sql': plain, 'gold/stg_default.sql': plain, 'silver/stg_p.sql': plain })).toEqual([
      'silver/stg_default.sql:1:1: silver.stg_default is the name of a partition of silver.stg',
      'silver/stg_p2030_01.sql:1:1: silver.stg_p2030_01 is the name of a partition of silver.stg',
    ]);
  });

  it('is for incremental models', async () => {
    expect(await problemsOf({ 'silver/m.sql': sqlFile('materialized: table\npartition_by: day', 'select line::date as day from bronze.raw\n') })).toEqual([
      'silver/m.sql:3:1: partition_by is for incremental models; a table is computed anew from all it reads',
    ]);
  });
});

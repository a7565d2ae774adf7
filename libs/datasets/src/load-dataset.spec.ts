import { describe, expect, it } from '@jest/globals';
import { load, loadAll, messagesOf, problemsOf, RAW, sqlFile } from '../test/written-dataset.js';

const STG = sqlFile(
  `description: One row for each line.
materialized: incremental
incremental_strategy: append
increment_on: bronze.raw
indexes: [[reading_time], name]
columns:
  - name: day
    data_type: date
    description: UTC day
    data_tests: [not_null]
  - { name: value, data_type: double precision }`,
  `select id as raw_id, coalesce(device, 'default') as device, received_at as reading_time,
  (received_at at time zone 'UTC')::date as day, split_part(line, ' ', 2) as name, split_part(line, ' ', 3)::float8 as value
from bronze.raw -- the only mention
;
`,
);
const DAILY = sqlFile(
  `materialized: incremental
incremental_strategy: accumulate
increment_on: silver.stg
unique_key: [day, device, name]
accumulate: { readings: sum, total: sum }`,
  `select day, device, name, count(*) as readings, sum(value::text::numeric) as total from silver.stg group by 1, 2, name`,
);
const MART = sqlFile(
  `materialized: incremental
incremental_strategy: delete+insert
increment_on: silver.daily
touch_key: [day, device]
unique_key: [day, device]`,
  `with daily as (select day, device, name, total / readings as mean from silver.daily)
select day, device, u.mean * i.mean as power
from (select * from daily where name = 'Voltage') u
join (select * from daily where name = 'Current') i using (day, device)`,
);
const SENSOR = { 'silver/stg.sql': STG, 'silver/daily.sql': DAILY, 'gold/mart.sql': MART };

describe('loadDataset', () => {
  it('reads sources and models in graph order', async () => {
    const dataset = await load(SENSOR);
    expect(dataset).toMatchObject({ name: 't', description: 'A test.', probeEveryMs: 2000 });
    expect(dataset.sources).toEqual([{ kind: 'lines', relation: 'bronze.raw', path: '/data', description: '', tags: [], file: 'sql/t/sources/raw.yml' }]);
    expect(dataset.models.map(({ relation }) => relation)).toEqual(['silver.stg', 'silver.daily', 'gold.mart']);
  });

  it('gives a model its header, its query and what it mentions', async () => {
    const [stg] = (await load(SENSOR)).models;
    expect(stg).toMatchObject({
      file: 'sql/t/silver/stg.sql',
      description: 'One row for each line.',
      materialized: 'incremental',
      strategy: 'append',
      incrementOn: ['bronze.raw'],
      lookups: [],
      uniqueKey: [],
      touchKey: [],
      accumulate: {},
      indexes: [['reading_time'], ['name']],
      columns: [
        { name: 'day', dataType: 'date', description: 'UTC day', place: { line: 8, column: 11 } },
        { name: 'value', dataType: 'double precision' },
      ],
    });
    const { text, offset, fileText, mentions } = stg!.query;
    expect(text).toMatch(/^select id as raw_id,[^;]*from bronze\.raw$/);
    expect(fileText.slice(offset, offset + text.length)).toBe(text);
    expect(mentions).toEqual([{ relation: 'bronze.raw', start: text.length - 10, end: text.length, aliased: false }]);
  });

  it('follows touch keys to the input, through WITH queries, sub-selects, * and USING', async () => {
    const mart = (await load(SENSOR)).models[2];
    expect(mart?.touchKey).toEqual([
      { column: 'day', from: { 'silver.daily': 'day' } },
      { column: 'device', from: { 'silver.daily': 'device' } },
    ]);
  });

  it('reads tables with how often they are computed, and tags, and what becomes of other columns and bad rows', async () => {
    const table = sqlFile('materialized: table\nrefresh: { every: 90m }\ntags: [daily, cost/high]\nunique_key: day\nindexes: [n]', 'select day, count(*) as n from silver.stg group by day');
    const dataset = await load({ ...SENSOR, 'gold/whole.sql': table, 'silver/stg.sql': STG.replace('indexes:', 'on_data_error: fail\non_schema_change: append_new_columns\nindexes:') });
    expect(dataset.models.find(({ relation }) => relation === 'gold.whole')).toMatchObject({
      ...{ materialized: 'table', refreshEveryMs: 5_400_000, tags: ['daily', 'cost/high'], uniqueKey: ['day'], indexes: [['n']], incrementOn: [], lookups: [] },
      ...{ onSchemaChange: 'fail', onDataError: 'quarantine' },
    });
    expect(dataset.models.find(({ relation }) => relation === 'gold.whole')).not.toHaveProperty('strategy');
    expect(dataset.models[0]).toMatchObject({ onDataError: 'fail', onSchemaChange: 'append_new_columns' });
  });

  it('reads what a source says of itself', async () => {
    const source = 'kind: lines\npath: /data\ndescription: Lines.\ntags: raw\nfreshness: { warn_after: 10m, error_after: { count: 1, period: day } }';
    expect((await load({}, { ...RAW, 'sources/raw.yml': source })).sources).toEqual([
      {
        ...{ kind: 'lines', relation: 'bronze.raw', path: '/data', description: 'Lines.', tags: ['raw'], file: 'sql/t/sources/raw.yml' },
        freshness: { warnAfterMs: 600_000, errorAfterMs: 86_400_000 },
      },
    ]);
  });

  it('reads probe_every with its unit', async () => {
    expect(await load({}, { ...RAW, 'dataset.yml': 'probe_every: 500ms' })).toMatchObject({ probeEveryMs: 500 });
    expect(await load({}, { ...RAW, 'dataset.yml': 'probe_every: 1m' })).toMatchObject({ probeEveryMs: 60_000 });
    expect(await problemsOf({}, { ...RAW, 'dataset.yml': 'description: x\nprobe_every: 2' })).toEqual(['dataset.yml:2:14: probe_every must be text, is the number 2']);
    expect(await problemsOf({}, { ...RAW, 'dataset.yml': 'probe_every: 2 days' })).toEqual([
      'dataset.yml:1:14: probe_every must be a time such as 500ms, 2s or 1m, from 100ms to 1h, is 2 days',
    ]);
  });

  it('works with a byte order mark, CRLF line ends and characters of several bytes', async () => {
    const dataset = await load({ 'silver/stg.sql': `\uFEFF${STG.replace('select id', "select 'é🚀' as mark, id").replaceAll('\n', '\r\n')}` });
    const { text, mentions } = dataset.models[0]!.query;
    expect(text.slice(mentions[0]!.start, mentions[0]!.end)).toBe('bronze.raw');
  });
});

describe('loadDatasets', () => {
  const other = { 'u/dataset.yml': 'description: Another.\n', 'u/sources/lines.yml': 'kind: lines\npath: /u\n' };
  const first = Object.fromEntries(Object.entries({ ...RAW, ...SENSOR }).map(([name, text]) => [`t/${name}`, text]));
  const view = (from: string): string => sqlFile('materialized: view', `select device from ${from}`);

  it('reads all, by name', async () => {
    expect((await loadAll({ ...other, ...first })).map(({ name }) => name)).toEqual(['t', 'u']);
  });

  it('refuses two owners of one relation or route, and reading across datasets', async () => {
    const files = { ...other, ...first, 'u/silver/stg.sql': view('bronze.lines'), 'u/gold/across.sql': view('silver.daily'), 'u/sources/two.yml': 'kind: lines\npath: /u' };
    expect(await messagesOf(loadAll(files))).toEqual([
      'sql/u/gold/across.sql:4:20: silver.daily belongs to the dataset t; a model reads only its own dataset',
      'sql/u/silver/stg.sql:1:1: silver.stg is owned by the dataset t already',
      'sql/u/sources/two.yml:1:1: POST /u feeds bronze.lines already',
    ]);
    expect(await messagesOf(loadAll({ ...first, ...other, 'u/sources/two.yml': 'kind: lines\npath: /data' }))).toEqual(['sql/u/sources/two.yml:1:1: POST /data feeds bronze.raw already']);
  });
});

describe('the code hash', () => {
  const hashes = async (files: Record<string, string>) => {
    const dataset = await load(files);
    return { dataset: dataset.codeHash, models: dataset.models.map(({ codeHash }) => codeHash) };
  };

  it('does not change with comments, descriptions, layout or the order of keys', async () => {
    const daily = sqlFile(
      `# a comment
description: Now with a description.
accumulate: { total: sum, readings: sum }
unique_key: [name, device, day]
increment_on: silver.stg
incremental_strategy: accumulate
materialized: incremental`,
      `-- another comment
select day, device, name, count(*) AS readings,
  (sum(value::text::numeric)) as total /* here too */
FROM silver.stg group by 1, 2, name;`,
    );
    expect(await hashes({ ...SENSOR, 'silver/daily.sql': daily })).toEqual(await hashes(SENSOR));
  });

  it.each([
    ['the SELECT', 'count(*) as', 'count(value) as'],
    ['how values meet', 'readings: sum', 'readings: count'],
    ['a constant', 'group by', "where name <> 'x' group by"],
  ])('changes with %s', async (_what, from, to) => {
    const [before, after] = [await hashes(SENSOR), await hashes({ ...SENSOR, 'silver/daily.sql': DAILY.replace(from, to) })];
    expect(after.dataset).not.toBe(before.dataset);
    expect(after.models[1]).not.toBe(before.models[1]);
    expect([after.models[0], after.models[2]]).toEqual([before.models[0], before.models[2]]);
  });

  const MERGE = sqlFile(
    `materialized: incremental
incremental_strategy: merge
increment_on: silver.stg
unique_key: [device, name]
order_by: reading_time`,
    'select device, name, reading_time, value from silver.stg',
  );
  const TABLE = sqlFile('materialized: table\nrefresh: { every: 1h }', 'select day, count(*) as n from silver.stg group by day');
  const MORE = { ...SENSOR, 'gold/latest.sql': MERGE, 'gold/whole.sql': TABLE };

  it.each<[string, keyof typeof MORE, string, string]>([
    ['which row wins', 'gold/latest.sql', 'order_by: reading_time', 'order_by: reading_time desc'],
    ['what a newer row replaces', 'gold/latest.sql', 'order_by: reading_time', 'order_by: reading_time\nmerge_update_columns: reading_time'],
    ['which rows are put aside', 'gold/latest.sql', 'order_by', 'columns: [{ name: device, data_tests: [{ not_null: { on_fail: quarantine } }] }]\norder_by'],
    ['how a model is kept', 'gold/whole.sql', 'materialized: table\nrefresh: { every: 1h }', 'materialized: view'],
  ])('of a model changes with %s', async (_what, file, from, to) => {
    expect(MORE[file]).toContain(from);
    const [before, after] = [await load(MORE), await load({ ...MORE, [file]: MORE[file].replace(from, to) })];
    const changed = after.models.filter(({ codeHash }) => !before.models.some((model) => model.codeHash === codeHash));
    expect(changed.map(({ relation }) => `${relation.replace('.', '/')}.sql`)).toEqual([file]);
    expect(after.codeHash).not.toBe(before.codeHash);
  });

  it.each<[string, keyof typeof MORE, string, string, boolean]>([
    ['how often a table is computed', 'gold/whole.sql', '1h', '2h', true],
    ['what a row does that makes the SQL fail', 'gold/latest.sql', 'order_by', 'on_data_error: fail\norder_by', true],
    ['what it does anyway', 'gold/latest.sql', 'order_by', 'on_data_error: quarantine\norder_by', false],
    ['what apply does with other columns', 'gold/latest.sql', 'order_by', 'on_schema_change: sync_all_columns\norder_by', false],
    ['tags and descriptions', 'gold/latest.sql', 'order_by', 'tags: [a]\ndescription: x\ncolumns: [{ name: device, description: y }]\norder_by', false],
  ])('of a model stays with %s; that of the dataset says whether a run does otherwise', async (_what, file, from, to, otherwise) => {
    const [before, after] = [await load(MORE), await load({ ...MORE, [file]: MORE[file].replace(from, to) })];
    expect(after.models.map(({ codeHash }) => codeHash)).toEqual(before.models.map(({ codeHash }) => codeHash));
    expect(after.codeHash !== before.codeHash).toBe(otherwise);
  });

  it('of the dataset changes with a data test or an index, that of the model does not', async () => {
    for (const [from, to] of [['[not_null]', '[]'], ['indexes: [[reading_time], name]', 'indexes: [[name]]']] as const) {
      const [before, after] = [await hashes(SENSOR), await hashes({ ...SENSOR, 'silver/stg.sql': STG.replace(from, to) })];
      expect(after.models).toEqual(before.models);
      expect(after.dataset).not.toBe(before.dataset);
    }
  });
});

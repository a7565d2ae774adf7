import { describe, expect, it } from '@jest/globals';
import { load, loadAll, messagesOf, problemsOf, RAW, sqlFile } from '../test/written-dataset.js';

const SELECT = 'select id, line from bronze.raw';
const APPEND = 'materialized: incremental\nincremental_strategy: append\nincrement_on: bronze.raw';

/** The problems of silver/m.sql with this header and SELECT; the file's name left out. */
async function ofModel(header: string, select = SELECT): Promise<string[]> {
  return (await problemsOf({ 'silver/m.sql': sqlFile(header, select) })).map((message) => message.replace(/^silver\/m\.sql:/, ''));
}

describe('a header', () => {
  it.each([
    ['1:1: the file must begin with a YAML header: a comment that opens with /* --- and closes with --- */', SELECT],
    ['1:1: the file must begin with a YAML header: a comment that opens with /* --- and closes with --- */', `-- first\n${sqlFile(APPEND, SELECT)}`],
    ['1:1: the header comment must close with --- */ on a line of its own', `/* ---\n${APPEND}\n${SELECT}`],
    ['4:12: the header comment must close with --- */ on a line of its own', `/* ---\nmaterialized: view\nlookups: x\nincrement: */ --- */\n${SELECT}`],
    ['2:1: must be YAML of the form `key: value`', sqlFile('- materialized', SELECT)],
  ])('%s', async (message, text) => {
    expect(await problemsOf({ 'silver/m.sql': text })).toEqual([`silver/m.sql:${message}`]);
  });

  it('must be in a file of valid UTF-8 without NUL', async () => {
    expect(await problemsOf({ 'silver/m.sql': Buffer.from([0x2f, 0xff]) })).toEqual(['silver/m.sql:1:1: the file is not valid UTF-8']);
    expect(await problemsOf({ 'silver/m.sql': sqlFile('materialized: view', 'select\0') })).toEqual(['silver/m.sql:4:7: the file holds a NUL character']);
  });

  it('that is no YAML is reported at the line and column of the file', async () => {
    const [first] = await ofModel('materialized: view\ndescription: "é🚀" x');
    expect(first).toMatch(/^3:19: not valid YAML: /);
    expect((await ofModel('materialized: view\nmaterialized: view'))[0]).toMatch(/^3:1: not valid YAML: .*unique/i);
  });

  it.each<[string, string, string[]]>([
    ['an unknown key, with the nearest', 'materialised: view', ['2:1: materialized is missing: view, table or incremental', '2:1: unknown key materialised; did you mean materialized?']],
    ['an unknown key far from all', 'materialized: view\nzzz: 1', [expect.stringMatching(/^3:1: unknown key zzz; known are description, materialized, /) as unknown as string]],
    ['a value of the wrong type', 'materialized: view\ndescription: 42', ['3:14: description must be text, is the number 42']],
    ['a list where a text belongs', 'materialized: [view]', ['2:15: materialized must be text, is a list']],
    ['a mapping where a list belongs', `${APPEND}\nunique_key: { id: 1 }`, ['5:13: unique_key must be text, is a mapping']],
    ['text where a mapping belongs', `${APPEND}\ncolumns: [id]`, ['5:11: columns must be a mapping `key: value`, is the text "id"']],
    ['an unknown word', 'materialized: vew', ['2:15: materialized must be one of view, table, incremental, is vew; did you mean view?']],
    ['a name twice', `${APPEND}\nunique_key: [id, line, id]`, ['5:24: unique_key names id twice']],
    ['a name that would need quotes', `${APPEND}\nunique_key: Id`, ['5:13: the column name Id must be lower-case letters, digits and _, and not begin with a digit']],
    ['a column twice', 'materialized: view\ncolumns: [{ name: id }, { name: id }]', ['3:33: columns names id twice']],
    ['a column without a name', 'materialized: view\ncolumns:\n  - description: x', ['4:5: name is missing: which column this is']],
    ['a column the SELECT has not', 'materialized: view\ncolumns: [{ name: lin }]', ['3:19: columns names lin, which is no output column; did you mean line?']],
    ['an index on a column the SELECT has not', `${APPEND}\nindexes: [[id, name]]`, ['5:16: indexes names name, which is no output column']],
    ['a key the SELECT has not', `${APPEND}\nunique_key: lien`, ['5:13: unique_key names lien, which is no output column; did you mean line?']],
    ['a data type that is none', 'materialized: view\ncolumns: [{ name: id, data_type: big int }]', ['3:34: data_type big int is no type of PostgreSQL']],
    ['an unknown data test', `${APPEND}\ncolumns: [{ name: id, data_tests: [not_nul] }]`, ['5:36: data_tests knows not_null, unique, accepted_values, in_range, matches, relationships, freshness, row_count_change, not not_nul; did you mean not_null?']],
    ['an alias', 'materialized: view\ndescription: &a x\ncolumns: [{ name: *a }]', ['4:19: name must be text, is an alias']],
  ])('%s', async (_what, header, problems) => {
    expect(await ofModel(header)).toEqual(problems);
  });

  it.each<[string, string[]]>([
    ['materialized: ephemeral', ['2:15: `materialized: ephemeral` is not built yet; built are view, table, incremental']],
    [`${APPEND.replace('append', 'microbatch')}`, ['3:23: `incremental_strategy: microbatch` is not built yet; built are append, merge, accumulate, delete+insert']],
    [`${APPEND}\nenabled: false`, ['5:1: enabled is not built yet']],
    [`${APPEND}\ncolumns: [{ name: id, constraints: [] }]`, ['5:23: constraints is not built yet']],
  ])('refuses by name what later issues build: %j', async (header, problems) => {
    expect(await ofModel(header)).toEqual(problems);
  });

  it.each<[string, string[]]>([
    [`${APPEND}\non_fail: quarantine`, ['5:1: unknown key on_fail; it belongs to a data test, as in `- not_null: { on_fail: warn }`']],
    [`${APPEND}\nconfig: {}`, ['5:1: unknown key config; its keys stand at the top of the header']],
    [`${APPEND}\ncolumns: [{ name: id, in_range: [1, 2] }]`, ['5:23: unknown key in_range; write it under data_tests, as in `- in_range`']],
    ['materialized: view\ncolumns: [{ name: id, tests: [unique] }]', ['3:23: unknown key tests; write data_tests']],
  ])('says where a key belongs: %j', async (header, problems) => {
    expect(await ofModel(header)).toEqual(problems);
  });

  const MERGE = `${APPEND.replace('append', 'merge')}\nunique_key: id`;
  it.each<[string, string[]]>([
    ['materialized: view\nincrement_on: bronze.raw', ['3:1: increment_on is for incremental models; a view is computed when it is read']],
    ['materialized: view\nunique_key: id', ['3:1: unique_key is for incremental models and tables; a view is computed when it is read']],
    ['materialized: view\non_schema_change: fail', ['3:1: on_schema_change is for incremental models and tables; a view is computed when it is read']],
    ['materialized: table\nlookups: bronze.raw', ['3:1: lookups is for incremental models; a table is computed anew from all it reads']],
    ['materialized: table\nincremental_strategy: append', ['3:1: incremental_strategy is for incremental models; a table is computed anew from all it reads']],
    [`${APPEND}\nrefresh: { every: 1h }`, ['5:1: refresh is for tables; an incremental model takes up what is new in each run']],
    [`${APPEND}\norder_by: id`, ['5:1: order_by is for `incremental_strategy: merge`, not for append']],
    [`${APPEND}\nmerge_update_columns: line`, ['5:1: merge_update_columns is for `incremental_strategy: merge`, not for append']],
    [
      `${APPEND.replace('append', 'delete+insert')}\ntouch_key: id\non_data_error: fail`,
      ['6:1: on_data_error is for `incremental_strategy: append` and `merge`, not for delete+insert'],
    ],
    [APPEND.replace('append', 'merge'), ['2:1: unique_key is missing: merge replaces the row of the same key']],
    [`${MERGE}\nmerge_update_columns: [line, id]`, ['6:30: merge_update_columns names id, which is part of unique_key and never changes']],
    [`${MERGE}\norder_by: [id desc]`, ['6:12: order_by names id, which is part of unique_key: it is the same in all rows of one key']],
    [`${MERGE}\norder_by: [line, line desc]`, ['6:18: order_by names line twice']],
    [`${MERGE}\norder_by: line\nmerge_update_columns: []`, ['6:11: order_by names line, which merge_update_columns leaves as it was, so that an older row would win later']],
    [`${MERGE}\norder_by: [line nulls last, lin]`, ['6:12: order_by takes columns, each alone or with asc or desc, is "line nulls last"', '6:29: order_by names lin, which is no output column; did you mean line?']],
    [`${MERGE}\nmerge_update_columns: lin`, ['6:23: merge_update_columns names lin, which is no output column; did you mean line?']],
    ['materialized: table\nrefresh: 1h', ['3:10: refresh must be a mapping `key: value`, is the text "1h"']],
    ['materialized: table\nrefresh: {}', ['3:1: refresh needs `every`, as in `refresh: { every: 1h }`']],
    ['materialized: table\nrefresh: { every: 1 week, at: noon }', ['3:19: every must be a time such as 500ms, 2s or 1m, from 1s to 3650d, is 1 week', '3:27: unknown key at; known are every']],
    ['materialized: table\ntags: [daily, a b, -x, "a,b"]', ['3:15: a tag is made of letters, digits and _ . / -, is "a b"', '3:20: a tag is made of letters, digits and _ . / -, is "-x"', '3:24: a tag is made of letters, digits and _ . / -, is "a,b"']],
    ['materialized: view\ntags: [a, a]', ['3:11: tags names a twice']],
    [`${APPEND}\non_schema_change: ignore`, ['5:19: on_schema_change must be one of fail, append_new_columns, sync_all_columns, is ignore']],
    [`${APPEND}\non_data_error: fial`, ['5:16: on_data_error must be one of quarantine, fail, is fial; did you mean fail?']],
    ['materialized: incremental\nincrement_on: bronze.raw', ['2:1: incremental_strategy is missing: append, merge, accumulate or delete+insert']],
    ['materialized: incremental\nincremental_strategy: append\nlookups: bronze.raw', ['2:1: increment_on is missing: the input whose new rows a run reads']],
    [`${APPEND}\naccumulate: { n: sum }`, ['5:1: accumulate is for `incremental_strategy: accumulate`, not for append']],
    [`${APPEND}\ndistributed_by: devise`, ['5:17: distributed_by names devise, which is no output column']],
    [`${APPEND}\ndistributed_by: Line`, ['5:17: the column name Line must be lower-case letters, digits and _, and not begin with a digit']],
    [`${APPEND}\nunique_key: id\ndistributed_by: line`, []],
    [`${MERGE}\ndistributed_by: id`, []],
    [`${MERGE}\ndistributed_by: line`, ['6:17: distributed_by names line, which is not in unique_key: rows of one key must be on one server']],
    [`${APPEND}\ndistributed_by: line\ncolumns: [{ name: id, data_tests: [unique] }]`, [expect.stringMatching(/^6:\d+: a test `unique` that stops a run is kept by an index, .* it has to name line of distributed_by too/) as unknown as string]],
    [`${APPEND}\ndistributed_by: line\ncolumns: [{ name: id, data_tests: [{ unique: { severity: warn } }] }]`, []],
    ['materialized: table\ndistributed_by: line', ['3:1: distributed_by is for incremental models; a table is computed anew from all it reads']],
    [`${APPEND.replace('append', 'delete+insert')}\ntouch_key: id\ndistributed_by: line`, ['6:1: distributed_by is for `incremental_strategy: append` and `merge`, not for delete+insert']],
    [`${APPEND}\ntouch_key: id`, ['5:1: touch_key is for `incremental_strategy: delete+insert`, not for append']],
  ])('says which keys belong together: %j', async (header, problems) => {
    expect(await ofModel(header)).toEqual(problems);
  });
});

describe('the SELECT of a file', () => {
  it.each<[string, string, string[]]>([
    ['is missing', '-- nothing', ['3:7: the SELECT is missing after the header']],
    ['has a syntax error', "select 'é🚀' a b,\n c", ['4:15: syntax error at or near "b"']],
    ['is not the only statement', 'select 1 as a;\n -- then\n select 2', ['6:2: one file holds one statement; here begins another']],
    ['reads a table nobody owns', 'select line\nfrom bronze.row', ['5:6: no source, seed or model owns bronze.row; did you mean bronze.raw?']],
    ['reads a schema nobody owns', 'select oid from pg_catalog.pg_class', ['4:17: no source, seed or model owns pg_catalog.pg_class']],
    ['names a table without its schema', "select 'é🚀' as x, line from raw", ['4:29: raw is no WITH query; name a table with its schema, as in bronze.raw']],
    ['gives a column without a name', 'select id, 1 + 1 from bronze.raw', ['4:1: result column 2 has no name; write `as name`']],
    ['gives a name twice', 'select id, line as id from bronze.raw', ['4:1: the SELECT gives two columns named id']],
  ])('%s', async (_what, select, problems) => {
    const text = select.startsWith('--') ? `/* ---\nmaterialized: view\n--- */` : sqlFile('materialized: view', select);
    expect(await problemsOf({ 'silver/m.sql': text })).toEqual(problems.map((message) => `silver/m.sql:${message}`));
  });

  it('must not take the run id of what it reads for its own', async () => {
    const files = { 'silver/a.sql': sqlFile(APPEND, SELECT), 'silver/b.sql': sqlFile(APPEND.replace('bronze.raw', 'silver.a'), 'select * from silver.a') };
    expect(await problemsOf(files)).toEqual(['silver/b.sql:6:1: _run_id is the engine\'s own column: name the columns you want instead of *']);
  });
});

describe('the graph of a dataset', () => {
  const view = (from: string): string => sqlFile('materialized: view', `select line\nfrom ${from}`);

  it('names the path of a cycle, at the mention that closes it', async () => {
    expect(await problemsOf({ 'silver/a.sql': view('silver.b'), 'silver/b.sql': view('gold.c'), 'gold/c.sql': view('silver.a') })).toEqual([
      'gold/c.sql:5:6: cycle: gold.c -> silver.a -> silver.b -> gold.c',
    ]);
    expect(await problemsOf({ 'silver/a.sql': view('silver.a') })).toEqual(['silver/a.sql:5:6: cycle: silver.a -> silver.a']);
  });

  it('names every cycle', async () => {
    const files = { 'silver/a.sql': view('silver.b'), 'silver/b.sql': view('silver.a'), 'silver/c.sql': view('silver.c'), 'silver/d.sql': view('silver.a') };
    expect(await problemsOf(files)).toEqual(['silver/a.sql:5:6: cycle: silver.a -> silver.b -> silver.a', 'silver/c.sql:5:6: cycle: silver.c -> silver.c']);
  });

  it('is checked beyond what is broken, and says nothing of what follows from it', async () => {
    const files = {
      'silver/a.sql': sqlFile(APPEND, 'select id, lne from from bronze.raw'),
      'silver/b.sql': sqlFile(`${APPEND.replace('bronze.raw', 'silver.a')}\nunique_key: [whatever, id]`, 'select *, 1 as x, 2 as x from silver.a limit 1'),
      'silver/c.sql': view('silver.a, silver.zzz'),
      'gold/d.sql': sqlFile('materialized: view\ncolumns: [{ name: lne, data_tests: [relationships: { to: silver.a, field: id }, uniq] }]', 'select line from silver.c'),
      'seeds/e.csv': 'a,a\n',
      'tests/f.sql': 'select a from seeds.e where',
      'sources/raw.yml': 'kind: lines\npath: data',
      'dataset.yml': 'descripton: x',
    };
    expect((await problemsOf(files)).map((message) => message.replace(/: .*/, ''))).toEqual([
      ...['dataset.yml:1:1', 'gold/d.sql:3:19', 'gold/d.sql:3:81', 'seeds/e.csv:1:3', 'silver/a.sql:6:21', 'silver/b.sql:7:1', 'silver/b.sql:7:46', 'silver/c.sql:5:16'],
      ...['sources/raw.yml:2:7', 'tests/f.sql:1:28'],
    ]);
  });

  it('reports the problems of all files at once, by file and position', async () => {
    expect(await problemsOf({ 'silver/b.sql': view('silver.x'), 'silver/a.sql': sqlFile('zzz: 1', 'select') })).toEqual([
      'silver/a.sql:2:1: materialized is missing: view, table or incremental',
      expect.stringMatching(/^silver\/a\.sql:2:1: unknown key zzz/),
      'silver/b.sql:5:6: no source, seed or model owns silver.x; did you mean silver.a?',
    ]);
  });
});

describe('the folder of a dataset', () => {
  it.each<[Record<string, string>, string[]]>([
    [{ 'silver/Readings.sql': sqlFile('materialized: view', SELECT) }, ['silver/Readings.sql:1:1: the name Readings must be lower-case letters, digits and _, and not begin with a digit']],
    [
      { [`gold/${'x'.repeat(64)}.sql`]: sqlFile('materialized: view', SELECT) },
      [`gold/${'x'.repeat(64)}.sql:1:1: the name ${'x'.repeat(64)} has 64 characters; PostgreSQL keeps 63`],
    ],
    [{ 'silver/a.txt': '' }, ['silver/a.txt:1:1: silver/ holds .sql files only, no other ones']],
    [{ 'silver/deep/a.sql': '' }, ['silver/deep:1:1: silver/ holds .sql files only, no folders']],
    [{ 'sliver/a.sql': '' }, ['sliver:1:1: unknown folder; did you mean silver?']],
    [{ 'seeds/a.txt': '' }, ['seeds/a.txt:1:1: seeds/ holds .csv and .yml files only, no other ones']],
    [{ 'seeds/ab.yml': '', 'seeds/abc.csv': 'a\n1' }, ['seeds/ab.yml:1:1: there is no ab.csv beside it; did you mean abc?']],
    [{ 'tests/a.sql': '' }, ['tests/a.sql:1:1: the SELECT is missing']],
    [{ 'unit/a.yaml': '' }, ['unit/a.yaml:1:1: unit/ holds .yml files only, no other ones']],
    [{ 'sources/a.yml': 'kind: lines\npath: /x\nfreshness: { warn_after: 2h, error_after: 1h }' }, ['sources/a.yml:3:14: warn_after is longer than error_after, so it never warns']],
    [{ 'sources/a.yml': 'kind: lines\npath: /x\nfreshness: {}' }, ['sources/a.yml:3:1: freshness needs warn_after or error_after, as in `error_after: 1d`']],
    [{ 'sources/a.yml': 'kind: lines\npath: /x\nfreshness: { error_after: 1 }' }, ['sources/a.yml:3:27: error_after must be text, is the number 1']],
    [{ 'dataset.yaml': '' }, ['dataset.yaml:1:1: unknown file; did you mean dataset.yml?']],
    [{ 'README.md': '', '.hidden': '', 'silver/README.md': '' }, []],
    [{ 'sources/flushes.yml': 'kind: lines\npath: /x' }, ['sources/flushes.yml:1:1: bronze.flushes is the engine\'s own; give the source another name']],
    [{ 'sources/a.yml': 'kind: events\npath: /x' }, ['sources/a.yml:1:7: `kind: events` is not built yet; built are lines']],
    [{ 'sources/a.yml': 'kind: lines\npath: x y' }, ['sources/a.yml:2:7: path must be a route such as /data: lower-case letters, digits, - and _ after each slash, is x y']],
    [{ 'sources/a.yml': 'kind: lines\npath: /x\ndedupe: first' }, ['sources/a.yml:3:1: dedupe is not built yet']],
    [{ 'sources/a.yml': 'kind: lines\npath: /data' }, ['sources/raw.yml:1:1: POST /data feeds bronze.a already']],
    [{ 'sources/a.yml': '' }, ['sources/a.yml:1:1: must be YAML of the form `key: value`']],
  ])('%j', async (files, problems) => {
    expect(await problemsOf(files)).toEqual(problems);
  });

  it('must hold dataset.yml and a source', async () => {
    expect(await messagesOf(load({ 'gold/README.md': '' }, {}))).toEqual([
      'dataset.yml:1:1: the file is missing: every dataset has one, with its description',
      'sources:1:1: the dataset has no source: add sources/<name>.yml, which makes bronze.<name>',
    ]);
  });

  it('must be there', async () => {
    expect(await messagesOf(loadAll({ 'README.md': '', 'stray.sql': '' }))).toEqual([
      expect.stringMatching(/^sql:1:1: there is no dataset in .*sql$/),
      'sql/stray.sql:1:1: unknown file; files belong to a dataset, as in sql/sensor/silver',
    ]);
  });

  it('must have a plain name', async () => {
    expect(await messagesOf(loadAll({ 'My-Set/dataset.yml': RAW['dataset.yml'], 'My-Set/sources/raw.yml': RAW['sources/raw.yml'] }))).toEqual([
      "sql/My-Set/dataset.yml:1:1: the dataset's name My-Set must be lower-case letters, digits and _, and not begin with a digit",
    ]);
  });
});

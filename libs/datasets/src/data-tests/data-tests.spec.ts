import { describe, expect, it } from '@jest/globals';
import { load, problemsOf, sqlFile } from '../../test/written-dataset.js';
import type { DataTest } from '../dataset.js';

const APPEND = 'materialized: incremental\nincremental_strategy: append\nincrement_on: bronze.raw';
const SELECT = "select id, device, line, received_at, split_part(line, ' ', 3)::float8 as value from bronze.raw";

/** One append model whose column `line` (or whose header) has these data tests, in YAML as it stands behind `data_tests:`. */
function model(onColumn: string, onModel = '[]'): Record<string, string> {
  return { 'silver/m.sql': sqlFile(`${APPEND}\ncolumns:\n  - name: line\n    data_tests: ${onColumn}\ndata_tests: ${onModel}`, SELECT) };
}

async function testsOf(onColumn: string, onModel?: string): Promise<DataTest[]> {
  const dataset = await load(model(onColumn, onModel));
  return dataset.models[0]!.dataTests.map((test) => test);
}

const TERMS = { relation: 'silver.m', onFail: 'error', errorAbove: 0, warnAbove: 0, place: expect.objectContaining({ file: 'sql/t/silver/m.sql' }) as unknown };

describe('data tests of a header', () => {
  it.each<[string, object]>([
    ['[not_null]', { kind: 'not_null', column: 'line', name: 'not_null_silver_m_line' }],
    ['[unique]', { kind: 'unique', columns: ['line'], name: 'unique_silver_m_line' }],
    ['not_null', { kind: 'not_null', column: 'line', name: 'not_null_silver_m_line' }],
    ['[not_null: ]', { kind: 'not_null', column: 'line', name: 'not_null_silver_m_line' }],
    ['[accepted_values: { values: [a, 2, true] }]', { kind: 'accepted_values', column: 'line', values: ['a', 2, true], name: 'accepted_values_silver_m_line' }],
    ['[accepted_values: { arguments: { values: [a] } }]', { kind: 'accepted_values', column: 'line', values: ['a'], name: 'accepted_values_silver_m_line' }],
    ['[in_range: { min: 0 }]', { kind: 'in_range', column: 'line', min: 0, name: 'in_range_silver_m_line' }],
    ['[in_range: { min: 2020-01-01, max: "z" }]', { kind: 'in_range', column: 'line', min: '2020-01-01', max: 'z', name: 'in_range_silver_m_line' }],
    ["[matches: { pattern: '^[0-9]+$' }]", { kind: 'matches', column: 'line', pattern: '^[0-9]+$', name: 'matches_silver_m_line' }],
    ['[relationships: { to: bronze.raw, field: line }]', { kind: 'relationships', column: 'line', to: 'bronze.raw', field: 'line', name: 'relationships_silver_m_line' }],
  ])('under a column: %s', async (written, test) => {
    expect(await testsOf(written)).toEqual([{ ...TERMS, ...test }]);
  });

  it.each<[string, object]>([
    ['[unique: { columns: [id, device] }]', { kind: 'unique', columns: ['id', 'device'], name: 'unique_silver_m_id_device' }],
    ['[not_null: { column: id }]', { kind: 'not_null', column: 'id', name: 'not_null_silver_m_id' }],
    ['[row_count_change: { max_increase: 50%, max_decrease: 12.5 % }]', { kind: 'row_count_change', maxIncrease: 0.5, maxDecrease: 0.125, name: 'row_count_change_silver_m' }],
    [
      '[freshness: { column: received_at, warn_after: 90m, error_after: 1d }]',
      { kind: 'freshness', column: 'received_at', warnAfterMs: 5_400_000, errorAfterMs: 86_400_000, name: 'freshness_silver_m_received_at' },
    ],
    ['[freshness: { column: received_at, error_after: { count: 2, period: hour } }]', { kind: 'freshness', column: 'received_at', errorAfterMs: 7_200_000, name: 'freshness_silver_m_received_at' }],
  ])('under the model: %s', async (written, test) => {
    expect(await testsOf('[]', written)).toEqual([{ ...TERMS, ...test }]);
  });

  it.each<[string, object]>([
    ['{ severity: warn }', { onFail: 'warn' }],
    ['{ on_fail: warn, warn_above: 3 }', { onFail: 'warn', warnAbove: 3 }],
    ['{ config: { severity: error, error_if: ">10", warn_if: ">= 5" } }', { errorAbove: 10, warnAbove: 4 }],
    ['{ error_above: 10, warn_if: "!=0" }', { errorAbove: 10, warnAbove: 0 }],
    ['{ on_fail: quarantine }', { onFail: 'quarantine' }],
    ['{ name: lines_are_there }', { name: 'lines_are_there' }],
    ["{ where: \"device = 'a' -- the first\" }", { where: "device = 'a'" }],
    ['{ config: { where: "received_at > now() - interval \'1 day\'" } }', { where: "received_at > now() - interval '1 day'" }],
    ['{ where: "(device, line) in ((\'a\', \'b\'))" }', { where: "(device, line) in (('a', 'b'))" }],
  ])('with the terms %s', async (settings, terms) => {
    const [test] = await testsOf(`[not_null: ${settings}]`);
    expect(test).toEqual({ ...TERMS, kind: 'not_null', column: 'line', name: 'not_null_silver_m_line', ...terms });
  });

  it('stand in the order of columns, then of the model, each at its place in the file', async () => {
    const tests = await testsOf('\n      - unique\n      - matches:\n          pattern: x', '\n  - not_null: { column: id }');
    expect(tests.map(({ kind, place }) => [kind, place.line, place.column])).toEqual([['unique', 8, 9], ['matches', 9, 9], ['not_null', 12, 5]]);
  });

  it('have long names cut, with a hash of the whole', async () => {
    const name = `m${'x'.repeat(50)}`;
    const header = (columns: string): string => `materialized: table\ncolumns:\n${columns}`;
    const dataset = await load({
      [`silver/${name}.sql`]: sqlFile(header('  - { name: long_column_a, data_tests: [not_null] }\n  - { name: long_column_b, data_tests: [not_null] }'), 'select 1 as long_column_a, 2 as long_column_b'),
    });
    const names = dataset.models[0]!.dataTests.map((test) => test.name);
    expect(new Set(names).size).toBe(2);
    for (const cut of names) expect(cut).toMatch(/^not_null_silver_mx{37}_[0-9a-f]{8}$/);
  });

  it('may be of views, tables and models of every strategy', async () => {
    const tests = 'columns: [{ name: id, data_tests: [unique, { not_null: { severity: warn } }] }]';
    const dataset = await load({ 'silver/v.sql': sqlFile(`materialized: view\n${tests}`, SELECT), 'silver/t.sql': sqlFile(`materialized: table\n${tests}`, SELECT) });
    expect(dataset.models.map(({ dataTests }) => dataTests.map(({ kind, onFail }) => [kind, onFail]))).toEqual([
      [['unique', 'error'], ['not_null', 'warn']],
      [['unique', 'error'], ['not_null', 'warn']],
    ]);
  });
});

describe('what is wrong with a data test', () => {
  const NONE = 'which is no output column';
  it.each<[string, string[]]>([
    ['[uniqe]', ['7:18: data_tests knows not_null, unique, accepted_values, in_range, matches, relationships, freshness, row_count_change, not uniqe; did you mean unique?']],
    ['[dbt_utils.accepted_range: {}]', [expect.stringMatching(/^7:18: .* not dbt_utils\.accepted_range; write `in_range: \{ min: 0, max: 1 \}`$/) as unknown as string]],
    ['[1]', ['7:18: data_tests must be text, is the number 1']],
    ['[not_null: warn]', ['7:28: data_tests.not_null must be a mapping `key: value`, is the text "warn"']],
    ['\n      - not_null:\n        severity: warn', ['9:9: data_tests: the settings of not_null belong one level deeper, under `not_null:`']],
    ['[not_null: { sevrity: warn }]', ['7:30: unknown key sevrity; did you mean severity?']],
    ['[not_null: { config: { limit: 3 } }]', ['7:40: unknown key limit; known are name, on_fail, severity, error_above, error_if, warn_above, warn_if, where']],
    ['[not_null: { severity: wran }]', ['7:40: severity must be one of error, warn, is wran; did you mean warn?']],
    ['[not_null: { severity: warn, config: { severity: error } }]', ['7:56: severity is given twice']],
    ['[not_null: { severity: warn, on_fail: warn }]', ['7:40: severity and on_fail say the same thing; give one of them']],
    ['[not_null: { error_above: -1 }]', ['7:43: error_above must be a whole number from 0 on, is -1']],
    ['[not_null: { error_above: 1.5 }]', ['7:43: error_above must be a whole number from 0 on, is 1.5']],
    ['[not_null: { error_if: "= 5" }]', ['7:40: error_if must be of the form ">10" or ">=10", is "= 5"; error_above takes the number alone']],
    ['[not_null: { error_if: ">=0" }]', ['7:40: error_if must be of the form ">10" or ">=10", is ">=0"; error_above takes the number alone']],
    ['[not_null: { warn_if: ">1", warn_above: 1 }]', ['7:39: warn_if and warn_above say the same thing; give one of them']],
    ['[not_null: { severity: warn, error_above: 1 }]', ['7:59: a test that only warns has no threshold for errors; remove it, or say `severity: error`']],
    ['[not_null: { on_fail: quarantine, warn_above: 1 }]', ['7:63: a row rule that diverts rows has no threshold: no guilty row reaches the table']],
    ['[unique: { on_fail: quarantine }]', [expect.stringMatching(/^7:37: `on_fail: quarantine` is for not_null, accepted_values, in_range and matches/) as unknown as string]],
    ['[not_null: { name: Not Null }]', ["7:36: the test's name Not Null must be lower-case letters, digits and _, and not begin with a digit"]],
    ['[not_null, not_null]', ['7:28: the data test not_null_silver_m_line is there already, at sql/t/silver/m.sql:7:18; give one of them a `name` of its own']],
    ['[accepted_values]', ['7:18: values is missing: a list of at least one value']],
    ['[accepted_values: { values: [] }]', ['7:37: values is missing: a list of at least one value']],
    ['[accepted_values: { values: [a, null] }]', ['7:49: values must be text, a number or true or false, is empty']],
    ['[accepted_values: { values: [a, b, a] }]', ['7:52: values names a twice']],
    ['[accepted_values: { values: [12345678901234567890] }]', ['7:46: values: 12345678901234567000 has more digits than YAML keeps; write it in quotes']],
    ['[in_range]', ['7:18: in_range needs min or max, or both']],
    ['[in_range: { min: 2, max: 1 }]', ['7:35: min 2 is above max 1: no value is in range']],
    ['[in_range: { min: .nan }]', ['7:35: min must be a finite number, is NaN']],
    ['[in_range: { max: true }]', ['7:35: max must be a number, or text for a value of another type such as a date']],
    ['[matches]', ['7:18: pattern is missing: a regular expression of PostgreSQL']],
    ['[matches: { pattern: 1 }]', ['7:38: pattern must be text, is the number 1']],
    ['[relationships: { to: silver.n }]', ['7:18: field is missing: the column of that relation']],
    ['[relationships: { to: bronze.row, field: id }]', ['7:39: relationships: no source, seed or model of this dataset owns bronze.row; did you mean bronze.raw?']],
    ["[relationships: { to: ref('raw'), field: id }]", ["7:39: relationships: no source, seed or model of this dataset owns ref('raw'); a relation is named by schema and name, as in silver.stg_readings"]],
    ['[relationships: { to: bronze.raw, field: lin }]', ['7:58: relationships: bronze.raw has no column lin; did you mean line?']],
    ['[row_count_change: { max_increase: 50% }]', ['7:18: row_count_change looks at the whole model; put it under the data_tests of the model, not of a column']],
    ['[not_null: { column: id }]', [expect.stringMatching(/^7:30: unknown key column; known are /) as unknown as string]],
    ['[not_null: { where: "" }]', ['7:38: where: there is no condition']],
    ['[not_null: { where: "devic = 1 or lne is null" }]', [`7:38: where names devic, ${NONE}; did you mean device?`, `7:51: where names lne, ${NONE}; did you mean line?`]],
    ['[not_null: { where: "device = = 1" }]', ['7:47: where: syntax error at or near "="']],
    ['[not_null: { where: "true) or (true" }]', ['7:42: where: syntax error at or near ")"']],
    ['[not_null: { where: "true order by 1" }]', ['7:52: where: must be one condition, nothing behind it']],
    ['[not_null: { where: "true; select 1" }]', ['7:44: where: one file holds one statement; here begins another']],
    ['[not_null: { where: "true union select 2" }]', ['7:38: where: must be one condition, nothing behind it']],
    ['[not_null: { where: "id in (select id from bronze.raw)" }]', ['7:38: where: a sub-select would make each row depend on other rows; write a SELECT in tests/']],
    ['[not_null: { where: "max(id) > 1" }]', ['7:38: where: an aggregate looks at several rows; write a SELECT in tests/']],
    ['[not_null: { where: "rank() over () > 1" }]', ['7:38: where: a window function looks at several rows; write a SELECT in tests/']],
    ['[not_null: { where: "id > $1" }]', ['7:43: where: $1: a model has no parameters, those of an endpoint are written :name']],
    ['[not_null: { where: "m.id > 1" }]', ['7:38: where: m.id: name the column alone']],
    ['[not_null: { where: "pg_sleep(1) is null" }]', [expect.stringMatching(/^7:38: where: the function pg_sleep is refused/) as unknown as string]],
  ])('under a column: %s', async (written, problems) => {
    expect((await problemsOf(model(written))).map((message) => message.replace(/^silver\/m\.sql:/, ''))).toEqual(problems);
  });

  it.each<[string, string[]]>([
    ['[unique]', ['8:14: columns is missing: those whose values together are unique']],
    ['[unique: { columns: [id, x] }]', [`8:38: unique names x, ${NONE}`]],
    ['[unique: { columns: [id, id] }]', ['8:38: columns names id twice']],
    ['[not_null]', ['8:14: column is missing: which column this looks at']],
    ['[not_null: { column: lin }]', [`8:34: not_null names lin, ${NONE}; did you mean line?`]],
    ['[not_null: { column: _run_id }]', [`8:34: not_null names _run_id, ${NONE}`]],
    ['[row_count_change]', ['8:14: row_count_change needs max_increase or max_decrease, as in `max_decrease: 50%`']],
    ['[row_count_change: { max_increase: 0.5 }]', ['8:48: max_increase must be text, is the number 0.5']],
    ['[row_count_change: { max_increase: half }]', ['8:48: max_increase must be a share such as 50%, is half']],
    ['[row_count_change: { max_decrease: 150% }]', ['8:34: max_decrease is at most 100%: no table loses more rows than it has']],
    ['[row_count_change: { max_decrease: 50%, where: "true" }]', ['8:53: row_count_change counts every row; it has no `where`']],
    ['[row_count_change: { max_decrease: 50%, warn_above: 1 }]', ['8:14: row_count_change counts no rows that fail, so it has no threshold of rows']],
    ['[freshness: { column: received_at }]', ['8:14: freshness needs warn_after or error_after, as in `error_after: 1d`']],
    ['[freshness: { column: received_at, warn_after: 2d, error_after: 1d }]', ['8:48: warn_after is longer than error_after, so it never warns']],
    ['[freshness: { column: received_at, error_after: 2d, severity: warn }]', ['8:48: a test that only warns has no error_after; remove it, or say `severity: error`']],
    ['[freshness: { column: received_at, warn_after: soon }]', ['8:60: warn_after must be a time such as 500ms, 2s or 1m, from 1s to 3650d, is soon']],
    ['[freshness: { column: received_at, warn_after: { count: 1, period: fortnight } }]', ['8:80: period must be one of minute, hour, day, is fortnight']],
  ])('under the model: %s', async (written, problems) => {
    expect((await problemsOf(model('[]', written))).map((message) => message.replace(/^silver\/m\.sql:/, ''))).toEqual(problems);
  });

  it('a row rule that diverts belongs to a row-wise model', async () => {
    const rule = 'columns: [{ name: id, data_tests: [not_null: { on_fail: quarantine }] }]';
    const merge = `${APPEND.replace('append', 'merge')}\nunique_key: id\n${rule}`;
    expect(await problemsOf({ 'silver/a.sql': sqlFile(`${APPEND}\n${rule}`, SELECT), 'silver/b.sql': sqlFile(merge, SELECT) })).toEqual([]);
    const problem = (file: string, line: number, what: string): string =>
      `${file}:${line}:36: \`on_fail: quarantine\` puts single input rows aside, which only append and merge models have; ${file.replace('/', '.').replace('.sql', '')} is ${what}. Test the model it reads, or say \`on_fail: error\` or \`warn\``;
    const sums = `materialized: incremental\nincremental_strategy: accumulate\nincrement_on: bronze.raw\nunique_key: id\naccumulate: { n: sum }\n${rule}`;
    expect(
      await problemsOf({
        'silver/a.sql': sqlFile(`materialized: view\n${rule}`, SELECT),
        'silver/b.sql': sqlFile(`materialized: table\n${rule}`, SELECT),
        'silver/c.sql': sqlFile(sums, 'select id, count(*) as n from bronze.raw group by id'),
        'silver/d.sql': sqlFile(`${APPEND.replace('append', 'delete+insert')}\ntouch_key: id\n${rule}`, SELECT),
      }),
    ).toEqual([
      problem('silver/a.sql', 3, 'a view'),
      problem('silver/b.sql', 3, 'a table computed as a whole'),
      problem('silver/c.sql', 7, 'an accumulate model'),
      problem('silver/d.sql', 6, 'a delete+insert model'),
    ]);
  });

  it('row_count_change belongs to what a run writes', async () => {
    const test = 'data_tests: [row_count_change: { max_decrease: 10% }]';
    expect(await problemsOf({ 'silver/a.sql': sqlFile(`materialized: view\n${test}`, SELECT), 'silver/b.sql': sqlFile(`materialized: table\n${test}`, SELECT) })).toEqual([
      'silver/a.sql:3:14: row_count_change compares before and after a run; silver.a is a view, which no run writes',
    ]);
  });
});

describe('a SELECT of tests/', () => {
  const MODEL = { 'silver/m.sql': sqlFile(APPEND, SELECT) };

  it('is read with and without a header', async () => {
    const header = 'description: None is too long.\nseverity: warn\nwarn_above: 2\ntags: [lines]';
    const dataset = await load({ ...MODEL, 'tests/long.sql': sqlFile(header, 'select id from silver.m where length(line) > 9;\n'), 'tests/plain.sql': '\uFEFF-- why\nselect 1, 2 from bronze.raw\n' });
    const terms = { onFail: 'error', errorAbove: 0, warnAbove: 0, tags: [], description: '' };
    expect(dataset.dataTests).toEqual([
      {
        ...{ name: 'long', file: 'sql/t/tests/long.sql', description: 'None is too long.', onFail: 'warn', errorAbove: 0, warnAbove: 2, tags: ['lines'] },
        query: expect.objectContaining({ text: 'select id from silver.m where length(line) > 9', mentions: [expect.objectContaining({ relation: 'silver.m' })] }) as unknown,
      },
      { ...terms, name: 'plain', file: 'sql/t/tests/plain.sql', query: expect.objectContaining({ text: 'select 1, 2 from bronze.raw', offset: 8 }) as unknown },
    ]);
  });

  it.each<[string, string[]]>([
    ['select 1 from silver.n', ['1:15: no source, seed or model owns silver.n; did you mean silver.m?']],
    ['select 1\nfrom rwa', ['2:6: rwa is no WITH query; name a table with its schema, as in bronze.raw']],
    ['select 1\nfrom m', ['2:6: m is no WITH query; name a table with its schema, as in silver.m']],
    ['delete from silver.m', ['1:1: must be a SELECT']],
    ['select', []],
    ['', ['1:1: the SELECT is missing']],
    [sqlFile('materialized: view', 'select 1 from silver.m'), ['2:1: unknown key materialized; known are arguments, config, on_fail, severity, error_above, error_if, warn_above, warn_if, description, tags']],
    [sqlFile('on_fail: quarantine', 'select 1 from silver.m'), [expect.stringMatching(/^2:10: `on_fail: quarantine` is for not_null/) as unknown as string]],
    ['/* ---\nseverity: warn\n*/ select 1', ['3:1: the header comment must close with --- */ on a line of its own']],
  ])('%j', async (text, problems) => {
    expect((await problemsOf({ ...MODEL, 'tests/x.sql': text })).map((message) => message.replace(/^tests\/x\.sql:/, ''))).toEqual(problems);
  });

  it('has a name no other data test has', async () => {
    const named = sqlFile(`${APPEND}\ndata_tests: [not_null: { column: id, name: whole }]`, SELECT);
    expect(await problemsOf({ 'silver/m.sql': named, 'tests/whole.sql': 'select 1 from silver.m' })).toEqual([
      'tests/whole.sql:1:1: the data test whole is there already, at sql/t/silver/m.sql:5:14; give one of them a `name` of its own',
    ]);
  });

  it('counts in the hash of the dataset by what it finds and what follows', async () => {
    const hash = async (text: string): Promise<string> => (await load({ ...MODEL, 'tests/x.sql': text })).codeHash;
    const plain = await hash('select id from silver.m where id = 1');
    expect(await hash(sqlFile('description: Why.', 'select id\nfrom silver.m where (id = 1) -- one'))).toBe(plain);
    expect(await hash('select id from silver.m where id = 2')).not.toBe(plain);
    expect(await hash(sqlFile('severity: warn', 'select id from silver.m where id = 1'))).not.toBe(plain);
    expect((await load(MODEL)).codeHash).not.toBe(plain);
  });
});

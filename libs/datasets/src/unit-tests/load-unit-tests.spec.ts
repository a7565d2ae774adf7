import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { messagesOf, RAW, sqlFile, withFiles } from '../../test/written-dataset.js';
import { loadDataset } from '../load-dataset.js';
import { loadUnitTests } from './load-unit-tests.js';
import type { UnitTest } from './unit-test.js';

const BASE = {
  ...RAW,
  'silver/stg.sql': sqlFile('materialized: incremental\nincremental_strategy: append\nincrement_on: bronze.raw', "select id, line, device as who from bronze.raw"),
  'silver/sums.sql': sqlFile(
    'materialized: incremental\nincremental_strategy: accumulate\nincrement_on: silver.stg\nunique_key: [who]\naccumulate: { n: count }',
    'select who, count(*) as n from silver.stg group by who',
  ),
  'gold/totals.sql': sqlFile('materialized: incremental\nincremental_strategy: delete+insert\nincrement_on: silver.sums\nunique_key: [who]', 'select who, n from silver.sums'),
  'gold/shown.sql': sqlFile('materialized: view', 'select id, line from silver.stg'),
};

async function read(files: Record<string, string>): Promise<UnitTest[]> {
  const all = Object.fromEntries(Object.entries({ ...BASE, ...files }).map(([name, text]) => [`t/${name}`, text]));
  return withFiles(all, async (sql) => loadUnitTests(sql, await loadDataset(join(sql, 't'))));
}

/** The only test of a file. */
const one = async (text: string): Promise<UnitTest> => (await read({ 'unit/a.yml': text }))[0]!;

/** The problems of a test of silver.stg with these lines, without the file's name. */
async function problemsOf(lines: string, model = 'silver.stg'): Promise<string[]> {
  const text = `unit_tests:\n  - name: a\n    model: ${model}\n${lines.replace(/^/gm, '    ')}`;
  return (await messagesOf(read({ 'unit/a.yml': text }))).map((message) => message.replace(/^unit\/a\.yml:/, ''));
}

describe('unit tests', () => {
  it('are read in the order of files and of tests in them', async () => {
    const test = (name: string): string => `  - { name: ${name}, model: silver.stg, given: [], expect: { rows: [] } }\n`;
    const tests = await read({ 'unit/b.yml': `unit_tests:\n${test('c')}`, 'unit/a.yml': `version: 2\nunit_tests:\n${test('b')}${test('a')}` });
    expect(tests.map(({ name, file, place }) => [name, file, place.line])).toEqual([['b', 'sql/t/unit/a.yml', 3], ['a', 'sql/t/unit/a.yml', 4], ['c', 'sql/t/unit/b.yml', 2]]);
  });

  it('are none where there is no folder', async () => {
    expect(await read({})).toEqual([]);
  });

  it('keep each value as it is written, and where', async () => {
    const test = await one(`
unit_tests:
  - name: a
    description: about values
    model: silver.stg
    given:
      - input: bronze.raw
        rows:
          - {line: 007, device: ~, precision: "", id: 0.10}
          - line: .inf
            device: true
            precision: [1, {a: b}]
            received_at: 2022-04-14
    expect:
      rows: [{line: 1e400, who: -.INF}]
`);
    expect(test).toMatchObject({ name: 'a', description: 'about values', model: 'silver.stg', file: 'sql/t/unit/a.yml' });
    const [first, second] = test.increments[0]!.given[0]!.rows;
    expect([...first!.cells].map(([name, { value }]) => [name, value])).toEqual([['line', '007'], ['device', null], ['precision', ''], ['id', '0.10']]);
    expect([...second!.cells].map(([name, { value }]) => [name, value])).toEqual([['line', 'Infinity'], ['device', 'true'], ['precision', [1, { a: 'b' }]], ['received_at', '2022-04-14']]);
    expect(second!.cells.get('precision')!.place).toEqual({ file: 'sql/t/unit/a.yml', line: 12, column: 24 });
    const { expect: expected } = test.increments[0]!;
    expect(expected!.columns).toEqual(['line', 'who']);
    expect(expected!.rows[0]!.cells.get('line')!.value).toBe('1e400');
    expect(expected!.rows[0]!.cells.get('who')!.value).toBe('-Infinity');
  });

  it('read rows of CSV: an empty field is null, an empty text is quoted, blanks align', async () => {
    const test = await one(`
unit_tests:
  - name: a
    model: silver.stg
    given:
      - input: bronze.raw
        format: csv
        rows: |
          line,      device
          1 V 2.50,  ""

          "a, ""b""",
    expect:
      format: csv
      rows: "line\\nx"
`);
    const rows = test.increments[0]!.given[0]!.rows;
    expect(rows.map(({ cells }) => [...cells].map(([name, { value }]) => [name, value]))).toEqual([[['line', '1 V 2.50'], ['device', '']], [['line', 'a, "b"'], ['device', null]]]);
    expect(rows.map(({ place }) => place.line)).toEqual([10, 12]);
    expect(test.increments[0]!.expect!.rows).toHaveLength(1);
  });

  it('put the expectation behind the last of several increments', async () => {
    const test = await one(`
unit_tests:
  - name: a
    model: gold.totals
    increments:
      - given: [{input: silver.sums, rows: [{who: a}]}, {input: this, rows: [{who: z}]}]
        expect: {rows: [{who: a, _run_id: 1}]}
      - given: [{input: silver.sums, removed: [{who: a}]}]
    expect: {rows: []}
`);
    expect(test.increments.map(({ given, expect: after }) => [given.map(({ relation, rows, removed }) => [relation, rows.length, removed.length]), after?.columns])).toEqual([
      [[['silver.sums', 1, 0], ['gold.totals', 1, 0]], ['who', '_run_id']],
      [[['silver.sums', 0, 1]], []],
    ]);
  });

  it('say what is to be put aside', async () => {
    const test = await one(`
unit_tests:
  - name: a
    model: silver.stg
    given: [{input: bronze.raw, rows: [{line: x}]}]
    expect: {rows: [], quarantined: [{row: {line: x}, reasons: [not_null_x]}, {row: {line: y}, reasons: ['22P02']}]}
`);
    expect(test.increments[0]!.expect!.quarantined!.map(({ cells, reasons }) => [cells.get('line')!.value, reasons])).toEqual([['x', ['not_null_x']], ['y', ['22P02']]]);
  });

  const GIVEN = 'given: [{input: bronze.raw, rows: []}]';
  it.each<[string, string, string[]]>([
    ['an unknown key', `${GIVEN}\nexpect: {rows: []}\nexpects: 1`, ['6:5: unknown key expects; did you mean expect?']],
    ['a key of dbt that is not built', `${GIVEN}\nexpect: {rows: []}\noverrides: {}`, ['6:5: overrides is not built yet']],
    ['no given', 'expect: {rows: []}', ['2:5: given is missing: the rows of the inputs; `given: []` when there are none']],
    ['no expectation', GIVEN, ['2:5: expect is missing: the rows of the table after the last increment']],
    ['no rows to expect', `${GIVEN}\nexpect: {}`, ['5:5: expect needs rows; `rows: []` for an empty table']],
    ['given and increments', `${GIVEN}\nincrements: [{${GIVEN}}]\nexpect: {rows: []}`, ['4:5: a test has either `given` or `increments`, each with a `given` of its own']],
    ['two ends', `increments: [{${GIVEN}, expect: {rows: []}}]\nexpect: {rows: []}`, ['5:5: the last increment has an `expect` of its own already']],
    ['no increments', 'increments: []\nexpect: {rows: []}', ['4:5: increments is empty']],
    ['an input the model does not read', 'given: [{input: bronze.rwa, rows: []}]\nexpect: {rows: []}', ['4:21: silver.stg does not read bronze.rwa; did you mean bronze.raw?']],
    ['an input by its dbt name', `given: [{input: "source('x', 'raw')", rows: []}]\nexpect: {rows: []}`, ["4:21: silver.stg does not read source('x', 'raw'); did you mean bronze.raw?"]],
    ['an input far from all', 'given: [{input: gold.something, rows: []}]\nexpect: {rows: []}', ['4:21: silver.stg does not read gold.something; it reads bronze.raw']],
    ['an input twice', `given: [{input: bronze.raw, rows: []}, {input: bronze.raw, rows: []}]\nexpect: {rows: []}`, ['4:52: bronze.raw is given twice in one increment']],
    ['a column the input has not', 'given: [{input: bronze.raw, rows: [{line: a, devise: b}]}]\nexpect: {rows: []}', ['4:58: bronze.raw has no column devise; did you mean device?']],
    ['a bronze row without its line', 'given: [{input: bronze.raw, rows: [{device: a}]}]\nexpect: {rows: []}', ['4:41: a row of bronze.raw needs its line']],
    ["the engine's own column", 'given: [{input: bronze.raw, rows: [{line: a, ingest_xid: 1}]}]\nexpect: {rows: []}', ["4:62: ingest_xid of bronze.raw is the engine's own; a unit test does not give it"]],
    ['a column the result has not', `${GIVEN}\nexpect: {rows: [{lien: a}]}`, ['5:28: silver.stg has no column lien; did you mean line?']],
    ['no rows', 'given: [{input: bronze.raw}]\nexpect: {rows: []}', ['4:13: rows is missing']],
    ['rows removed from what only grows', 'given: [{input: bronze.raw, rows: [], removed: [{line: a}]}]\nexpect: {rows: []}', ['4:43: rows of bronze.raw never go one by one; removed is for inputs that are read by increment and whose rows change']],
    ['`this` later', `increments: [{${GIVEN}}, {given: [{input: this, rows: []}]}]\nexpect: {rows: []}`, ['4:77: `this` is given before the first increment only']],
    ['CSV with a short row', 'given:\n- input: bronze.raw\n  format: csv\n  rows: |\n    line,device\n    a,b\n    c\nexpect: {rows: []}', ['10:1: the row has 1 fields, the first line 2']],
    ['CSV that names a column twice', 'given:\n- input: bronze.raw\n  format: csv\n  rows: |\n    line,line\nexpect: {rows: []}', ['8:1: the CSV names the column line twice']],
    ['text without a format', 'given: [{input: bronze.raw, rows: "a"}]\nexpect: {rows: []}', ['4:39: rows must be a mapping `key: value`, is the text "a"']],
  ])('%s is reported at its place', async (_what, lines, problems) => {
    expect(await problemsOf(lines)).toEqual(problems);
  });

  it.each<[string, string, string[]]>([
    ['an unknown model', 'silver.stgg', ['3:12: no model owns silver.stgg; did you mean silver.stg?']],
    ['a model by its bare name', 'totals', ['3:12: no model owns totals; did you mean gold.totals?']],
  ])('%s is reported with the nearest', async (_what, model, problems) => {
    expect(await problemsOf(`${GIVEN}\nexpect: {rows: []}`, model)).toEqual(problems);
  });

  it('of a view have no rows before, and no run that wrote them', async () => {
    const lines = 'given: [{input: this, rows: []}]\nexpect: {rows: [{_run_id: 1}]}';
    expect(await problemsOf(lines, 'gold.shown')).toEqual(['4:21: gold.shown is a view: it holds nothing before', expect.stringMatching(/^5:\d+: gold\.shown has no column _run_id/)]);
  });

  it('expect rows aside of row-wise models only', async () => {
    expect(await problemsOf('given: []\nexpect: {rows: [], quarantined: []}', 'silver.sums')).toEqual(['5:24: silver.sums is not row-wise (append, merge): no row of it is put aside']);
  });

  it('say the reasons of every row aside or of none', async () => {
    expect(await problemsOf('given: []\nexpect: {rows: [], quarantined: [{row: {line: x}}, {row: {line: y}, reasons: [z]}]}')).toEqual(['5:45: quarantined says the reasons of every row or of none']);
  });

  it('have one name each', async () => {
    const test = '  - { name: a, model: silver.stg, given: [], expect: { rows: [] } }\n';
    expect(await messagesOf(read({ 'unit/a.yml': `unit_tests:\n${test}`, 'unit/b.yml': `unit_tests:\n${test}` }))).toEqual(['unit/b.yml:2:13: the name a is taken already, at sql/t/unit/a.yml:2:13']);
  });

  it('are reported all at once', async () => {
    const messages = await messagesOf(read({ 'unit/a.yml': 'unit_test: []', 'unit/b.yml': 'unit_tests:\n  - model: x\n' }));
    expect(messages).toEqual([
      'unit/a.yml:1:1: unit_tests is missing: a list of tests',
      'unit/a.yml:1:1: unknown key unit_test; did you mean unit_tests?',
      'unit/b.yml:2:5: name is missing: what messages call the test',
      'unit/b.yml:2:12: no model owns x',
    ]);
  });
});

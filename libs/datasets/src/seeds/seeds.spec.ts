import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { load, problemsOf, sqlFile } from '../../test/written-dataset.js';
import { Problems } from '../problem.js';
import { readCsv, type CsvTable } from './csv-table.js';
import { inferType, isNoValueOf } from './value-types.js';

const CSV = 'device_type,limit,since\nmeter,2.5,2022-04-14\n"pump, ""old""",,2021-01-01\n';

async function seedOf(csv: string | Buffer, yml?: string) {
  const dataset = await load({ 'seeds/types.csv': csv, ...(yml === undefined ? {} : { 'seeds/types.yml': yml }) });
  return dataset.seeds[0]!;
}

describe('a seed', () => {
  it('has the columns of its first line, with types from the values', async () => {
    const seed = await seedOf(CSV);
    expect(seed).toMatchObject({
      ...{ relation: 'seeds.types', file: 'sql/t/seeds/types.csv', description: '', tags: [], uniqueKey: [], dataTests: [] },
      columns: [
        { name: 'device_type', dataType: 'text', place: { file: 'sql/t/seeds/types.csv', line: 1, column: 1 } },
        { name: 'limit', dataType: 'numeric', place: { line: 1, column: 13 } },
        { name: 'since', dataType: 'date', place: { line: 1, column: 19 } },
      ],
      rows: [['meter', '2.5', '2022-04-14'], ['pump, "old"', null, '2021-01-01']],
    });
  });

  it('takes what its YAML file says of it', async () => {
    const seed = await seedOf(
      CSV,
      `description: What each device is.
tags: [devices]
unique_key: device_type
columns:
  - { name: limit, data_type: double precision, description: Its limit, data_tests: [in_range: { min: 0 }] }
data_tests:
  - unique: { columns: [device_type] }
`,
    );
    expect(seed).toMatchObject({
      ...{ description: 'What each device is.', tags: ['devices'], uniqueKey: ['device_type'] },
      columns: [{ name: 'device_type', dataType: 'text' }, { name: 'limit', dataType: 'double precision', description: 'Its limit', place: { file: 'sql/t/seeds/types.yml' } }, { name: 'since' }],
      dataTests: [
        { kind: 'in_range', relation: 'seeds.types', column: 'limit', name: 'in_range_seeds_types_limit' },
        { kind: 'unique', relation: 'seeds.types', columns: ['device_type'] },
      ],
    });
  });

  it.each<[string, string, (string | null)[][]]>([
    ['an empty field is null, in quotes an empty text', 'a,b\n,""\n', [[null, '']]],
    ['byte order mark, CRLF and no last line end', '\uFEFFa,b\r\n1,2\r\n3,4', [['1', '2'], ['3', '4']]],
    ['line ends, commas and quotes in quotes', 'a,b\n"x\ny, ""z""",1\n', [['x\ny, "z"', '1']]],
    ['empty lines are skipped', 'a,b\n\n1,2\n\n', [['1', '2']]],
    ['blanks are kept', 'a,b\n x , y\n', [[' x ', ' y']]],
    ['a header alone', 'a,b\n', []],
  ])('%s', async (_what, csv, rows) => {
    const seed = await seedOf(csv);
    expect([seed.columns.map(({ name }) => name), seed.rows]).toEqual([['a', 'b'], rows]);
  });

  it('is read as a lookup, by models and by relationships', async () => {
    const append = 'materialized: incremental\nincremental_strategy: append\nincrement_on: bronze.raw\nlookups: seeds.types';
    const header = `${append}\ncolumns: [{ name: kind, data_tests: [relationships: { to: seeds.types, field: device_type }] }]`;
    const select = 'select r.id, t.device_type as kind from bronze.raw as r left join seeds.types as t on t.device_type = r.device';
    expect(await problemsOf({ 'seeds/types.csv': CSV, 'silver/m.sql': sqlFile(header, select) })).toEqual([]);
    const increment = append.replace('on: bronze.raw', 'on: seeds.types').replace('lookups: seeds.types', 'lookups: bronze.raw');
    expect(await problemsOf({ 'seeds/types.csv': CSV, 'silver/m.sql': sqlFile(increment, select) })).toEqual([
      'silver/m.sql:4:15: increment_on: seeds.types is a seed, which has no increment: name it under lookups',
    ]);
    expect(await problemsOf({ 'seeds/types.csv': CSV, 'silver/m.sql': sqlFile('materialized: view', 'select device_type from seeds.type') })).toEqual([
      'silver/m.sql:4:25: no source, seed or model owns seeds.type; did you mean seeds.types?',
    ]);
  });

  it('counts in the hash of the dataset by its rows, types and tests, not by its description or layout', async () => {
    const hashes = async (csv: string, yml: string) => {
      const dataset = await load({ 'seeds/types.csv': csv, 'seeds/types.yml': yml });
      return { seed: dataset.seeds[0]!.codeHash, dataset: dataset.codeHash };
    };
    const before = await hashes(CSV, 'description: a');
    expect(await hashes(`${CSV.replace('meter', '"meter"')}\n`, 'description: b\ntags: [x]')).toEqual(before);
    for (const [csv, yml] of [[CSV.replace('2.5', '2.6'), ''], [CSV.replace(',,', ',"",'), 'columns: [{ name: limit, data_type: text }]'], [CSV, 'unique_key: since']] as const) {
      const after = await hashes(csv, yml || 'description: a');
      expect(after.seed).not.toBe(before.seed);
      expect(after.dataset).not.toBe(before.dataset);
    }
    const tested = await hashes(CSV, 'columns: [{ name: limit, data_tests: [unique] }]');
    expect(tested.seed).toBe(before.seed);
    expect(tested.dataset).not.toBe(before.dataset);
  });

  it.each<[string, string | Buffer, string | undefined, string[]]>([
    ['a row too short', 'a,b\n1,2\n3\n', undefined, ['types.csv:3:1: the row has 1 field, the first line names 2 columns']],
    ['a row too long', 'a,b\n1,2\n"x, y",4,5,6\n', undefined, ['types.csv:3:10: the row has 4 fields, the first line names 2 columns']],
    ['rows after a field of several lines', 'a,b\n"1\n2",2\n3\n', undefined, ['types.csv:4:1: the row has 1 field, the first line names 2 columns']],
    ['a name twice', 'a,b,a\n', undefined, ['types.csv:1:5: the first line names a twice']],
    ['no name', 'a,,b\n', undefined, ['types.csv:1:3: the column has no name']],
    ['a name that needs quotes', 'a,"B c"\n', undefined, ['types.csv:1:3: the column name B c must be lower-case letters, digits and _, and not begin with a digit']],
    ['another separator', 'a;b\n1;2\n', undefined, ['types.csv:1:1: the column name a;b must be lower-case letters, digits and _, and not begin with a digit; fields are separated by commas']],
    ["the engine's column", 'a,_run_id\n', undefined, ["types.csv:1:3: _run_id is the engine's own column"]],
    ['a quote that stays open', 'a,b\n1,"2"\n\né,"x\n3,4\n', undefined, ['types.csv:4:3: no valid CSV: a quote opens and does not close before the end of the file']],
    ['a quote inside a field', 'a,b\n"1\n2",x"y\n', undefined, ['types.csv:3:4: no valid CSV: a quote inside a field; put the whole field in quotes and double the quotes in it']],
    ['text behind a quote', 'a,b\n\n1,"1"x\n', undefined, ['types.csv:3:3: no valid CSV: text behind a closing quote; double the quotes inside a field']],
    ['nothing', '', undefined, ['types.csv:1:1: the file is empty; its first line names the columns']],
    ['no UTF-8', Buffer.from([0x61, 0x0a, 0xff]), undefined, ['types.csv:1:1: the file is not valid UTF-8']],
    ['too many rows', `a\n${'1\n'.repeat(10_001)}`, undefined, ['types.csv:10002:1: a seed has at most 10000 rows, this one 10001; load larger tables as a source']],
    ['too many bytes', `a\n${'x'.repeat(1_048_576)}`, undefined, ['types.csv:1:1: a seed has at most 1 MiB, this one 1.0 MiB; load larger tables as a source']],
    ['a value of another type', 'é,b\n'.replace('é', 'a') + '"🚀,x",1\n2,y\n3,z\n', 'columns: [{ name: b, data_type: int }]', ['types.csv:3:3: "y" is no int, which b is declared as']],
    ['a value too large', 'a\n32768\n', 'columns: [{ name: a, data_type: smallint }]', ['types.csv:2:1: "32768" is no smallint, which a is declared as']],
    ['a day no month has', 'a\n2022-02-30\n', 'columns: [{ name: a, data_type: date }]', ['types.csv:2:1: "2022-02-30" is no date, which a is declared as']],
    ['a key twice', 'a,b\n1,x\n1,y\n1,x\n', 'unique_key: [b, a]', ['types.csv:4:3: unique_key (b, a): an earlier row has the same values']],
    ['columns it has not', 'a,b\n', 'unique_key: c\ncolumns: [{ name: bb }, { name: b, data_tests: [uniq] }, { name: b }]', [
      'types.yml:1:13: unique_key names c, which the CSV file does not have',
      'types.yml:2:19: columns names bb, which the CSV file does not have',
      'types.yml:2:49: data_tests knows not_null, unique, accepted_values, in_range, matches, relationships, freshness, row_count_change, not uniq; did you mean unique?',
      'types.yml:2:66: columns names b twice',
    ]],
    ['unknown keys', 'a\n', 'colums: []', ['types.yml:1:1: unknown key colums; did you mean columns?']],
    ['a test on a column it has not', 'a\n', 'data_tests: [not_null: { column: b }]', ['types.yml:1:34: not_null names b, which is no output column']],
  ])('reports %s', async (_what, csv, yml, problems) => {
    expect(await problemsOf({ 'seeds/types.csv': csv, ...(yml === undefined ? {} : { 'seeds/types.yml': yml }) })).toEqual(
      problems.map((problem) => `seeds/${problem}`),
    );
  });
});

describe('the type of a column', () => {
  it.each<[string, (string | null)[]]>([
    ['bigint', ['0', '-1', null, '9223372036854775807']],
    ['numeric', ['1', '-0.50', '9223372036854775808']],
    ['text', ['1', '007']],
    ['text', ['1', '']],
    ['text', ['+1']],
    ['text', ['1e5']],
    ['boolean', ['true', 'false']],
    ['text', ['t', 'f']],
    ['text', ['true', '1']],
    ['date', ['2020-02-29', '1999-12-31']],
    ['text', ['2021-02-29']],
    ['text', ['2020-1-1']],
    ['timestamptz', ['2022-04-14T13:10:17Z', '2022-04-14 13:10:17.123456+02', '2022-04-14 13:10-0330']],
    ['text', ['2022-04-14T13:10:17']], // which instant this is depends on a time zone
    ['text', ['2022-02-30T00:00:00Z']],
    ['text', ['2022-04-14', '2022-04-14T00:00:00Z']],
    ['text', [null, null]],
    ['text', []],
  ])('is %s for %j', (dataType, values) => {
    expect(inferType(values)).toBe(dataType);
  });

  it('is one that no value contradicts', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String), fc.integer({ min: 0 }).map((n) => `0${n}`), fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') }).map((d) => d.toISOString().slice(0, 10)), fc.string()), { nil: null }), { maxLength: 3 }), (values) => {
        const inferred = { bigint: 'int8', boolean: 'bool' }[inferType(values)] ?? inferType(values);
        for (const value of values) if (value !== null) expect(isNoValueOf(inferred, value)).toBe(false);
      }),
    );
  });

  it('leaves to the database what it cannot tell', () => {
    expect(isNoValueOf('int4', ' 12 ')).toBe(false);
    expect(isNoValueOf('numeric', '1e5')).toBe(false);
    expect(isNoValueOf('float8', 'NaN')).toBe(false);
    expect(isNoValueOf('bool', 'yes')).toBe(false);
    expect(isNoValueOf('date', 'April 14, 2022')).toBe(false);
    expect(isNoValueOf('inet', 'anything')).toBe(false);
    expect(isNoValueOf('uuid', 'anything')).toBe(true);
    expect(isNoValueOf('bool', 'maybe')).toBe(true);
  });
});

describe('readCsv', () => {
  const read = (text: string): { table: CsvTable | undefined; problems: Problems } => {
    const problems = new Problems();
    return { table: readCsv('f.csv', text, problems), problems };
  };
  const field = fc.option(fc.oneof(fc.string(), fc.constantFrom('', 'a,b', '"', '""', 'x\ny', '\r\n', 'é🚀', ' ')), { nil: null });

  it('gives back any rows, and the place of each field', () => {
    const quoted = (value: string | null): string => (value === null ? '' : `"${value.replaceAll('"', '""')}"`);
    // A row of one null would be an empty line, which is skipped.
    fc.assert(
      fc.property(fc.array(fc.tuple(field, field, field), { maxLength: 5 }), fc.constantFrom('\n', '\r\n'), (rows, end) => {
        const lines = ['a,b,c', ...rows.map((row) => row.map(quoted).join(','))];
        const text = lines.join(end) + end;
        const { table, problems } = read(text);
        expect(problems.list).toEqual([]);
        expect(table?.rows).toEqual(rows);
        rows.forEach((row, i) => row.forEach((value, j) => {
          const { line, column } = table!.placeOf(i, j);
          const rest = [...(text.split('\n').slice(line - 1).join('\n'))].slice(column - 1).join('');
          expect(rest.startsWith(quoted(value))).toBe(true);
        }));
      }),
    );
  });

  it('reads or refuses any text, at places inside of it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('"', '""', ',', '\n', '\r\n', 'a', 'b_1', ' ', 'é🚀', '\uFEFF'), { maxLength: 30 }), (parts) => {
        const text = parts.join('');
        const { table, problems } = read(text);
        expect(table === undefined).toBe(problems.size > 0);
        for (const { line, column } of problems.list) expect(column).toBeLessThanOrEqual([...(text.split('\n')[line - 1] ?? '')].length + 1);
      }),
      { numRuns: 1000 },
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import { ADDED, NOT_ADDED, NOT_SEEN, READERS } from '../../test/added-columns-cases.js';
import { load, sqlFile } from '../../test/written-dataset.js';
import type { Query } from '../dataset.js';
import { parseSelect } from '../parser.js';
import { addsColumnsOnly, compareModel } from './model-change.js';
import { readsAddedColumns } from './reads-added-columns.js';

const HEADER = `
description: sums
materialized: incremental
incremental_strategy: accumulate
increment_on: silver.s
unique_key: [day, device]
accumulate: { n: count, total: sum }
columns:
  - name: day
    description: the day
    data_type: date
  - name: device
    data_tests: [not_null]
`;
const SELECT = 'select day, device, count(*) as n, sum(v) as total from silver.s where v > 0 group by 1, 2';
const BEFORE = sqlFile(HEADER, SELECT);
const header = (from: string, to: string): string => {
  expect(HEADER).toContain(from);
  return sqlFile(HEADER.replace(from, to), SELECT);
};
const select = (text: string): string => sqlFile(HEADER, text);

describe('compareModel', () => {
  it.each<[string, string | undefined, string, string, readonly string[]]>([
    ['no file before', undefined, BEFORE, 'new', []],
    ['the same file', BEFORE, BEFORE, 'none', []],
    ['a comment in the SELECT', BEFORE, select(SELECT.replace('from', '/* why */ from')), 'formatting', []],
    ['layout, case and a closing semicolon', BEFORE, select(`\n${SELECT.replace('select', 'SELECT').replaceAll(',', '\n ,')};\n`), 'formatting', []],
    ['parentheses', BEFORE, select(SELECT.replace('v > 0', '((v) > (0))')), 'formatting', []],
    ['a comment in the header', BEFORE, header('unique_key', '# why\nunique_key'), 'formatting', []],
    ['the order of header keys and of a key', BEFORE, header('unique_key: [day, device]\naccumulate: { n: count, total: sum }', 'accumulate: { total: sum, n: count }\nunique_key: [device, day]'), 'formatting', []],
    ['one as a list of one', BEFORE, header('silver.s', '[silver.s]'), 'formatting', []],
    ['a key without a value', BEFORE, header('unique_key', 'tags:\nunique_key'), 'formatting', []],
    ['the description', BEFORE, header('sums', 'totals'), 'description', ['description']],
    ["a column's description", BEFORE, header('the day', 'UTC day'), 'description', ['columns.day.description']],
    ['a data type', BEFORE, header('data_type: date', 'data_type: text'), 'header', ['columns.day.data_type']],
    ['a type and a description', BEFORE, header('the day\n    data_type: date', 'UTC day'), 'header', ['columns.day.data_type', 'columns.day.description']],
    ['a data test', BEFORE, header('[not_null]', '[not_null, unique]'), 'header', ['columns.device.data_tests']],
    ['a key', BEFORE, header('[day, device]', '[day]'), 'header', ['unique_key']],
    ['a column less in the header', BEFORE, header('  - name: device\n    data_tests: [not_null]\n', ''), 'header', ['columns.device', 'columns.device.data_tests']],
    ['the WHERE', BEFORE, select(SELECT.replace('> 0', '>= 0')), 'sql', []],
    ['the order of outputs', BEFORE, select('select device, day, count(*) as n, sum(v) as total from silver.s where v > 0 group by 2, 1'), 'sql', []],
    ['SELECT and header', BEFORE, header('sums', 'totals').replace('> 0', '> 1'), 'sql', ['description']],
    ['a file that this release cannot read', 'select 1', BEFORE, 'sql', []],
    ['SQL that this release cannot read', select('select frm'), BEFORE, 'sql', []],
  ])('%s', (_what, before, after, kind, headerKeys) => {
    expect(compareModel(before, after)).toMatchObject({ kind, headerKeys });
  });

  it('agrees with the hash of the code', async () => {
    const inputs = { 'silver/s.sql': sqlFile('materialized: incremental\nincremental_strategy: append\nincrement_on: bronze.raw', "select received_at::date as day, device, id::numeric as v from bronze.raw") };
    const hashOf = async (text: string): Promise<string> => (await load({ ...inputs, 'gold/m.sql': text })).models.find(({ relation }) => relation === 'gold.m')!.codeHash;
    const before = await hashOf(BEFORE);
    for (const same of [header('sums', 'totals'), select(`${SELECT} -- a comment`), header('the day', 'UTC day'), header('[day, device]', '[device, day]')]) {
      expect(['description', 'formatting']).toContain(compareModel(BEFORE, same).kind);
      expect(await hashOf(same)).toBe(before);
    }
    const other = select(SELECT.replace('> 0', '> 1'));
    expect([compareModel(BEFORE, other).kind, (await hashOf(other)) === before]).toEqual(['sql', false]);
  });
});

describe('addsColumnsOnly', () => {
  const plain = (text: string): string => sqlFile('materialized: view', text);

  it.each(ADDED)('sees columns added: %s', (_what, before, after, added) => {
    expect(addsColumnsOnly(plain(before), plain(after))).toEqual(added);
  });

  it.each([...NOT_ADDED, ...NOT_SEEN])('does not when %s', (_what, before, after) => {
    expect(addsColumnsOnly(plain(before), plain(after))).toBeUndefined();
  });

  const grown = SELECT.replace('as total', 'as total, max(v) as most');
  const ruled = HEADER.replace('[not_null]', '[{ not_null: { on_fail: quarantine } }]');
  const withHeader = (...changes: [string, string][]): string => sqlFile(changes.reduce((text, [from, to]) => text.replace(from, to), ruled), grown);
  it.each<[string, readonly string[] | undefined, [string, string][]]>([
    ['accumulate lists the added column', ['most'], [['total: sum', 'total: sum, most: max']]],
    ['the header describes the added column', ['most'], [['total: sum', 'total: sum, most: max'], ['columns:', 'columns:\n  - name: most\n    data_type: numeric\n    data_tests: [not_null]']]],
    ['descriptions, tags and indexes change too', ['most'], [['total: sum', 'total: sum, most: max'], ['sums', 'totals'], ['columns:', 'tags: [x]\nindexes: [[day]]\ncolumns:']]],
    ['accumulate changes for a column of before', undefined, [['total: sum', 'total: max, most: max']]],
    ['the key changes', undefined, [['total: sum', 'total: sum, most: max'], ['[day, device]', '[day]']]],
    ['a row rule diverts by the added column', undefined, [['total: sum', 'total: sum, most: max'], ['columns:', 'columns:\n  - name: most\n    data_tests: [{ not_null: { on_fail: quarantine } }]']]],
    ['a row rule of before goes', undefined, [['total: sum', 'total: sum, most: max'], ['[{ not_null: { on_fail: quarantine } }]', '[]']]],
  ])('with a header: %s', (_what, added, changes) => {
    const [before, after] = [sqlFile(ruled, SELECT), withHeader(...changes)];
    expect(addsColumnsOnly(before, after)).toEqual(added);
    expect(compareModel(before, after).addedColumns).toEqual(added);
  });
});

describe('readsAddedColumns', () => {
  const query = (text: string): Query => ({ text, file: 'm.sql', offset: 0, fileText: text, mentions: parseSelect(text).mentions });
  const reasons = { all: 'reads every column of silver.p', renames: 'renames the columns of silver.p by position', bare: 'names x without its table, which silver.p now has too' };

  it.each(READERS)('%s', (text, reason) => {
    expect(readsAddedColumns(query(text), 'silver.p', ['x', 'y'])).toBe(reason === undefined ? undefined : reasons[reason]);
  });
});

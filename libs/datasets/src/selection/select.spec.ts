import { beforeAll, describe, expect, it } from '@jest/globals';
import { load, sqlFile } from '../../test/written-dataset.js';
import type { Dataset, QueryTest } from '../dataset.js';
import { parseSelect } from '../parser.js';
import { select } from './select.js';

const view = (text: string): string => sqlFile('materialized: view', text);

// raw -> stg -> daily -> power -> report; stg -> wide -> report; the seed types -> wide
const FILES = {
  'silver/stg.sql': sqlFile('materialized: incremental\nincremental_strategy: append\nincrement_on: bronze.raw\ncolumns: [{ name: id, data_tests: [not_null] }]', 'select id, line from bronze.raw'),
  'silver/daily.sql': view('select id from silver.stg'),
  'silver/wide.sql': view('select id from silver.stg'),
  'gold/power.sql': view('select id from silver.daily'),
  'gold/report.sql': view('select id from gold.power union all select id from silver.wide'),
};

describe('select', () => {
  let datasets: Dataset[];

  beforeAll(async () => {
    const dataset = await load(FILES);
    const tags: Record<string, string[]> = { 'silver.daily': ['nightly', 'sums'], 'gold.power': ['nightly'] };
    const query = (text: string): QueryTest['query'] => ({ text, file: '', offset: 0, fileText: text, mentions: parseSelect(text).mentions });
    const test = { description: '', onFail: 'error' as const, errorAbove: 0, warnAbove: 0, tags: ['slow'] };
    datasets = [
      {
        ...dataset,
        seeds: [{ relation: 'seeds.types', file: 'sql/t/seeds/types.csv', description: '', tags: [], columns: [], uniqueKey: [], dataTests: [], rows: [], codeHash: '' }],
        models: dataset.models.map((model) => ({
          ...model,
          tags: tags[model.relation] ?? [],
          query: model.relation === 'silver.wide' ? query('select id from silver.stg, seeds.types') : model.query,
        })),
        dataTests: [{ ...test, name: 'power_is_positive', file: 'sql/t/tests/power_is_positive.sql', query: query('select id from gold.power, silver.wide') }],
      },
    ];
  });

  const relations = (terms: string, exclude = ''): string => select(datasets, terms === '' ? [] : [terms], { exclude: exclude === '' ? [] : [exclude] }).relations.map((name) => name.replace(/^(bronze|silver|gold|seeds)\./, '')).join(' ');

  it.each<[string, string]>([
    ['', 'raw types stg daily power wide report'],
    ['*', 'raw types stg daily power wide report'],
    ['stg', 'stg'],
    ['silver.stg', 'stg'],
    ['raw', 'raw'],
    ['seeds.types', 'types'],
    ['silver.*', 'stg daily wide'],
    ['*.d*y', 'daily'],
    ['+power', 'raw stg daily power'],
    ['1+power', 'daily power'],
    ['2+power', 'stg daily power'],
    ['9+power', 'raw stg daily power'],
    ['0+power', 'power'],
    ['daily+', 'daily power report'],
    ['stg+1', 'stg daily wide'],
    ['+daily+', 'raw stg daily power report'],
    ['1+daily+1', 'stg daily power'],
    ['+wide', 'raw types stg wide'],
    ['types+', 'types wide report'],
    ['stg power', 'stg power'],
    ['  power   stg ', 'stg power'],
    ['tag:nightly', 'daily power'],
    ['tag:night*', 'daily power'],
    ['tag:sums+', 'daily power report'],
    ['tag:nightly,silver.*', 'daily'],
    ['+power,stg+', 'stg daily power'],
    ['tag:sums,gold.*', ''],
    ['daily,daily+ types', 'types daily'],
    ['path:sql/t/silver', 'stg daily wide'],
    ['path:./sql/t/silver/', 'stg daily wide'],
    ['path:sql/t/silver/wide.sql+', 'wide report'],
    ['sql/t/gold', 'power report'],
    ['sql/*/gold/p*.sql', 'power'],
    ['path:sql/t/seeds', 'types'],
    ['source:*', 'raw'],
    ['source:raw+1', 'raw stg'],
    ['source:bronze.raw', 'raw'],
    ['power_is_positive', ''],
    ['+power_is_positive', 'raw types stg daily power wide'],
  ])('%j selects %j', (terms, expected) => {
    expect(relations(terms)).toBe(expected);
  });

  it.each<[string, string, string]>([
    ['', 'silver.*', 'raw types power report'],
    ['+report', '+wide', 'daily power report'],
    ['+report', 'tag:nightly,silver.* types', 'raw stg power wide report'],
    ['stg', 'stg', ''],
  ])('%j without %j selects %j', (terms, exclude, expected) => {
    expect(relations(terms, exclude)).toBe(expected);
  });

  it('unites several terms', () => {
    expect(select(datasets, ['stg', 'power raw']).relations).toEqual(['bronze.raw', 'silver.stg', 'gold.power']);
  });

  it('takes the tests that look at what is selected, or those named', () => {
    const tests = (terms: string, exclude: string[] = []): readonly string[] => select(datasets, [terms], { exclude }).tests;
    const notNull = datasets[0]!.models.flatMap(({ dataTests }) => dataTests.map(({ name }) => name))[0]!;
    expect(notNull).toMatch('not_null');
    expect(tests('*')).toEqual([notNull, 'power_is_positive']);
    expect(tests('stg')).toEqual([notNull]);
    expect(tests('wide')).toEqual(['power_is_positive']);
    expect(tests('daily')).toEqual([]);
    expect(tests('tag:slow')).toEqual(['power_is_positive']);
    expect(tests('sql/t/tests')).toEqual(['power_is_positive']);
    expect(tests(`${notNull} power_is_positive`)).toEqual([notNull, 'power_is_positive']);
    expect(tests('*', ['wide'])).toEqual([notNull]);
  });

  it('takes what differs from what was applied', () => {
    const modified = new Set(['silver.daily', 'gold.gone']);
    expect(select(datasets, ['state:modified'], { modified }).relations).toEqual(['silver.daily']);
    expect(select(datasets, ['state:modified+'], { modified }).relations).toEqual(['silver.daily', 'gold.power', 'gold.report']);
    expect(select(datasets, ['state:modified'], { modified: new Set() }).relations).toEqual([]);
    expect(() => select(datasets, ['state:modified'])).toThrow('the selector state:modified compares with what was applied, which this command does not look at');
  });

  it.each<[string, string]>([
    ['dialy', 'the selector dialy matches nothing; did you mean daily?'],
    ['silver.dialy+', 'the selector silver.dialy+ matches nothing; did you mean silver.daily?'],
    ['zzz', 'the selector zzz matches nothing'],
    ['tag:nigthly', 'the selector tag:nigthly matches nothing; did you mean nightly?'],
    ['path:sql/t/silber', 'the selector path:sql/t/silber matches nothing; did you mean sql/t/silver?'],
    ['path:sql/t/sil', 'the selector path:sql/t/sil matches nothing; did you mean sql/t/silver?'],
    ['source:stg', 'the selector source:stg matches nothing'],
    ['source:rwa_', 'the selector source:rwa_ matches nothing'],
    ['stg,zzz', 'the selector zzz matches nothing'],
    ['tga:x', 'the selector tga:x: unknown method tga:; did you mean tag?'],
    ['exposure:x', 'the selector exposure:x: unknown method exposure:; known are name: tag: path: source: state:'],
    ['state:modifed', 'the selector state:modifed: unknown state modifed; did you mean modified?'],
    ['@stg', 'the selector @stg: @ is not built; +stg+ selects what it reads and what reads it'],
    ['tag:', 'the selector tag: says nothing after tag:'],
    ['+', 'the selector "+" names nothing'],
    ['stg,', 'the selector "" names nothing'],
  ])('refuses %j', (terms, message) => {
    expect(() => select(datasets, [terms])).toThrow(new Error(message));
    expect(() => select(datasets, [], { exclude: [terms] })).toThrow(new Error(message));
  });
});

import { describe, expect, it } from '@jest/globals';
import { parseSelect, withoutPositions } from '@ingot/datasets';
import fc from 'fast-check';
import { compileTemplate, fillTemplate, sourceIndex, usedParameters } from './sql-template.js';

const PARAMETERS = [
  { name: 'from', type: 'timestamp' },
  { name: 'date', type: 'date' },
  { name: 'name', type: 'text' },
  { name: 'names', type: 'list', of: 'text' },
  { name: 'ids', type: 'list', of: 'integer' },
  { name: 'low', type: 'number' },
] as const;
const filled = (sql: string, values: Record<string, string | null>): string => fillTemplate(compileTemplate(sql, PARAMETERS).template, new Map(Object.entries(values)));
const tree = (sql: string): unknown => withoutPositions(parseSelect(sql).tree);

describe('fillTemplate', () => {
  it('puts typed literals in the place of names', () => {
    expect(filled('select 1 where a.t >= :from and :name = b or :name is null', { from: '2022-04-14 00:00:00+00', name: "it's" })).toBe(
      "select 1 where a.t >= ('2022-04-14 00:00:00+00'::timestamptz)  and ('it''s'::text)  = b or ('it''s'::text)  is null",
    );
  });

  it('writes null, with its type, for what was not given', () => {
    expect(tree(filled('select :name, :date', {}))).toEqual(tree('select null::text, null::date'));
  });

  it.each([
    ["select x::date, ':name', :name from s.t", "select x::date, ':name', 'v'::text from s.t"],
    ['select :date::date, :name::text::date from s.t', "select '2022-04-14'::date::date, 'v'::text::text::date from s.t"],
    ['select 1 -- :name ?\n, /* :from ? /* :name */ */ :name', "select 1, 'v'::text"],
    ["select $$:name ?$$, $q$ :name $q$, E'\\\\:name\\\\? \\':from', :name", "select ':name ?', ' :name ', E'\\\\:name\\\\? \\':from', 'v'::text"],
    ['select ":name" , ":name?"."a:date" from s.t as ":name?", s.u as ":name" where :name = 1', "select \":name\" , \":name?\".\"a:date\" from s.t as \":name?\", s.u as \":name\" where 'v'::text = 1"],
    ["select j ? 'a', j ?| :name, j ?& b, j @? '$.a ? (@ > 1)' from s.t", "select j ? 'a', j ?| 'v'::text, j ?& b, j @? '$.a ? (@ > 1)' from s.t"],
    ['select a[1 : n], a[:name], f.b[2:3] from s.t f', "select a[1 : n], a['v'::text], f.b[2:3] from s.t f"],
    ["select 'é🚀', :name as é from s.t where '🚀' = :name", "select 'é🚀', 'v'::text as é from s.t where '🚀' = 'v'::text"],
    ["select '\uE000\uE001', :name", "select '\uE000\uE001', 'v'::text"],
    ['select (:name)[1], :name collate "C", - :date', "select ('v'::text)[1], 'v'::text collate \"C\", - ('2022-04-14'::date)"],
    ['select make_interval(days := 1), :name', "select make_interval(days := 1), 'v'::text"],
  ])('touches nothing but the names: %s', (sql, expected) => {
    expect(tree(filled(sql, { name: 'v', date: '2022-04-14' }))).toEqual(tree(expected));
  });

  it('writes lists as arrays of their type', () => {
    expect(tree(filled('select a = any(:names) and b <> all(:ids) or :names is null and c > :low from s.t', { names: '{"a\'b","c\\\\"}', ids: '{"1"}', low: '-0.5' }))).toEqual(
      tree("select a = any('{\"a''b\",\"c\\\\\"}'::text[]) and b <> all('{\"1\"}'::int8[]) or '{\"a''b\",\"c\\\\\"}'::text[] is null and c > '-0.5'::float8 from s.t"),
    );
    expect(tree(filled('select :ids', {}))).toEqual(tree('select null::int8[]'));
  });

  it('keeps any value a value', () => {
    const template = compileTemplate("select name from silver.t where name = :name and ':name' <> :name -- :name\n and t > :from", PARAMETERS).template;
    const nasty = fc.oneof(
      fc.string({ unit: 'grapheme-ascii', maxLength: 40 }),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.string({ unit: fc.constantFrom("'", '\\', '"', ';', '-', '$', '/', '*', ')', '(', ':', '?', '\n', 'E', 'é', '🚀', '\u2019', '\uFF07', '\u0001', '\u0002'), maxLength: 40 }),
      fc.constantFrom("'; drop table silver.t; --", "\\'; select 1; --", "') or true --", "x'::text) or (true", '$1', ':name', '/*', "E'\\''", "' union all select rolpassword from pg_authid --"),
    ).filter((value) => !/[\0\p{Surrogate}]/u.test(value));
    fc.assert(
      fc.property(nasty, (value) => {
        const sql = fillTemplate(template, new Map([['name', value], ['from', '2022-04-14 00:00:00+00']]));
        const constants = JSON.stringify(withoutPositions(parseSelect(sql).tree)).split(JSON.stringify({ sval: value })).length - 1;
        expect(constants).toBeGreaterThanOrEqual(2);
      }),
      { numRuns: 500 },
    );
  });

  it('sends nothing when the tree is not the expected one', () => {
    const { template } = compileTemplate('select :name', PARAMETERS);
    expect(() => fillTemplate({ ...template, holes: template.holes.map((hole) => ({ ...hole, sqlType: 'text) , (1::text' })) }, new Map([['name', 'v']]))).toThrow('it was not sent');
  });
});

describe('sourceIndex', () => {
  it('finds the text as written behind any number of names', () => {
    const word = fc.constantFrom('x', "':name'", '"é🚀"', ':name', ':from', ':ids', '+', ' ', '/* :low */', '::date');
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        const source = `select ${words.map((part) => `(${part.startsWith(':') && !part.startsWith('::') ? part : "'x'"})`).join(' || ')}${words.length > 0 ? ' || ' : ''}marker from s.t`;
        const { template } = compileTemplate(source, PARAMETERS);
        expect(sourceIndex(template, template.text.indexOf('marker'))).toBe(source.indexOf('marker'));
        for (const { start } of template.holes) expect(source[sourceIndex(template, start)]).toBe(':');
      }),
    );
  });
});

describe('compileTemplate', () => {
  it('finds which parameters are used', () => {
    expect([...usedParameters(compileTemplate("select :name, ':from', 1::date", PARAMETERS).template)]).toEqual(['name']);
  });

  it.each([
    ['select :nmae', ':nmae is not under parameters in the header; did you mean name?', 7],
    ['select a[1:n] from s.t', ':n is not under parameters in the header', 10],
    ['select 1; select :name', 'one file holds one statement; here begins another', 10],
    ["select 'abc", 'unterminated', 7],
    ['delete from s.t where a = :name', 'must be a SELECT', 0],
  ])('refuses %s', (sql, message, index) => {
    expect(() => compileTemplate(sql, PARAMETERS)).toThrow(expect.objectContaining({ name: 'StatementError', problems: [{ index, message: expect.stringContaining(message) as unknown }] }));
  });
});

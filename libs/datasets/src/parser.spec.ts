import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalType, parseSelect, trimStatement } from './parser.js';
import { StatementError } from './statement-error.js';

/** The problems of a statement, as `text from the place on: message`. */
function problemsOf(text: string): string[] {
  try {
    parseSelect(text);
  } catch (error) {
    if (error instanceof StatementError) return error.problems.map(({ index, message }) => `${text.slice(index, index + 8)}: ${message}`);
    throw error;
  }
  return [];
}

const relationsOf = (text: string): string[] => parseSelect(text).mentions.map(({ relation, start, end }) => `${relation}@${text.slice(start, end)}`);

describe('parseSelect', () => {
  it('finds the relations wherever they stand', () => {
    expect(
      relationsOf(`with w as (select * from a.b) select (select max(x) from a.c), array(select 1 from a.d) from w
        left join lateral (select * from a.e) l on exists (select from a.f), generate_series(1, (select n from a.g)) s
        where x in (select x from a.h union all select x from a.i) group by (select 1 from a.j) having (select true from a.k)
        order by (select 1 from a.l) limit (select 1 from a.m)`),
    ).toEqual('bcdefghijklm'.split('').map((name) => `a.${name}@a.${name}`));
  });

  it('reads names of WITH queries by scope', () => {
    expect(relationsOf('with t as (select * from silver.t) select * from t')).toEqual(['silver.t@silver.t']);
    expect(relationsOf('with t as (select 1) select * from t, silver.t')).toEqual(['silver.t@silver.t']);
    expect(relationsOf('with recursive t(n) as (select 1 union all select n + 1 from t, a.b where n < 9) select * from t')).toEqual(['a.b@a.b']);
    expect(relationsOf('with recursive u as (select * from t), t as (select * from a.b) select * from u')).toEqual(['a.b@a.b']);
    expect(relationsOf('with t as (select 1) select * from (with t as (select * from a.b) select * from t) x, t')).toEqual(['a.b@a.b']);
    expect(relationsOf('with unread as (select * from a.b) select 1')).toEqual(['a.b@a.b']);
  });

  it('refuses an unqualified name that is no WITH query in scope', () => {
    const message = 't is no WITH query; name a table with its schema, as in silver.t';
    expect(problemsOf('select * from t')).toEqual([`t: ${message}`]);
    expect(problemsOf('with t as (select * from t) select * from t')).toEqual([`t) selec: ${message}`]);
    expect(problemsOf('select * from (with t as (select 1) select * from t) x, t')).toEqual([`t: ${message}`]);
    expect(problemsOf('with u as (select * from t), t as (select 1) select * from u')).toEqual([`t), t as: ${message}`]);
  });

  it('gives positions in UTF-16 units whatever stands before', () => {
    for (const before of ['', 'é', '🚀', '日本🚀é']) {
      const text = `select '${before}' as "${before}x" /* ${before} */ from silver . -- ${before}\n "t" where $1 > 0`;
      const { mentions, parameters } = parseSelect(text, { parameters: true });
      expect(mentions.map(({ start, end }) => text.slice(start, end))).toEqual([`silver . -- ${before}\n "t"`]);
      expect(parameters.map(({ start, end, number }) => [text.slice(start, end), number])).toEqual([['$1', 1]]);
      expect(problemsOf(`select '${before}' from silver.t frm x`)).toEqual(['x: syntax error at or near "x"']);
    }
  });

  it('says whether a mention has an alias of its own', () => {
    expect(parseSelect('select * from a.b, a.c x, a.d as x(y)').mentions.map(({ aliased }) => aliased)).toEqual([false, true, true]);
  });

  it('names the functions called', () => {
    expect(parseSelect("select pg_catalog.lower(x), now(), current_date, count(*) from a.b where f in (select max(y) from a.c)").functions).toEqual([
      ...['count', 'current_date', 'lower', 'max', 'now'],
    ]);
  });

  it.each([
    ['update a.b set x = 1', ['update a: must be a SELECT']],
    ['create table a.b ()', ['create t: must be a SELECT']],
    ['select 1; /* two */ select 2', ['select 2: one file holds one statement; here begins another']],
    ['select 1 /* open', ['/* open: unterminated /* comment at or near "/* open"']],
    ["select 'open", ['\'open: unterminated quoted string at or near "\'open"']],
    ['select 1\0', ['\0: a NUL character']],
    ['-- nothing', ['-- nothi: there is no statement']],
    ['select $1', ['$1: $1: a model has no parameters, those of an endpoint are written :name']],
    ['select * into a.c from a.b', ['a.c from: SELECT INTO makes a table; a file is one SELECT that only reads']],
    ['select * from a.b for no key update', ['for no k: FOR UPDATE and FOR SHARE lock rows; a file is one SELECT that only reads']],
    ["select substring('x' for 1) from (select 1 from a.b for share) x", ['for shar: FOR UPDATE and FOR SHARE lock rows; a file is one SELECT that only reads']],
    ['with d as (delete from a.b returning 1) select * from d', ['a.b retu: DELETE in a WITH query changes data; a file is one SELECT that only reads']],
    ['with d as (insert into a.b values (1) returning 1) select 1', ['a.b valu: INSERT in a WITH query changes data; a file is one SELECT that only reads']],
    ['with d as (update a.b set x = 1 returning 1) select 1', ['a.b set : UPDATE in a WITH query changes data; a file is one SELECT that only reads']],
    ['with d as (merge into a.b using a.c on true when matched then delete returning 1) select 1', ['a.b usin: MERGE in a WITH query changes data; a file is one SELECT that only reads']],
    ['select silver.t.x from silver.t', ['silver.t: silver.t.x: the engine puts other text in the place of the relation; give it an alias and write alias.x']],
    ['select silver.t.* from silver.t', ['silver.t: silver.t.*: the engine puts other text in the place of the relation; give it an alias and write alias.*']],
    ['table silver.t', ['table si: TABLE x: write SELECT with its columns']],
    ['select * from only silver.t', ['silver.t: ONLY would leave out the partitions of the table']],
    ['select * from db.silver.t', ['db.silve: db.silver.t: a table is named by schema and name only']],
    ['select * from silver.t tablesample system (1)', ['silver.t: TABLESAMPLE reads other rows each time']],
    ['select * from a.b natural join a.c', ['a.c: NATURAL JOIN would also join on _run_id, which every managed table has; write USING']],
    ["select nextval('x')", ['nextval(: the function nextval is refused: it changes something, or reads what the parse tree does not show']],
    ['select pg_catalog.txid_current()', ['pg_catal: the function txid_current is refused: it changes something, or reads what the parse tree does not show']],
    ["select query_to_xml('select 1', true, true, '')", ['query_to: the function query_to_xml is refused: it changes something, or reads what the parse tree does not show']],
    ['select public.f(1)', ["public.f: the function public.f is not one of PostgreSQL's own: what it reads cannot be seen, so it is not built yet"]],
  ])('refuses %s', (text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
  });

  it('reports all problems of a statement at once', () => {
    expect(problemsOf('select $1, a.b.c from t for update')).toHaveLength(4);
  });

  it('answers any text with a statement or with problems inside the text', () => {
    const words = [...'select from where with as ( ) , . ; * $1 a "é🚀" silver.t join using on lateral union all group by 1 null row ::int order limit over \' "'.split(' '), '\n', '--', '/*', '🚀'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 14 }), (chosen) => {
        const text = `select ${chosen.join(' ')}`;
        try {
          for (const { relation, start, end } of parseSelect(text).mentions) {
            expect(parseSelect(`select * from ${text.slice(start, end)}`).mentions[0]?.relation).toBe(relation);
          }
        } catch (error) {
          if (!(error instanceof StatementError)) throw error;
          for (const { index } of error.problems) expect(index >= 0 && index <= text.length).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses what is too long or too deep, and works on afterwards', () => {
    const tooComplex = [expect.stringMatching('the statement is too long or too deeply nested')];
    expect(problemsOf(`select ${'1+'.repeat(20_000)}1`)).toEqual(tooComplex);
    expect(problemsOf(`select '${'x'.repeat(250_000)}'`)).toEqual(tooComplex);
    const doubling = Array.from({ length: 12 }, (_, i) => `w${i + 1} as (select * from w${i} a, w${i} b)`).join(', ');
    expect(problemsOf(`with w0 as (select 1), ${doubling} select * from w12`)).toEqual(tooComplex);
    expect(problemsOf(`select ${'('.repeat(20_000)}1${')'.repeat(20_000)}`)).toHaveLength(1);
    expect(problemsOf('select 1')).toEqual([]);
  });
});

describe('trimStatement', () => {
  it.each([
    ['/* a */ select 1 ; -- b\n;', 'select 1'],
    ["select ';' -- c", "select ';'"],
    ["\n select 'é🚀' /* in */ as x\n", "select 'é🚀' /* in */ as x"],
  ])('finds the statement in %j', (text, statement) => {
    const trimmed = trimStatement(text)!;
    expect(text.slice(trimmed.start, trimmed.end)).toBe(statement);
  });

  it('finds none where there is none', () => {
    for (const text of ['', ' \n', '-- only a comment', ';;']) expect(trimStatement(text)).toBeUndefined();
  });
});

describe('canonicalType', () => {
  it.each([
    ['double precision', 'float8'],
    ['float8', 'float8'],
    ['timestamp with time zone', 'timestamptz'],
    ['numeric(10, 2)', 'numeric'],
    ['text[]', 'text[]'],
    ['int', 'int4'],
    ['bigint', 'int8'],
    ['int8 as x', undefined],
    ['int8, 2', undefined],
    ['int8 from pg_class', undefined],
    ['int8; drop table x', undefined],
    ['int8 -- x', undefined],
    ['not a type', undefined],
    ['', undefined],
  ])('%j is %s', (text, type) => {
    expect(canonicalType(text)).toBe(type);
  });
});

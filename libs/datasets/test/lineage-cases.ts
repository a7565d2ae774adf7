import type { KnownColumns } from '../src/lineage/lineage.js';

const known = (columns: string): KnownColumns => ({ columns: columns.split(' ').map((name) => ({ name })), complete: true });

/** What the cases read; of `s.open` only a database knows all columns. */
export const TABLES: Readonly<Record<string, KnownColumns>> = {
  's.a': known('k g v t'),
  's.b': known('k h w'),
  's.tree': known('id parent name'),
  's.open': { columns: [{ name: 'k' }], complete: false },
};

/**
 * What is followed, a SELECT, and for each result column what it comes from: `a.k` unchanged, `a.k~` computed, `a.k?` a
 * condition; `rows` is what decides about the rows.
 */
export type LineageCase = readonly [what: string, select: string, expected: Readonly<Record<string, string>>];

export const LINEAGE_CASES: readonly LineageCase[] = [
  ['plain columns and expressions', 'select k, v + 1 as n, 7 as c from s.a', { k: 'a.k', n: 'a.v~', c: '' }],
  ['casts, CASE, COALESCE', "select v::text, case when g = 1 then v else k end as c, coalesce(v, k) from s.a", { v: 'a.v~', c: 'a.g~ a.k~ a.v~', coalesce: 'a.k~ a.v~' }],
  ['aliases of tables and columns', 'select x.k as y from s.a x', { y: 'a.k' }],
  ['column alias lists', 'select p, q, v from s.a as x(p, q)', { p: 'a.k', q: 'a.g', v: 'a.v' }],
  ['WHERE, GROUP BY, HAVING, ORDER BY', 'select k, sum(v) as s from s.a where t > 0 group by k having max(g) > 1 order by 2', { k: 'a.k', s: 'a.v~', rows: 'a.g? a.k? a.t? a.v?' }],
  ['GROUP BY a position, ORDER BY an alias', 'select g + 1 as n, count(*) as c from s.a group by 1 order by n', { n: 'a.g~', c: '', rows: 'a.g?' }],
  ['GROUP BY takes an input column before an output', 'select g + 1 as v, count(*) as c from s.a group by v, g', { v: 'a.g~', c: '', rows: 'a.g? a.v?' }],
  ['ORDER BY takes an output before an input column', 'select g as v from s.a order by v', { v: 'a.g', rows: 'a.g?' }],
  ['LIMIT by a sub-select', 'select k from s.a limit (select max(w) from s.b)', { k: 'a.k', rows: 'b.w?' }],
  ['DISTINCT', 'select distinct k, v from s.a', { k: 'a.k', v: 'a.v', rows: 'a.k? a.v?' }],
  ['DISTINCT ON', 'select distinct on (g) k from s.a order by g, t desc', { k: 'a.k', rows: 'a.g? a.t?' }],
  ['FILTER and the order in an aggregate', 'select sum(v) filter (where g = 1) as f, array_agg(k order by t) as l from s.a', { f: 'a.g? a.v~', l: 'a.k~ a.t?' }],
  ['windows', 'select lag(v) over (partition by g order by t) as p, sum(k) over w as s from s.a window x as (partition by v), w as (x order by t)', { p: 'a.g? a.t? a.v~', s: 'a.k~ a.t? a.v?' }],
  ['a join by ON', 'select a.k, b.w from s.a a join s.b b on b.k = a.k and h > 0', { k: 'a.k', w: 'b.w', rows: 'a.k? b.h? b.k?' }],
  ['a join by WHERE', 'select v, w from s.a, s.b where a.k = b.k', { v: 'a.v', w: 'b.w', rows: 'a.k? b.k?' }],
  ['USING', 'select k, v, w from s.a join s.b using (k)', { k: 'a.k', v: 'a.v', w: 'b.w', rows: 'a.k? b.k?' }],
  ['USING of a right join', 'select k from s.a right join s.b using (k)', { k: 'b.k', rows: 'a.k? b.k?' }],
  ['USING of a full join', 'select k, a.k as l from s.a full join s.b using (k)', { k: 'a.k b.k', l: 'a.k', rows: 'a.k? b.k?' }],
  ['the alias of a USING', 'select j.k from s.a join s.b using (k) as j', { k: 'a.k', rows: 'a.k? b.k?' }],
  ['an alias of a join', 'select j.x, j.w from (s.a join s.b using (k)) as j(x, y)', { x: 'a.k', w: 'b.w', rows: 'a.k? b.k?' }],
  ['*', 'select * from s.a join s.b using (k)', { k: 'a.k', g: 'a.g', v: 'a.v', t: 'a.t', h: 'b.h', w: 'b.w', rows: 'a.k? b.k?' }],
  ['alias.*', 'select b.*, a.v from s.a, s.b', { k: 'b.k', h: 'b.h', w: 'b.w', v: 'a.v' }],
  ['a sub-select in FROM', 'select n from (select v * 2 as n, g from s.a where t > 0) x where x.g = 1', { n: 'a.v~', rows: 'a.g? a.t?' }],
  ['a sub-select hands on values unchanged', 'select m as z from (select n as m from (select v as n from s.a) x) y', { z: 'a.v' }],
  ['a scalar sub-select', 'select k, (select max(w) from s.b where b.k = a.k) as m from s.a', { k: 'a.k', m: 'a.k? b.k? b.w~' }],
  ['a name that the inner table hides', 'select (select max(k) from s.b) as m, (select max(v + w) from s.b) as n from s.a', { m: 'b.k~', n: 'a.v~ b.w~' }],
  ['EXISTS', 'select k from s.a where exists (select w from s.b where b.k = a.k)', { k: 'a.k', rows: 'a.k? b.k?' }],
  ['IN', 'select k in (select w from s.b where h > 0) as i from s.a', { i: 'a.k~ b.h? b.w~' }],
  ['ARRAY', 'select array(select w from s.b order by h) as l', { l: 'b.h? b.w~' }],
  ['a sub-select two levels deep', 'select (select max((select a.v + b.w)) from s.b) as d from s.a', { d: 'a.v~ b.w~' }],
  ['LATERAL', 'select x.n, x.w from s.a, lateral (select a.v + w as n, w from s.b where b.k = a.k) x', { n: 'a.v~ b.w~', w: 'b.w', rows: 'a.k? b.k?' }],
  ['LATERAL in a join', 'select l.m from s.a a left join lateral (select max(w) as m from s.b where h = a.g) l on true', { m: 'b.w~', rows: 'a.g? b.h?' }],
  ['no LATERAL: what stands beside is not seen', 'select x.k from s.a, (select v as k from s.a) x', { k: 'a.v' }],
  ['a WITH query', 'with w as (select k, sum(v) as s from s.a group by k) select k, s / 2 as h from w', { k: 'a.k', h: 'a.v~', rows: 'a.k?' }],
  ['a WITH query with new names', 'with w(x, y) as (select k, v from s.a) select w.y, z.q from w, w as z(q)', { y: 'a.v', q: 'a.k' }],
  ['a WITH query that hides another', 'with w as (select k as x from s.a) select (with w as (select h as x from s.b) select max(x) from w) as i, x from w', { i: 'b.h~', x: 'a.k' }],
  ['a WITH query named as a table', 'with a as (select h as v from s.b) select a.v, z.v as u from a, s.a z', { v: 'b.h', u: 'a.v' }],
  ['WITH queries in a chain', 'with p as (select v as a1 from s.a), q as (select a1 as a2 from p), r as (select max(a2) as a3 from q) select a3 from r', { a3: 'a.v~' }],
  ['a recursive WITH query', 'with recursive r(id, depth) as (select id, 0 from s.tree where parent is null union all select t.id, depth + 1 from s.tree t join r on t.parent = r.id) select id, depth from r',
    { id: 'tree.id', depth: '', rows: 'tree.id? tree.parent?' }],
  ['a recursive WITH query that hands columns around', 'with recursive r(a, b, c) as (select id, parent, name from s.tree union all select b, c, a || h from r, s.b where k > 0) select a from r',
    { a: 'b.h~ tree.id tree.name tree.parent', rows: 'b.k?' }],
  ['SEARCH and CYCLE', 'with recursive r as (select id, parent from s.tree union all select t.id, t.parent from s.tree t join r on t.parent = r.id) search depth first by id set o cycle id set looped using path select id, looped from r order by o',
    { id: 'tree.id', looped: 'tree.id? tree.parent?', rows: 'tree.id? tree.parent?' }],
  ['UNION ALL', 'select k, v from s.a union all select h, 7 from s.b where w > 0', { k: 'a.k b.h', v: 'a.v', rows: 'b.w?' }],
  ['UNION compares', 'select k from s.a union select h from s.b order by k', { k: 'a.k b.h', rows: 'a.k? b.h?' }],
  ['EXCEPT takes from the first', 'select k from s.a except select h from s.b', { k: 'a.k', rows: 'a.k? b.h?' }],
  ['three arms', 'select k from s.a union all (select h from s.b union all select w + 1 from s.b)', { k: 'a.k b.h b.w~' }],
  ['VALUES', 'select x.n, x.s, v from s.a join (values (1, 2), (3, 4)) as x(n, s) on n = k', { n: '', s: '', v: 'a.v', rows: 'a.k?' }],
  ['VALUES of a neighbour', 'select n, x from s.a, lateral (values (v, g), (k, 1)) as t(n, x)', { n: 'a.k a.v', x: 'a.g' }],
  ['the row of a table', 'select to_jsonb(x) as j, x.* is null as c from s.b x', { j: 'b.h~ b.k~ b.w~', c: 'b.h~ b.k~ b.w~' }],
  ['a column rather than a row', 'select v from (select v, k from s.a) v', { v: 'a.v' }],
  ['functions that give rows', 'select n, m.x, u, w from s.a, generate_series(1, v) as n, unnest(array[k]) with ordinality as m(x, o), unnest(array[g]) u, s.b where w = n',
    { n: 'a.v~', x: 'a.k~', u: 'a.g~', w: 'b.w', rows: 'a.g? a.k? a.v? b.w?' }],
  ['a function with defined columns', "select x.p from s.a, jsonb_to_record(jsonb_build_object('p', v)) as x(p int, q int)", { p: 'a.v~', rows: 'a.v?' }],
  ['ROWS FROM and JSON_TABLE', "select f.y, j.z from s.a, rows from (generate_series(1, k), generate_series(1, g)) as f(x, y), json_table(to_json(t), '$' columns (z int path '$.z')) j",
    { y: 'a.g~ a.k~', z: 'a.t~', rows: 'a.g? a.k? a.t?' }],
  ['a set-returning function in the list', 'select k, unnest(array[v, t]) as e from s.a', { k: 'a.k', e: 'a.t~ a.v~' }],
  ['fields and elements', 'select (array[v, t])[g] as f, (row(k, g)).f1 as r from s.a', { f: 'a.g~ a.t~ a.v~', r: 'a.g~ a.k~' }],
  ['GROUPING SETS', 'select k, g, grouping(k) as i from s.a group by grouping sets ((k, g), rollup (k))', { k: 'a.k', g: 'a.g', i: 'a.k~', rows: 'a.g? a.k?' }],
  ['columns that only a database knows', 'select k, z, x.y, to_json(x) as j from s.open x', { k: 'open.k', z: 'open.z', y: 'open.y', j: 'open.*~ open.k~' }],
  ['columns behind a *', 'select z from (select * from s.open) x', { z: 'open.z' }],
  ['known columns before unknown ones', 'select v, z from s.a, s.open', { v: 'a.v', z: 'open.z' }],
];

/** What happens, a SELECT, the SELECT changed, and the columns it adds when it adds columns and nothing else. */
export type AddedColumnsCase = readonly [what: string, before: string, after: string, added?: readonly string[]];

const P = 'select a, b + 1 as c from silver.s where a > 0';

/** Over silver.s(a, b, d, f, k, t, v), silver.t(a, b) and silver.x(k, e). */
export const ADDED: readonly AddedColumnsCase[] = [
  ['at the end', P, 'select a, b + 1 as c, d from silver.s where a > 0', ['d']],
  ['at the beginning', P, 'select d, a, b + 1 as c from silver.s where a > 0', ['d']],
  ['an expression and a cast', P, 'select a, b + 1 as c, abs(d) as e, f::text from silver.s where a > 0', ['e', 'f']],
  ['a lookup in a sub-select', P, 'select a, b + 1 as c, array(select e from silver.x where x.k = s.k order by e) as m from silver.s where a > 0', ['m']],
  ['a window', P, 'select a, b + 1 as c, row_number() over (order by a) as r from silver.s where a > 0', ['r']],
  ['an aggregate over a window', P, 'select a, b + 1 as c, sum(a) over () as r from silver.s where a > 0', ['r']],
  ['another order', P, 'select b + 1 as c, a from silver.s where a > 0', []],
  ['layout', P, 'select a, b+1 c from silver.s where (a > 0) -- same', []],
  ['a position follows its column', 'select a, count(*) as n from silver.s group by 1 order by 2', 'select max(v) as m, a, count(*) as n from silver.s group by 2 order by 3', ['m']],
  ['an aggregate joins others', 'select count(*) as n from silver.s', 'select count(*) as n, sum(v) as m from silver.s', ['m']],
  ['DISTINCT ON stays', 'select distinct on (a) a, b from silver.s order by a, t, b', 'select distinct on (a) a, b, a + b as m from silver.s order by a, t, b', ['m']],
  ['LIMIT stays', 'select a from silver.s order by a limit 3', 'select a, a + 1 as m from silver.s order by a limit 3', ['m']],
  ['a join stays', 'select s.a, x.e from silver.s left join silver.x using (k)', 'select s.a, x.e, s.v * x.e as m from silver.s left join silver.x using (k)', ['m']],
  ['a WITH query stays', 'with w as (select a, v from silver.s) select a from w', 'with w as (select a, v from silver.s) select a, v from w', ['v']],
];

export const NOT_ADDED: readonly AddedColumnsCase[] = [
  ['an expression of before differs', P, 'select a, b + 2 as c, d from silver.s where a > 0'],
  ['a column of before is gone', P, 'select a, d from silver.s where a > 0'],
  ['a column has another name', P, 'select a, b + 1 as e from silver.s where a > 0'],
  ['WHERE differs', P, 'select a, b + 1 as c, d from silver.s where a > 1'],
  ['FROM differs', P, 'select a, b + 1 as c from silver.t where a > 0'],
  ['a join is added', P, 'select a, b + 1 as c, x.e from silver.s join silver.x using (k) where a > 0'],
  ['GROUP BY is added', P, 'select a, b + 1 as c, count(*) as n from silver.s where a > 0 group by a, b'],
  ['the first aggregate is added', 'select 1 as a from silver.s', 'select 1 as a, count(*) as n from silver.s'],
  ['the first aggregate stands in a sub-select', 'select 1 as a from silver.s', 'select 1 as a, (select sum(s.v)) as n from silver.s'],
  ['a set-returning function is added', P, 'select a, b + 1 as c, unnest(array[d, f]) as e from silver.s where a > 0'],
  ['a set-returning function stands inside an expression', P, 'select a, b + 1 as c, 1 + generate_series(1, 3) as e from silver.s where a > 0'],
  ['DISTINCT takes the column in', 'select distinct a from silver.s', 'select distinct a, b from silver.s'],
  ['DISTINCT is added', P, 'select distinct a, b + 1 as c, d from silver.s where a > 0'],
  ['DISTINCT ON differs', 'select distinct on (a) a, b from silver.s order by a, b', 'select distinct on (b) a, b, v from silver.s order by b, a'],
  ['a position means another column', 'select a, count(*) as n from silver.s group by 1', 'select b as m, min(a) as a, count(*) as n from silver.s group by 1'],
  ['ORDER BY with LIMIT names the new column', 'select a from silver.s order by v, a limit 3', 'select a, -v as v from silver.s order by v, a limit 3'],
  ['LIMIT differs', 'select a from silver.s order by a limit 3', 'select a, b from silver.s order by a limit 4'],
  ['a WITH query differs', 'with w as (select a from silver.s) select a from w', 'with w as (select a, b from silver.s where b > 0) select a, b from w'],
  ['a set operation compares', 'select a from silver.s union select a from silver.t', 'select a, b from silver.s union select a, b from silver.t'],
  ['HAVING differs', 'select a, count(*) as n from silver.s group by a', 'select a, count(*) as n, max(b) as m from silver.s group by a having max(b) > 1'],
];

/** Refused though the rows may be the same: nobody loses by a rebuild too many. */
export const NOT_SEEN: readonly AddedColumnsCase[] = [
  ['* is added', P, 'select a, b + 1 as c, * from silver.s where a > 0'],
  ['an unnamed column is added', P, 'select a, b + 1 as c, 1 + 1 from silver.s where a > 0'],
  ['GROUP BY names the new column', 'select a, count(*) as n from silver.s group by a, k', 'select a, count(*) as n, min(v) as k from silver.s group by a, k'],
  ['ORDER BY of an aggregate differs', 'select a, array_agg(b order by k) as l from silver.s group by a', 'select a, array_agg(b order by d) as l, count(*) as n from silver.s group by a'],
];

/** Queries over silver.p(a, b, k, v), silver.q(k, x) and silver.r(k, x), and why further columns x and y of silver.p may change what they give. */
export const READERS: readonly (readonly [query: string, reason: 'all' | 'renames' | 'bare' | undefined])[] = [
  ['select a, b from silver.p', undefined],
  ['select p.a, count(*) as n from silver.p p join silver.q q on p.k = q.k group by p.a', undefined],
  ['select q.* from silver.p p join silver.q q on p.k = q.k', undefined],
  ['select a from silver.p where k in (select z.k from (select * from silver.q) z)', undefined],
  ['select a, q.x from silver.p join silver.q using (k)', undefined],
  ['select a, (select max(q.x) from silver.q where q.k = p.k) as m from silver.p', undefined],
  ['select * from silver.p', 'all'],
  ['select a from (select * from silver.p) s', 'all'],
  ['select w.a from silver.q join (select p.* from silver.p) w using (k)', 'all'],
  ['select to_jsonb(p) as j from silver.p', 'all'],
  ['select count(r) as n from silver.p r', 'all'],
  ['select j.a from (silver.p join silver.q using (k)) j where j is not null', 'all'],
  ['with w as (select * from silver.p) select a from w', 'all'],
  ['select a, (select to_json(p)) as j from silver.p', 'all'],
  ['select s.m from silver.p as s(m, n)', 'renames'],
  ['select a, x from silver.p join silver.q using (k)', 'bare'],
  ['select a from silver.q join silver.p using (k) join silver.r using (x)', 'bare'],
  ['select k, (select max(p.v) from silver.p where p.k = x) as m from silver.q', 'bare'],
];

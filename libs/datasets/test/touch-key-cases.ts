/** SELECTs of `delete+insert` models over silver.a(k, g, v), silver.b(k, g, w) and the lookup silver.l(k, g, x). */
export interface TouchKeyCase {
  readonly name: string;
  readonly select: string;
  readonly touchKey: readonly string[];
  readonly incrementOn: readonly string[];
}

const of = (name: string, select: string, touchKey = 'k', incrementOn = 'silver.a'): TouchKeyCase => ({
  name,
  select,
  touchKey: touchKey.split(' '),
  incrementOn: incrementOn.split(' '),
});
const BOTH = 'silver.a silver.b';

/** Computing the touched keys anew gives what computing everything gives. */
export const EXACT: readonly TouchKeyCase[] = [
  of('a group', 'select k, sum(v) as s from silver.a group by k'),
  of('an alias', 'select t.k as day, count(*) as c from silver.a t group by t.k', 'day'),
  of('a new name that another column has', 'select g as k, sum(v) as s from silver.a group by 1'),
  of('new names in FROM', 'select day, sum(z) as s from silver.a as t(day, y, z) group by 1', 'day'),
  of('two keys', 'select k, g, sum(v) as s from silver.a group by k, g', 'k g'),
  of('a sub-select and a WITH query', 'with w as (select k as day, v from silver.a) select day, s from (select day, sum(v) as s from w group by day) x', 'day'),
  of('new names of a WITH query', 'with w(day, n) as (select k, v from silver.a) select day, sum(n) as s from w group by 1', 'day'),
  of('*', 'select * from (select k, max(v) as m from silver.a group by k) x'),
  of('a pivot by USING', "select k, p.v * q.v as m from (select k, sum(v) as v from silver.a where g = 1 group by k) p join (select k, sum(v) as v from silver.a where g = 2 group by k) q using (k)"),
  of('a WITH query read twice, joined by USING', 'with w as (select k, g, v from silver.a) select k, sum(p.v - q.v) as d from w p join w q using (k) group by k'),
  of('a join of two inputs by ON', 'select a.k, sum(v + w) as s from silver.a a join silver.b b on b.k = a.k and b.g > 0 group by a.k', 'k', BOTH),
  of('a join of two inputs in WHERE', 'select b.k, count(*) as c from silver.a a, silver.b b where a.k = b.k and a.v > b.w group by b.k', 'k', BOTH),
  of('three in a row', 'select a.k, count(*) as c from silver.a a join silver.b b on a.k = b.k join silver.a c on b.k = c.k group by 1', 'k', BOTH),
  of('an outer join of two inputs', 'select k, sum(v) as v, sum(w) as w from silver.a left join silver.b using (k) group by k', 'k', BOTH),
  of('an outer join by ON', 'select a.k, count(b.w) as c from silver.a a left join silver.b b on a.k = b.k group by a.k', 'k', BOTH),
  of('a right join', 'select b.k, count(a.v) as c from silver.a a right join silver.b b on a.k = b.k group by b.k', 'k', BOTH),
  of('a full join of two inputs', 'select k, sum(v) as v, sum(w) as w from silver.a full join silver.b using (k) group by k', 'k', BOTH),
  of('a lookup', 'select a.k, sum(v * x) as s from silver.a a left join silver.l l on l.k = a.k group by a.k'),
  of('an inner join with a lookup that gives the key', 'select l.k, sum(v) as s from silver.l l join silver.a a on a.k = l.k group by l.k'),
  of('a lookup in a sub-select of an expression', 'select k, sum(v) as s, (select max(x) from silver.l) as top from silver.a group by k'),
  of('a set operation', 'select k, v from silver.a where v > 0 union select k, w from silver.b', 'k', BOTH),
  of('a difference', 'select k, g from silver.a except all select k, g from silver.b', 'k', BOTH),
  of('a window within the key', 'select k, v, row_number() over (partition by k, g order by v) as r from silver.a'),
  of('a named window within the key', 'select k, v, rank() over (w order by v) as r, sum(v) over w as s from silver.a window w as (partition by k)'),
  of('DISTINCT', 'select distinct k, g from silver.a'),
  of('DISTINCT ON the key', 'select distinct on (k, g) k, g, v from silver.a order by k, g, v'),
  of('grouping sets beside the key', 'select k, g, sum(v) as s from silver.a group by k, rollup (g)'),
  of('a join name for two columns', 'select j.k, sum(j.v) as s from (silver.a join silver.b using (k)) as j(k, g, v, h, w) group by j.k', 'k', BOTH),
];

/** Computing the touched keys anew gives something else: each is refused. */
export const INEXACT: readonly TouchKeyCase[] = [
  of('an expression', 'select k + 1 as k, sum(v) as s from silver.a group by 1'),
  of('a neighbour by a WITH query read twice', 'with w as (select k, v from silver.a) select p.k, sum(p.v - q.v) as d from w p join w q on p.k = q.k + 1 group by p.k'),
  of('a join on another column', 'select a.k, count(*) as c from silver.a a join silver.b b on a.g = b.g group by a.k', 'k', BOTH),
  of('an equality that need not hold', 'select a.k, count(*) as c from silver.a a join silver.b b on a.k = b.k or a.g = b.g group by a.k', 'k', BOTH),
  of('the nullable side of an outer join', 'select b.k, count(*) as c from silver.l l left join silver.b b on l.k = b.k group by b.k', 'k', 'silver.b'),
  of('a lookup on the kept side', 'select k, count(v) as c from silver.l left join silver.a using (k) group by k'),
  of('a full join with a lookup', 'select k, count(v) as c from silver.l full join silver.a using (k) group by k'),
  of('an input in a sub-select of an expression', 'select k, sum(v) as s, (select count(*) from silver.a) as all_rows from silver.a group by k'),
  of('an input without the key', 'select a.k, sum(v) as s, max(x.n) as n from silver.a a cross join (select count(*) as n from silver.b) x group by a.k', 'k', BOTH),
  of('a set operation with a constant', 'select k, v from silver.a union all select 7, 7'),
  of('a set operation with a lookup', 'select k, v from silver.a union all select k, x from silver.l'),
  of('LIMIT', 'select k, v, g from silver.a order by v, k, g limit 3'),
  of('OFFSET in a sub-select', 'select k, sum(v) as s from (select k, v from silver.a order by v, k offset 4) x group by k'),
  of('a window across keys', 'select k, v, count(*) over (partition by g) as c from silver.a'),
  of('a named window across keys', 'select k, v, count(*) over w as c from silver.a window w as ()'),
  of('DISTINCT ON another column', 'select distinct on (g) k, g, v from silver.a order by g, v, k'),
  of('a grouping set without the key', 'select k, sum(v) as s from silver.a group by rollup (k)'),
];

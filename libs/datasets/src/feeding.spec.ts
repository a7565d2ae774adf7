import { describe, expect, it } from '@jest/globals';
import { load, problemsOf, sqlFile } from '../test/written-dataset.js';

const incremental = (strategy: string, more: string): string => `materialized: incremental\nincremental_strategy: ${strategy}\n${more}`;

/** One model of each kind, all by increment of bronze.raw or of one another. */
const INPUTS = {
  'silver/grows.sql': sqlFile(
    incremental('append', 'increment_on: bronze.raw\ncolumns: [{ name: f, data_type: double precision }]'),
    `select id, device as d, received_at::date as day, length(line) as n, line::float8 as f from bronze.raw`,
  ),
  'silver/sums.sql': sqlFile(
    incremental('accumulate', 'increment_on: silver.grows\nunique_key: [day, d]\naccumulate: { n: sum }'),
    'select day, d, count(*) as n from silver.grows group by day, d',
  ),
  'silver/renews.sql': sqlFile(incremental('delete+insert', 'increment_on: silver.sums\ntouch_key: day'), 'select day, max(n) as n from silver.sums group by day'),
  'silver/latest.sql': sqlFile(incremental('merge', 'increment_on: silver.grows\nunique_key: d\norder_by: [day desc, n]'), 'select d, day, n from silver.grows'),
  'silver/whole.sql': sqlFile('materialized: table\nrefresh: { every: 1h }', 'select day, max(n) as n from silver.sums group by day'),
  'seeds/days.csv': 'day,d\n2022-04-14,a\n',
  'silver/seen.sql': sqlFile('materialized: view', 'select id, day, d, n from silver.grows'),
  'silver/twice.sql': sqlFile('materialized: view', 'select day from silver.seen'),
};

async function ofModel(header: string, select: string): Promise<string[]> {
  return (await problemsOf({ ...INPUTS, 'gold/m.sql': sqlFile(header, select) })).map((message) => message.replace(/^gold\/m\.sql:/, ''));
}

describe('what may be increment_on of what', () => {
  const keep = (input: string) => ({
    append: [incremental('append', `increment_on: ${input}`), `select day from ${input}`],
    merge: [incremental('merge', `increment_on: ${input}\nunique_key: day`), `select day from ${input}`],
    accumulate: [incremental('accumulate', `increment_on: ${input}\nunique_key: day\naccumulate: { c: count }`), `select day, count(*) as c from ${input} group by day`],
    'delete+insert': [incremental('delete+insert', `increment_on: ${input}\ntouch_key: day`), `select day, count(*) as c from ${input} group by day`],
  });
  const kinds = ['append', 'merge', 'accumulate', 'delete+insert'] as const;

  it.each(kinds)('an append model of %s', async (strategy) => {
    const [header, select] = keep('silver.grows')[strategy];
    expect(await ofModel(header!, select!)).toEqual([]);
  });

  it.each(kinds)('a bronze table of %s', async (strategy) => {
    const [header, select] = keep('bronze.raw')[strategy].map((text) => text.replaceAll('day', 'device'));
    expect(await ofModel(header!, select!)).toEqual([]);
  });

  it.each([
    ['silver.sums', 'accumulate'],
    ['silver.renews', 'delete+insert'],
    ['silver.latest', 'merge'],
  ])('%s (%s), whose rows change, of delete+insert only', async (input, kind) => {
    for (const strategy of ['append', 'merge', 'accumulate'] as const) {
      const [header, select] = keep(input)[strategy];
      expect(await ofModel(header!, select!)).toEqual([
        `4:15: increment_on: the rows of ${input} (${kind}) change, so ${strategy} would take them again; only delete+insert may read it by increment`,
      ]);
    }
    const [header, select] = keep(input)['delete+insert'];
    expect(await ofModel(header!, select!)).toEqual([]);
  });

  it.each(kinds)('a view of no %s', async (strategy) => {
    const [header, select] = keep('silver.seen')[strategy];
    expect(await ofModel(header!, select!)).toEqual(['4:15: increment_on: silver.seen is a view, which has no increment of its own: read what it reads, or name it under lookups']);
  });

  it.each(kinds)('a table or a seed of no %s', async (strategy) => {
    for (const [input, what] of [['silver.whole', 'a table computed as a whole'], ['seeds.days', 'a seed']] as const) {
      const [header, select] = keep(input)[strategy];
      expect(await ofModel(header!, select!)).toEqual([`4:15: increment_on: ${input} is ${what}, which has no increment: name it under lookups`]);
    }
  });

  it.each(['bronze.raw', 'silver.grows', 'silver.latest', 'silver.sums', 'silver.renews', 'silver.whole', 'silver.seen', 'seeds.days'])('%s of a table, which names nothing', async (input) => {
    expect(await ofModel('materialized: table', `select count(*) as n, (select max(n) from silver.grows) as m from ${input}, silver.twice`)).toEqual([]);
  });

  it('only what the SELECT reads', async () => {
    expect(await ofModel(incremental('append', 'increment_on: silver.grow'), 'select day from silver.grows')).toEqual([
      '4:15: increment_on names silver.grow, which the SELECT does not read; did you mean silver.grows?',
      '6:17: silver.grows is read but named neither under increment_on nor under lookups',
    ]);
  });

  it('several inputs of delete+insert only', async () => {
    expect(await ofModel(incremental('append', 'increment_on: [silver.grows, bronze.raw]'), 'select g.id from silver.grows g join bronze.raw using (id)')).toEqual([
      '4:30: append reads one input by increment; only delete+insert may name several',
    ]);
  });
});

describe('lookups', () => {
  const header = (lookups: string): string => incremental('append', `increment_on: silver.grows\nlookups: ${lookups}`);
  const select = 'select g.day, s.n\nfrom silver.grows g\nleft join silver.sums s using (d)';

  it('name everything else that is read', async () => {
    expect(await ofModel(header('silver.sums'), select)).toEqual([]);
    expect(await ofModel(header('[]'), select)).toEqual(['9:11: silver.sums is read but named neither under increment_on nor under lookups']);
  });

  it('name nothing that is not read, nor the increment itself', async () => {
    expect(await ofModel(header('[silver.sums, silver.renews]'), select)).toEqual(['5:24: lookups names silver.renews, which the SELECT does not read; did you mean silver.grows?']);
    expect(await ofModel(header('[silver.sums, silver.grows]'), select)).toEqual(['5:24: silver.grows is named under increment_on and under lookups']);
  });

  it('are no views of the increment itself, seen through further views', async () => {
    expect(await ofModel(header('silver.twice'), 'select g.id from silver.grows g where g.day in (select day from silver.twice)')).toEqual([
      '5:10: the view silver.twice reads silver.grows, which this model reads by increment; write what the view does in the SELECT',
    ]);
  });
});

describe('append', () => {
  const LOOKUP = 'with l as (select d, n from silver.sums)';
  const append = (select: string): Promise<string[]> => ofModel(incremental('append', 'increment_on: silver.grows\nlookups: [silver.sums]'), select.startsWith('with') ? `${LOOKUP},\n${select.slice(5)}` : `${LOOKUP}\n${select}`);
  const row = (what: string, place: string): string[] => [`${place}: append takes each row of silver.grows once and alone; ${what} does not`];

  it.each([
    ['joins', 'select g.id, l.n from silver.grows g left join l using (d)'],
    ['sub-selects and WITH queries on the way', 'with w as (select * from silver.grows) select x.id, y from (select id, n * 2 as y from w) x, l'],
    ['aggregates beside the way', 'select id, (select max(n) from l) as top from silver.grows'],
    ['functions that give rows', "select id, regexp_split_to_table('a,b', ',') as part from silver.grows, l, generate_series(1, n) s"],
    ['the kept side of a right join', 'select g.id from l right join silver.grows g using (d)'],
    ['ORDER BY', 'select id from silver.grows, l order by id'],
    ['OFFSET 0', 'select x.id from (select id from silver.grows offset 0) as x, l offset 0'],
  ])('may hold %s', async (_what, select) => {
    expect(await append(select)).toEqual([]);
  });

  it.each([
    ['two mentions', 'select a.id from l,\nsilver.grows a,\nsilver.grows b', ['10:1: append reads silver.grows at exactly one place, here at 2']],
    ['a WITH query read twice', 'select a.id from l, (with w as (select * from silver.grows) select a.id from w a, w b) a', ['8:47: append reads silver.grows at exactly one place, here at 2']],
    ['a WITH query nobody reads', 'with w as (select * from silver.grows) select n from l', ['4:15: increment_on names silver.grows, which the SELECT does not read']],
    ['the nullable side of a left join', 'select n\nfrom l left join silver.grows using (d)', row('the nullable side of an outer join', '9:18')],
    ['the nullable side of a right join', 'select l.n\nfrom silver.grows right join l using (d)', row('the nullable side of an outer join', '9:6')],
    ['a full join', 'select l.n\nfrom l full join silver.grows using (d)', row('FULL JOIN', '9:18')],
    ['a sub-link', 'select n from l\nwhere exists (select from silver.grows)', row('a sub-select in an expression', '9:27')],
    ['LATERAL', 'select g.id from l,\nlateral (select id from silver.grows where d = l.d) g', row('LATERAL', '9:25')],
    ['an aggregate', 'select\ncount(*) as n from silver.grows, l', row('an aggregate', '9:1')],
    ['an aggregate that looks like a sub-select of its own', 'select (select\nsum(g.n)) as s from silver.grows g, l', row('an aggregate', '9:1')],
    ['an aggregate of the outer SELECT in a sub-select', 'select (select\nmax(g.n) from l) as s from silver.grows g', row('an aggregate', '9:1')],
    ['GROUP BY', 'select id from silver.grows, l\ngroup by\nid', row('GROUP BY', '10:1')],
    ['a window function', 'select id,\nrow_number() over () as r from silver.grows, l', row('a window function', '9:1')],
    ['DISTINCT', 'select distinct\nid from silver.grows, l', row('DISTINCT', '9:1')],
    ['DISTINCT ON', 'select distinct on (\nd) id from silver.grows, l', row('DISTINCT', '9:1')],
    ['LIMIT', 'select id from silver.grows, l limit\n1', row('LIMIT', '9:1')],
    ['OFFSET', 'select id from silver.grows, l offset\n1', row('OFFSET', '9:1')],
    ['OFFSET of what is no constant', 'select id from silver.grows, l offset (\n0 + 0)', row('OFFSET', '9:1')],
    ['HAVING', 'select 1 as x from silver.grows, l having\ntrue', row('HAVING', '9:1')],
    ['a set operation', 'select id from l, bronze.raw union all\nselect id from silver.grows', row('a set operation', '9:16')],
    ['an aggregate inside a sub-select', 'select x.n from l, (select\nmax(n) as n from silver.grows) x', row('an aggregate', '9:1')],
  ])('may not hold %s', async (_what, select, problems) => {
    const found = (await append(select)).filter((message) => !message.includes('bronze.raw is read but'));
    expect(found).toEqual(problems);
  });
});

describe('merge', () => {
  const merge = (select: string, more = 'unique_key: d'): Promise<string[]> => ofModel(incremental('merge', `increment_on: silver.grows\n${more}`), select);

  it.each([
    ['a key, and the last by the order of arrival', 'unique_key: d'],
    ['an order of output columns', 'unique_key: [d]\norder_by: [day, n desc]'],
    ['the columns to replace', 'unique_key: [d]\norder_by: day ASC\nmerge_update_columns: [day]'],
  ])('takes %s', async (_what, more) => {
    expect(await merge('select d, day, n from silver.grows', more)).toEqual([]);
  });

  it('is given as order and columns', async () => {
    const { models } = await load(INPUTS);
    expect(models.find(({ relation }) => relation === 'silver.latest')).toMatchObject({
      strategy: 'merge',
      uniqueKey: ['d'],
      orderBy: [{ column: 'day', descending: true }, { column: 'n', descending: false }],
    });
  });

  it.each<[string, string, string[]]>([
    ['an aggregate', 'select d,\nmax(n) as n from silver.grows group by d', ['8:1: merge takes each row of silver.grows once and alone; an aggregate does not', '8:40: merge takes each row of silver.grows once and alone; GROUP BY does not']],
    ['DISTINCT', 'select distinct\nd from silver.grows', ['8:1: merge takes each row of silver.grows once and alone; DISTINCT does not']],
    ['two mentions', 'select a.d from silver.grows a,\nsilver.grows b', ['8:1: merge reads silver.grows at exactly one place, here at 2']],
  ])('may not hold %s', async (_what, select, problems) => {
    expect(await merge(select)).toEqual(problems);
  });
});

describe('accumulate', () => {
  const header = (more = 'unique_key: [day, d]\naccumulate: { n: sum, c: count, lo: min, hi: max }'): string => incremental('accumulate', `increment_on: silver.grows\n${more}`);
  const aggregates = 'sum(n) as n, count(*) as c, min(f) as lo, max(f) as hi';
  const accumulate = (select: string, more?: string): Promise<string[]> => ofModel(header(more), select);

  it.each([
    ['by position', `select day, d, ${aggregates} from silver.grows group by 1, 2`],
    ['by name and alias', `select g.day, coalesce(g.d, 'x') as d, ${aggregates} from silver.grows g group by day, coalesce(d, 'x')`.replace("coalesce(g.d, 'x')", "coalesce(d, 'x')")],
    ['by an output name', `select day, upper(line) as d, ${aggregates} from (select day, d as line, n, f from silver.grows) g group by day, d`],
    ['with a filter', `select day, d, sum(n) filter (where n > 1) as n, count(f) as c, min(f) as lo, max(f) as hi from silver.grows where n > 0 group by 1, 2`],
  ])('groups %s', async (_what, select) => {
    expect(await accumulate(select)).toEqual([]);
  });

  const key = `select day, d,`;
  const from = 'from silver.grows group by day, d';
  it.each<[string, string, string[]]>([
    ['HAVING', `${key} ${aggregates} ${from} having\ntrue`, ['9:1: accumulate takes each row of silver.grows once and alone; HAVING does not']],
    ['DISTINCT', `select distinct\nday, d, ${aggregates} ${from}`, ['9:1: accumulate takes each row of silver.grows once and alone; DISTINCT does not']],
    ['LIMIT', `${key} ${aggregates} ${from} limit\n1`, ['9:1: accumulate takes each row of silver.grows once and alone; LIMIT does not']],
    ['a set operation', `${key} ${aggregates} from bronze.raw group by 1, 2 union all ${key} ${aggregates}\n${from}`, [
      '8:76: bronze.raw is read but named neither under increment_on nor under lookups',
      '9:6: accumulate takes each row of silver.grows once and alone; a set operation does not',
    ]],
    ['aggregates of aggregates', `select day, d, ${aggregates} from (select day, d, f,\nsum(n) as n from silver.grows group by 1, 2, 3) x group by 1, 2`, [
      '9:1: accumulate takes each row of silver.grows once and alone; an aggregate does not',
      '9:40: accumulate takes each row of silver.grows once and alone; GROUP BY does not',
    ]],
    ['a window', `${key}\nsum(n) over () as n, count(*) as c, min(f) as lo, max(f) as hi ${from}`, [
      '9:1: accumulate takes each row of silver.grows once and alone; a window function does not',
      '9:1: accumulate: n must be a group key of unique_key, or nothing but sum, count, min or max; compute with them in the model that reads this one',
    ]],
    ['no GROUP BY', `select\n${aggregates} from silver.grows`, ['9:1: accumulate needs GROUP BY: each row is added to the stored row of the same unique_key']],
    ['*', `select\n* from silver.grows group by 1`, ["8:1: _run_id is the engine's own column: name the columns you want instead of *", '9:1: accumulate: name each output column instead of *']],
    ['grouping sets', `${key} ${aggregates} from silver.grows group by\nrollup (day, d)`, ['9:1: accumulate: no grouping sets, ROLLUP or CUBE']],
    ['a hidden group key', `${key} ${aggregates} ${from},\nid`, ['9:1: accumulate: GROUP BY has a key that is no output column, so several rows would share one unique_key']],
    ['DISTINCT in an aggregate', `${key} sum(n) as n, min(f) as lo, max(f) as hi,\ncount(distinct n) as c ${from}`, ['9:1: accumulate: c uses DISTINCT, which cannot be added to what is stored']],
    ['another aggregate', `${key} sum(n) as n, min(f) as lo, max(f) as hi,\navg(n) as c ${from}`, [
      '9:1: accumulate: c must be a group key of unique_key, or nothing but sum, count, min or max; compute with them in the model that reads this one',
    ]],
    ['an expression of aggregates', `${key} sum(n) as n, min(f) as lo, max(f) as hi,\ncount(*) * 2 as c ${from}`, [
      '9:1: accumulate: c must be a group key of unique_key, or nothing but sum, count, min or max; compute with them in the model that reads this one',
    ]],
    ['a constant', `${key} sum(n) as n, min(f) as lo, max(f) as hi,\n1 as c ${from}`, ['9:1: accumulate: c must be a group key of unique_key, or nothing but sum, count, min or max']],
    ['sum of a float cast', `${key} count(*) as c, min(f) as lo, max(f) as hi,\nsum(n * 2::double precision) as n ${from}`, [
      '9:1: accumulate: n is a sum of float, whose result depends on the order of the rows; sum x::text::numeric instead',
    ]],
    ['sum of a column declared as float', `${key} count(*) as c, min(f) as lo, max(f) as hi,\nsum(f) as n ${from}`, [
      '9:1: accumulate: n is a sum of float, whose result depends on the order of the rows; sum x::text::numeric instead',
    ]],
  ])('may not hold %s', async (_what, select, problems) => {
    expect(await accumulate(select)).toEqual(problems);
  });

  it.each<[string, string, string[]]>([
    ['unique_key: day\naccumulate: { n: sum }', `select day,\nd, sum(n) as n ${from}`, ['9:1: accumulate: the group key d is not listed in unique_key']],
    ['unique_key: [day, d]\naccumulate: { n: sum }', `select day, sum(n) as n from silver.grows group by day`, ['5:19: unique_key names d, which is no output column']],
    ['unique_key: [day, n]\naccumulate: { n: sum }', `select day,\nsum(n) as n from silver.grows group by day`, ['9:1: accumulate: n is listed in unique_key but is no group key']],
    ['unique_key: [day, d]\naccumulate: { n: sum }', `${key} sum(n) as n,\ncount(*) as c ${from}`, ['9:1: accumulate: c is not listed under accumulate, as in `c: count`']],
    ['unique_key: [day, d]\naccumulate: { n: sum, m: sum }', `${key} sum(n) as n ${from}`, ['6:23: accumulate names m, which is no output column']],
    ['unique_key: [day, d]\naccumulate: { n: max }', `${key} sum(n) as n ${from}`, ['6:18: accumulate says n is a max, the SELECT makes it a sum']],
    ['unique_key: [day, d]\naccumulate: { n: count }', `${key} sum(n) as n ${from}`, ['6:18: accumulate says n is a count, the SELECT makes it a sum']],
    ['unique_key: [day, d]\naccumulate: { n: avg }', `${key} sum(n) as n ${from}`, ['6:18: accumulate knows sum, min, max, count, not avg', '8:16: accumulate: n is not listed under accumulate, as in `n: sum`']],
    ['unique_key: [day, d]\naccumulate: { d: max, n: sum }', `${key} sum(n) as n ${from}`, ['6:15: accumulate names d, which is a group key']],
    ['unique_key: [day, d]', `${key} sum(n) as n ${from}`, ['2:1: accumulate is missing: which output columns are sums, counts, minima or maxima', '7:16: accumulate: n is not listed under accumulate, as in `n: sum`']],
  ])('%j must agree with the SELECT', async (more, select, problems) => {
    expect(await accumulate(select, more)).toEqual(problems);
  });

  it('takes a count for a sum', async () => {
    expect(await accumulate(`${key} count(*) as n ${from}`, 'unique_key: [day, d]\naccumulate: { n: sum }')).toEqual([]);
    const { models } = await load(INPUTS);
    expect(models.find(({ relation }) => relation === 'silver.sums')?.accumulate).toEqual({ n: 'sum' });
  });
});

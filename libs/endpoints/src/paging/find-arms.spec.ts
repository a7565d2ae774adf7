import { describe, expect, it } from '@jest/globals';
import { StatementError, type Dataset } from '@ingot/datasets';
import { compileTemplate } from '../sql-template.js';
import type { Arm } from './arm.js';
import { findArms } from './find-arms.js';
import { pageTemplates } from './page-read.js';
import { model } from './test/models.js';

const READINGS = model('silver.readings', { strategy: 'append', notNull: ['id', 'at'] });
const DAYS = model('gold.days', { strategy: 'delete+insert', notNull: ['day', 'device'] });
const WARNED = { ...model('gold.warned', { strategy: 'merge', notNull: [] }), dataTests: DAYS.dataTests.map((test) => ({ ...test, onFail: 'warn' })) };
const DATASET = { models: [READINGS, DAYS, WARNED], seeds: [] } as unknown as Pick<Dataset, 'models' | 'seeds'>;

function arms(sql: string): readonly Arm[] {
  const { template, statement } = compileTemplate(sql, [{ name: 'x', type: 'text' }]);
  const found = findArms(statement, DATASET);
  pageTemplates({ template, arms: found });
  return found;
}

/** What is said first, with the text that begins at its place. */
function refusal(sql: string): [place: string, message: string] | undefined {
  try {
    arms(sql);
  } catch (error) {
    if (!(error instanceof StatementError)) throw error;
    const [problem] = error.problems;
    return [sql.slice(problem?.index), problem?.message ?? ''];
  }
  return undefined;
}

describe('findArms', () => {
  it('finds one SELECT, and each arm of UNION ALL however it is put in parentheses', () => {
    expect(arms('select at from silver.readings order by at, id desc')).toEqual([{ keys: [{ column: '"at"', descending: false }, { column: '"id"', descending: true }], growing: ['silver.readings'] }]);
    const days = '(select day, device from gold.days order by device, day)';
    expect(arms(`((select at, null from silver.readings order by id)) union all (${days} union all ${days})`).map(({ keys, growing }) => [keys.length, growing])).toEqual([[1, ['silver.readings']], [2, []], [2, []]]);
  });

  it('takes a sort key for what it means to Postgres: a result column first, a number, a column of a table', () => {
    const column = (sql: string): string | undefined => arms(sql)[0]?.keys[0]?.column;
    expect(column('select r.id as at from silver.readings r order by at')).toBe('"r"."id"');
    expect(column('select 1, id from silver.readings order by 2')).toBe('"id"');
    expect(column('select upper(device) as name from gold.days order by day')).toBe('"day"');
    expect(column('select d.day from silver.readings r left join gold.days d on true order by r.at, r.id')).toBe('"r"."at"');
    expect(arms('select id from silver.readings where exists (select from gold.days) and at = (select max(x.at) from silver.readings x) order by id')[0]?.growing).toEqual(['silver.readings']);
  });

  const PLAIN = 'pages are cut by plain columns: order by columns of the tables in FROM, with the alias in front where a result column has the same name';
  const NULLS = 'may be null, as far as its model says, and pages would leave those rows out: give the column data_tests: [not_null]';
  it.each<[sql: string, place: string, message: string]>([
    ['select at from silver.readings', 'at from', 'a page is cut from rows in a unique order: this SELECT has no ORDER BY of its own'],
    ['select at from silver.readings order by at + id', 'at + id', PLAIN],
    ['select upper(device) as device from gold.days order by device', 'device', PLAIN],
    ['select r.id from silver.readings as r (at, value, id) order by r.id', 'r.id', `r.id ${NULLS}`], // another column under its name
    ['select day::text from gold.days order by day', 'day', PLAIN],
    ['select at, 1 from silver.readings order by 2', '2', PLAIN],
    ['select at from silver.readings order by value', 'value', `value ${NULLS}`],
    ['select day from gold.warned order by day', 'day', `day ${NULLS}`],
    ['select r.at from silver.readings r left join gold.days d on true order by d.day', 'd.day', `d.day ${NULLS}`],
    ['select s.at from (select at from silver.readings) s order by s.at', 's.at', `s.at ${NULLS}`],
    ['select at from silver.readings order by id limit 5', '5', 'a paged statement has no LIMIT or OFFSET of its own'],
    ['select at from silver.readings order by id offset 5', '5', 'a paged statement has no LIMIT or OFFSET of its own'],
    ['select distinct at from silver.readings order by at', 'at from', 'a SELECT with DISTINCT is not paged: give its rows a model of their own, or a sub-select in FROM'],
    ['select at from silver.readings group by at order by at', 'at order', 'a SELECT with GROUP BY is not paged'],
    ['select count(*) from silver.readings order by id', 'count(*)', 'a SELECT with an aggregate is not paged'],
    ['select rank() over (order by at) from silver.readings order by id', 'rank()', 'a SELECT with a window function is not paged'],
    ['with w as (select 1) select at from silver.readings, w order by id', 'w as (', 'a SELECT with WITH is not paged'],
    ['select at from silver.readings union all select day from gold.days order by 1', '1', 'this ORDER BY sorts all arms together'],
    ['(select at from silver.readings order by id) union (select day from gold.days order by day)', 'at from', 'pages go through one arm after the other: only UNION ALL does that'],
    ['(select at from silver.readings order by id) union all (select day from gold.days order by day) limit 5', '5', 'a paged statement has no LIMIT or OFFSET of its own'],
    ['(select at from silver.readings order by id) union all (select day from gold.days)', 'day from', 'a page is cut from rows in a unique order'],
  ])('refuses %s', (sql, place, message) => {
    const [at, said] = refusal(sql) ?? ['', ''];
    expect([at.slice(0, place.length), said.slice(0, message.length)]).toEqual([place, message]);
  });

  it('takes words for what they are: names behind AS and a dot, comments, quotes, IS DISTINCT FROM', () => {
    const sql = `select r.at as from, r."where" is distinct from 'order by' /* from where */ as "group", r.limit as where -- where
      from silver.readings as r -- where (
      where r.order = :x -- group by
        and r.group is not null
      order by r.at, r.id`;
    const { template, statement } = compileTemplate(sql, [{ name: 'x', type: 'text' }]);
    const [rows, end] = pageTemplates({ template, arms: findArms(statement, DATASET) });
    expect(rows?.text.replaceAll(/\s+/g, ' ')).toBe(
      `select r.at as from, r."where" is distinct from 'order by' /* from where */ as "group", r.limit as where -- where from (select * from silver.readings where _run_id <= $1 ) as r -- where ( where ("r"."at", "r"."id") > ( $2 , $3 ) and ("r"."at", "r"."id") <= ( $4 , $5 ) and ( r.order = $6 -- group by and r.group is not null) order by r.at, r.id`,
    );
    expect(end?.text).toContain('order by "r"."at", "r"."id" limit');
    expect(end?.text).not.toContain('is distinct');
  });
});

import { describe, expect, it } from '@jest/globals';
import { load, sqlFile } from '../test/written-dataset.js';

const COLUMNS = 'columns: [{ name: at, data_type: timestamp with time zone }, { name: wall, data_type: timestamp }]';
const STG = sqlFile(`materialized: view\n${COLUMNS}`, "select id, received_at as at, received_at at time zone 'UTC' as wall, line from bronze.raw");

/** Lines and columns of the warnings of gold/m.sql, whose SELECT begins in line 4. */
async function warningsOf(select: string): Promise<string[]> {
  const { warnings } = await load({ 'silver/stg.sql': STG, 'gold/m.sql': sqlFile('materialized: view', select) });
  return warnings.map(({ line, column }) => `${line}:${column}`);
}

describe('a cast to date is warned about', () => {
  it.each<[string, string, string[]]>([
    ['of a bronze column', 'select received_at::date as d from bronze.raw', ['4:8']],
    ['of a column declared so in another model', 'select\n cast(s.at as date) as d from silver.stg s', ['5:7']],
    ['in a condition', "select id from silver.stg where at::date > '2022-01-01'", ['4:33']],
    ['in GROUP BY and in a sub-select', 'select d.day, (select max(at::date) from silver.stg) as m from (select at::date as day from silver.stg) d group by 1', ['4:27', '4:72']],
    ['through WITH queries', 'with w as (select at as x from silver.stg) select x::date as d from w', ['4:51']],
    ['of an expression that is an instant', "select (at + interval '1 day')::date as a, date_trunc('day', at)::date as b, coalesce(null, at)::date as c, now()::date as d, (line::timestamptz)::date as e, to_timestamp(0)::date as f, current_timestamp::date as g from silver.stg", ['4:9', '4:44', '4:78', '4:109', '4:128', '4:159', '4:187']],
    ['in each arm of a union', 'select at::date as d from silver.stg union select received_at::date from bronze.raw', ['4:8', '4:51']],
  ])('%s', async (_what, select, places) => {
    expect(await warningsOf(select)).toEqual(places);
  });

  it.each([
    ['with AT TIME ZONE', "select (at at time zone 'UTC')::date as d from silver.stg"],
    ['of a timestamp', 'select wall::date as d from silver.stg'],
    ['of text', "select line::date as d, '2022-01-01'::date as e from silver.stg"],
    ['of a difference', 'select (at - at)::text as d from silver.stg'],
    ['to something else', 'select at::text as d from silver.stg'],
  ])('not %s', async (_what, select) => {
    expect(await warningsOf(select)).toEqual([]);
  });

  it('in tests/ too, in order of place, and says what to write', async () => {
    const { warnings } = await load({ 'silver/stg.sql': STG, 'silver/z.sql': sqlFile('materialized: view', 'select at::date as d from silver.stg'), 'tests/b.sql': 'select at::date as d from silver.stg', 'gold/m.sql': sqlFile('materialized: view', 'select at::date as d from silver.stg') });
    expect(warnings.map(({ file }) => file)).toEqual(['sql/t/gold/m.sql', 'sql/t/silver/z.sql', 'sql/t/tests/b.sql']);
    expect(warnings[0]?.message).toContain("(x at time zone 'UTC')::date");
  });
});

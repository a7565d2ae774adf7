import { describe, expect, it } from '@jest/globals';
import { EXACT, INEXACT } from '../test/touch-key-cases.js';
import { loadCase } from '../test/touch-key-dataset.js';
import { messagesOf, problemsOf, sqlFile } from '../test/written-dataset.js';

describe('the touch_key of delete+insert', () => {
  it.each(EXACT)('is followed through $name', async (example) => {
    const model = await loadCase(example);
    expect(model.touchKey.map(({ column }) => column)).toEqual(example.touchKey);
    for (const { from } of model.touchKey) expect(Object.keys(from).sort()).toEqual([...example.incrementOn].sort());
  });

  it('names the column of each input', async () => {
    const select = 'select a.k as day, count(*) as c from silver.a a join silver.b b on b.g = a.k group by a.k';
    const model = await loadCase({ name: '', select, touchKey: ['day'], incrementOn: ['silver.a', 'silver.b'] });
    expect(model.touchKey).toEqual([{ column: 'day', from: { 'silver.a': 'k', 'silver.b': 'g' } }]);
  });

  it.each(INEXACT)('is refused for $name', async (example) => {
    const [first, ...more] = await messagesOf(loadCase(example));
    expect(first).toMatch(/^gold\/m\.sql:(6:13: touch_key .* is not by lineage a plain column of|8:\d+: delete\+insert: )/);
    expect(more.filter((message) => !message.startsWith('gold/m.sql:'))).toEqual([]);
  });

  const grows = sqlFile('materialized: incremental\nincremental_strategy: append\nincrement_on: bronze.raw', "select id as k, length(line) as v from bronze.raw");
  const ofModel = (touchKey: string, select: string): Promise<string[]> =>
    problemsOf({
      'silver/a.sql': grows,
      'gold/m.sql': sqlFile(`materialized: incremental\nincremental_strategy: delete+insert\nincrement_on: silver.a\n${touchKey}`, select),
    });

  it.each<[string, string, string]>([
    ['touch_key: [k, kk]', 'select k, v from silver.a', '5:16: touch_key names kk, which is no output column'],
    ['touch_key: k', "select 'Power' as k,\nv from silver.a", '5:12: touch_key k is not by lineage a plain column of silver.a as read in line 2 of the SELECT'],
    ['touch_key: k', 'select k, p.v from silver.a p join (select v as k, v from silver.a) q using (k)', '5:12: touch_key k comes from two columns of silver.a: k and v'],
    ['touch_key: k', 'select k, v from silver.a limit\n3', '8:1: delete+insert: LIMIT looks across touched keys'],
    ['touch_key: k', 'select k,\nrow_number() over (order by v) as r from silver.a', '8:1: delete+insert: a window must be PARTITION BY the touch_key (k)'],
    ['touch_key: k', 'select distinct on (\nv) k, v from silver.a', '8:1: delete+insert: DISTINCT ON must name the touch_key (k)'],
    ['touch_key: k', 'select k, sum(v) as v from silver.a group by\ncube (k)', '8:1: delete+insert: grouping sets must leave the touch_key (k) a plain group key'],
    ['touch_key: x', "select * from silver.a a, json_populate_record(null::record, '{}') b", "5:12: touch_key names x, which is no output column; a * hides columns that only the database knows: list them"],
    ['description: no key', 'select k, v from silver.a', '2:1: touch_key is missing (unique_key would do): delete+insert computes the touched keys anew'],
  ])('%s with %s', async (touchKey, select, message) => {
    const problems = await ofModel(touchKey, select);
    expect(problems.filter((problem) => !problem.includes('_run_id'))).toEqual([`gold/m.sql:${message}`]);
  });

  it('is unique_key when it is not given', async () => {
    expect(await ofModel('unique_key: k', 'select k, max(v) as v from silver.a group by k')).toEqual([]);
    expect(await ofModel('unique_key: v', 'select k, max(v) as v from silver.a group by k')).toEqual([
      'gold/m.sql:5:13: touch_key v is not by lineage a plain column of silver.a as read in line 1 of the SELECT',
    ]);
  });
});

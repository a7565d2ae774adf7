import { describe, expect, it } from '@jest/globals';
import { keepsEveryRow } from './keeps-rows.js';
import { parseSelect } from './parser.js';

describe('keepsEveryRow', () => {
  it.each([
    ['select a from x.t', true],
    ['select a from x.t where a > 0', false],
    ['select a from (select a from x.t) as q', true],
    ['select a from (select a from x.t where b) as q', false],
    ['select a from (select a from x.t) as q where a > 0', false],
    ['with r as (select * from x.t) select * from r', true],
    ['with r as (select * from x.t where a > 1) select * from r', false],
    ['select * from x.t left join x.u using (id)', true],
    ['select * from x.t left join x.u using (id) left join (select 1 as id where false) as v using (id)', true],
    ['select * from x.u right join x.t using (id)', true],
    ['select * from x.t join x.u using (id)', false],
    ['select * from (x.t left join x.u using (id)) join x.v using (id)', false],
    ['select * from x.t, x.u', false],
    ['select * from x.t cross join unnest(array[1]) as u', false],
    ['select (select 1 from x.u where u.id = t.id) from x.t', true],
  ])('%s: %s', (text, expected) => {
    const { mentions } = parseSelect(text);
    expect(keepsEveryRow({ text, file: 'f.sql', offset: 0, fileText: text, mentions }, 'x.t')).toBe(expected);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LINEAGE_CASES, TABLES } from '../../test/lineage-cases.js';
import { randomSelect } from '../../test/random-select.js';
import { parseSelect } from '../parser.js';
import { Lineage } from './lineage.js';
import { union, type Sources } from './sources.js';

const lineage = new Lineage((relation) => TABLES[relation] ?? { columns: [], complete: false }, new Set());
const MARKS = { same: '', computed: '~', condition: '?' };

const write = (sources: Sources): string => [...sources.values()].map(({ relation, column, kind }) => `${relation.slice(2)}.${column}${MARKS[kind]}`).sort().join(' ');

/** `column: a.k b.w~`, one each, then what decides about the rows under `rows`; `~` computed, `?` a condition. */
function follow(text: string): Record<string, string> {
  const { list, rows } = lineage.outputs(parseSelect(text).block);
  const columns = list.map((column) => [column?.name ?? '?', column === undefined ? '' : write(column.from)] as const);
  return { ...Object.fromEntries(columns), ...(rows.size > 0 ? { rows: write(rows) } : {}) };
}

describe('the lineage of columns', () => {
  it.each(LINEAGE_CASES)('%s', (_what, text, expected) => {
    expect(follow(text)).toEqual(expected);
  });

  it('answers any valid SELECT', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { list, complete } = lineage.outputs(parseSelect(randomSelect(seed)).block);
        expect(complete && list.every((column) => column !== undefined)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('follows three thousand operators and a hundred levels, four hundred arms', () => {
    expect(follow(`select ${'v + '.repeat(3_000)}k as x from s.a`)).toEqual({ x: 'a.k~ a.v~' });
    expect(follow(Array.from({ length: 400 }, (_, i) => `select k, ${i} from s.a`).join(' union all '))).toEqual({ k: 'a.k', '?': '' });
    const nested = Array.from({ length: 100 }, (_, i) => i).reduce((inner, i) => `select k + ${i} as k from (${inner}) t${i}`, 'select k from s.a');
    expect(follow(nested)).toEqual({ k: 'a.k~' });
  });

  it('says what hides behind a * that stays', () => {
    const { complete, unlisted } = lineage.outputs(parseSelect('select o.*, v from s.open o, s.a').block);
    expect([complete, write(unlisted!('z'))]).toEqual([false, 'open.z']);
    expect(lineage.outputs(parseSelect('select * from s.a').block).unlisted).toBeUndefined();
  });

  it('keeps the strongest kind of a column met twice', () => {
    const same = new Map([['a.k', { relation: 'a', column: 'k', kind: 'same' as const }]]);
    const computed = new Map([['a.k', { relation: 'a', column: 'k', kind: 'computed' as const }]]);
    expect([union([same, computed]), union([computed, same])]).toEqual([same, same]);
  });
});

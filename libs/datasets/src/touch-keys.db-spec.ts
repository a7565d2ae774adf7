import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import fc from 'fast-check';
import { EXACT, INEXACT, type TouchKeyCase } from '../test/touch-key-cases.js';
import { loadCase } from '../test/touch-key-dataset.js';
import type { Model } from './dataset.js';
import { parseSelect } from './parser.js';
import { withRelations } from './rendered-query.js';

// The lineage rules against their definition: keep of each input mention the rows of some keys only, and the SELECT
// must give exactly those of its rows that have these keys.

const KEYS = [0, 1, 2, 3];
const row = fc.tuple(fc.constantFrom(...KEYS), fc.constantFrom(0, 1, 2), fc.constantFrom(0, 1, 2));
const tables = fc.record({ a: fc.array(row, { maxLength: 8 }), b: fc.array(row, { maxLength: 8 }), l: fc.array(row, { maxLength: 8 }) });
const touched = fc.uniqueArray(fc.constantFrom(...KEYS), { minLength: 1, maxLength: 2 });

describe('computing touched keys anew', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
    await database.query(`create table silver.a (k int, g int, v int); create table silver.b (k int, g int, w int); create table silver.l (k int, g int, x int)`);
  });
  afterAll(() => database.drop());

  type Tables = { a: [number, number, number][]; b: [number, number, number][]; l: [number, number, number][] };
  const values = (rows: [number, number, number][]): string => rows.map((cells) => `(${cells.join(', ')})`).join(', ');

  /** Rows that only one of the two ways gives, counted as often as they differ. */
  async function differences(select: string, restricted: string, keep: string, { a, b, l }: Tables): Promise<number> {
    const fill = Object.entries({ a, b, l }).map(([name, rows]) => `delete from silver.${name};${rows.length > 0 ? `insert into silver.${name} values ${values(rows)};` : ''}`);
    await database.query(fill.join(''));
    const [found] = await database.query<{ count: string }>(
      `with whole as (select * from (${select}) q where ${keep}), part as (select * from (${restricted}) q)
       select (select count(*) from (select * from whole except all select * from part) x) + (select count(*) from (select * from part except all select * from whole) x) as count`,
    );
    return Number(found!.count);
  }

  /** Each mention of an input replaced by its rows of these keys: what the engine does. */
  function restrict(model: Pick<Model, 'query' | 'touchKey'>, keys: readonly number[]): string {
    return withRelations(model.query, ({ relation }) => {
      const conditions = model.touchKey.flatMap(({ from }) => (from[relation] === undefined ? [] : [`${from[relation]} in (${keys.join(', ')})`]));
      return conditions.length === 0 ? undefined : `(select * from ${relation} where ${conditions.join(' and ')})`;
    }).text;
  }

  it.each(EXACT)('is exact for $name', async (example) => {
    const model = await loadCase(example);
    await fc.assert(
      fc.asyncProperty(tables, touched, async (data, keys) => {
        const keep = example.touchKey.map((column) => `${column} in (${keys.join(', ')})`).join(' and ');
        expect(await differences(example.select, restrict(model, keys), keep, data)).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it.each(INEXACT)('would be wrong for $name', async (example) => {
    expect(await findsDifference(example)).toBe(true);
  });

  /** As if the refused key were a plain column of the same name of each input. */
  async function findsDifference({ select, touchKey, incrementOn }: TouchKeyCase): Promise<boolean> {
    const query = { text: select, file: '', offset: 0, fileText: select, mentions: parseSelect(select).mentions };
    const model = { query, touchKey: touchKey.map((column) => ({ column, from: Object.fromEntries(incrementOn.map((relation) => [relation, column])) })) };
    for (const [data, keys] of fc.sample(fc.tuple(tables, touched), { numRuns: 300, seed: 7 })) {
      const keep = touchKey.map((column) => `${column} in (${keys.join(', ')})`).join(' and ');
      if ((await differences(select, restrict(model, keys), keep, data)) > 0) return true;
    }
    return false;
  }
});

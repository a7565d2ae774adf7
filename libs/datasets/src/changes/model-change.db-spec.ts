import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import fc from 'fast-check';
import { ADDED, NOT_ADDED, READERS } from '../../test/added-columns-cases.js';
import { Lineage } from '../lineage/lineage.js';
import { parseSelect } from '../parser.js';

// What addsColumnsOnly and readsAddedColumns say, against PostgreSQL: which rows there are with and without the columns.

const WIDTHS = { s: 7, t: 2, x: 2, p: 4, q: 2, r: 2 };
const cell = fc.option(fc.integer({ min: 0, max: 3 }), { freq: 6 });
const rowsOf = (width: number) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 });
type Data = Record<string, (number | null)[][]>;
const DATA: fc.Arbitrary<Data> = fc.record(Object.fromEntries(Object.entries(WIDTHS).map(([name, width]) => [name, rowsOf(width)])));

/** The result columns of a SELECT, for a list of them. */
function namesOf(select: string): string {
  const { list } = new Lineage(() => ({ columns: [], complete: false }), new Set()).outputs(parseSelect(select).block);
  return list.map((column) => column!.name).join(', ');
}

describe('columns that are added', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
    await database.query(`create table silver.s (a int, b int, d int, f int, k int, t int, v int); create table silver.t (a int, b int); create table silver.x (k int, e int);
      create table silver.p (a int, b int, k int, v int); create table silver.q (k int, x int); create table silver.r (k int, x int)`);
  });
  afterAll(() => database.drop());

  async function fill(data: Data): Promise<void> {
    await database.query(Object.entries(data).map(([name, rows]) => `delete from silver.${name}; insert into silver.${name} values ${rows.map((cells) => `(${cells.map((value) => value ?? 'null').join(', ')})`).join(', ')};`).join(' '));
  }

  /** The rows of a SELECT as text, of some of its columns, in no order. */
  async function rowsOfSelect(select: string, columns = '*'): Promise<string[]> {
    const rows = await database.query<{ r: string }>(`select to_jsonb(q)::text as r from (select ${columns} from (${select}\n) z) q`);
    return rows.map(({ r }) => r).sort();
  }

  it.each(ADDED)('leave the rows as they are: %s', async (_what, before, after) => {
    const names = namesOf(before);
    await fc.assert(
      fc.asyncProperty(DATA, async (data) => {
        await fill(data);
        expect(await rowsOfSelect(after, names)).toEqual(await rowsOfSelect(before, names));
      }),
      { numRuns: 5 },
    );
  });

  it.each(NOT_ADDED)('would not when %s', async (_what, before, after) => {
    const names = namesOf(before);
    for (const data of fc.sample(DATA, { numRuns: 100, seed: 9 })) {
      await fill(data);
      const [old, now] = [await rowsOfSelect(before, names), await rowsOfSelect(after, names).catch(() => ['a column is gone'])];
      if (JSON.stringify(old) !== JSON.stringify(now)) return;
    }
    throw new Error('no rows show a difference');
  });

  it.each(READERS.filter(([, reason]) => reason === undefined))('change nothing for %s', async (text) => {
    await fc.assert(
      fc.asyncProperty(DATA, async (data) => {
        await fill(data);
        const before = await rowsOfSelect(text);
        await database.query('begin; alter table silver.p add x int default 1, add y int default 2');
        const after = await rowsOfSelect(text).finally(() => database.query('rollback'));
        expect(after).toEqual(before);
      }),
      { numRuns: 5 },
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isolate, type RowRange } from './isolate.js';
import { tooMany } from './row-faults.js';

async function search(rows: number, fails: (range: RowRange) => boolean, known = false) {
  const done: number[] = [];
  const found: number[] = [];
  let attempts = 0;
  const attempt = (range: RowRange): Promise<string | undefined> => {
    attempts++;
    if (fails(range)) return Promise.resolve('failed');
    for (let row = range.from; row <= range.to; row++) done.push(row);
    return Promise.resolve(undefined);
  };
  await isolate({ from: 1, to: rows }, attempt, (row) => void found.push(row), known);
  return { done, found, attempts };
}

describe('isolate', () => {
  it('does every row once but the guilty ones, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(300), fc.uniqueArray(fc.integer({ min: 1, max: 300 }), { maxLength: 20 }), async (rows, some) => {
        const guilty = some.filter((row) => row <= rows).sort((a, b) => a - b);
        const { done, found } = await search(rows, ({ from, to }) => guilty.some((row) => row >= from && row <= to));
        expect(found).toEqual(guilty);
        expect(done).toEqual(Array.from({ length: rows }, (_, i) => i + 1).filter((row) => !guilty.includes(row)));
      }),
    );
  });

  it('finds 3 of 1,000 in about 53 attempts, and 1 of a million in 40', async () => {
    const three = await search(1_000, ({ from, to }) => [101, 501, 902].some((row) => row >= from && row <= to));
    expect(three.attempts).toBeLessThanOrEqual(53);
    expect((await search(1_000_000, ({ from, to }) => from <= 7 && to >= 7)).attempts).toBeLessThanOrEqual(40);
  });

  it('blames nobody when rows fail side by side only', async () => {
    const { done, found } = await search(8, ({ from, to }) => from <= 3 && to >= 6);
    expect(found).toEqual([]);
    expect(done).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect((await search(4, () => false, true)).done).toEqual([1, 2, 3, 4]);
  });

  it('does nothing with no rows', async () => {
    expect((await search(0, () => true)).attempts).toBe(0);
  });
});

describe('tooMany', () => {
  it.each([
    [1, 1, false],
    [1_000, 1_000, false],
    [1_001, 1_001, true],
    [1_001, 100_100, false],
    [1_002, 100_100, true],
    [10_000, 1_000_000, false],
    [10_001, 100_000_000, true],
  ])('%d of %d: %s', (guilty, rows, expected) => {
    expect(tooMany(guilty, rows)).toBe(expected);
  });
});

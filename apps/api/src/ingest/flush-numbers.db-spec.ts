import { expect, it } from '@jest/globals';
import { createTestDatabase } from '@ingot/testing';
import { newFlush, writeFlush } from './flush.js';
import { batch, RELATION, TABLE } from './test/bronze.js';

it('lines of a later flush have higher numbers, whichever session writes them, with an idempotency key or without', async () => {
  const database = await createTestDatabase();
  try {
    await database.query(TABLE);
    const sessions = [await database.session(), await database.session()];
    const lines = Array.from({ length: 12 }, (_, i) => `7 a ${i}`);
    for (const [i, line] of lines.entries()) await writeFlush(sessions[i % 2]!, newFlush(RELATION, [batch(line, i % 3 === 0 ? { key: `k${i}` } : {})]));
    const stored = await database.query<{ line: string }>(`select line from ${RELATION} order by id`);
    expect(stored.map(({ line }) => line)).toEqual(lines);
  } finally {
    await database.drop();
  }
});

import { expect, it } from '@jest/globals';
import { createTestDatabase } from '@ingot/testing';
import { newFlush, writeFlush } from './flush.js';
import { batch, RELATION, TABLE } from './test/bronze.js';

it('a flush row counts the lines and bytes that were stored, not those that idempotency keys left out', async () => {
  const database = await createTestDatabase();
  try {
    await database.query(TABLE);
    const client = await database.session();
    const counts = () => database.query('select lines, bytes::int as bytes from bronze.flushes order by ingest_xid');
    await writeFlush(client, newFlush(RELATION, [batch('1 a 1\n2 b 22', { key: 'k' })]));
    expect(await counts()).toEqual([{ lines: 2, bytes: 11 }]);
    const mixed = newFlush(RELATION, [batch('1 a 1\n2 b 22', { key: 'k' }), batch('3 c 3\r\n'), batch('4 d 4', { key: 'k' })]);
    await writeFlush(client, mixed);
    expect(mixed.verdicts).toEqual(['replayed', 'stored', 'mismatch']);
    expect(await counts()).toEqual([{ lines: 2, bytes: 11 }, { lines: 1, bytes: 5 }]);
    await writeFlush(client, newFlush(RELATION, [batch('1 a 1\n2 b 22', { key: 'k' })]));
    expect(await counts()).toHaveLength(2);
    expect(await database.query(`select count(*)::int as n from ${RELATION}`)).toEqual([{ n: 3 }]);
  } finally {
    await database.drop();
  }
});

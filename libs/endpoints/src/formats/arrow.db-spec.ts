import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { tableFromIPC, type Table } from 'apache-arrow';
import { formatter } from '../../test/formatted.js';
import { HARD_ROWS, HARD_VALUES } from '../../test/hard-rows.js';
import { FORMATS } from './formats.js';

describe('Arrow, read by apache-arrow', () => {
  let database: TestDatabase;
  let render: Awaited<ReturnType<typeof formatter>>;
  beforeAll(async () => {
    database = await createTestDatabase();
    render = await formatter(database);
  });
  afterAll(() => database.drop());
  const read = async (query: string): Promise<Table> => tableFromIPC(await render(FORMATS.arrow, query));

  it('keeps types', async () => {
    expect((await read(HARD_ROWS)).schema.fields.map(({ name, type }) => `${name} ${String(type)}`)).toEqual([
      'id Int32', 'at Timestamp<MICROSECOND, UTC>', 'day Date32<DAY>', 'local Timestamp<MICROSECOND>', 'small Int16', 'big Int64', 'real Float32', 'double Float64', 'exact Utf8', 'flag Bool',
      'note Utf8', 'doc Utf8', 'tags Utf8', 'span Utf8', 'code Utf8', 'oid Int64',
    ]);
  });

  it('keeps every value to its last digit', async () => {
    const table = await read(HARD_ROWS);
    const columns = table.schema.fields.map(({ name }, i) => {
      const column = table.getChildAt(i);
      // Its getters make doubles of milliseconds out of times; what is stored is finer.
      if (['at', 'day', 'local'].includes(name)) return Array.from({ length: table.numRows }, (_, row) => (column?.isValid(row) === true ? (column.data[0]?.values as number[])[row] : null));
      return Array.from<unknown>(column ?? []);
    });
    expect(Array.from({ length: table.numRows }, (_, row) => columns.map((column) => column[row]))).toEqual(HARD_VALUES);
  });

  it('is a stream of columns without rows when the result is empty', async () => {
    const table = await read('select 1 as id, null::text as note where false');
    expect([table.numRows, ...table.schema.names]).toEqual([0, 'id', 'note']);
  });

  it('writes batches of bounded size, and every row once and in order', async () => {
    const table = await read("select i as id, case when i % 7 > 0 then 'name ' || i % 5 end as name, i % 3 = 0 as third from generate_series(1, 50000) i");
    expect(table.batches.map(({ numRows }) => numRows)).toEqual([20_000, 20_000, 10_000]);
    expect(Array.from(table, (row: { toArray(): unknown[] }) => row.toArray())).toEqual(Array.from({ length: 50_000 }, (_, i) => [i + 1, (i + 1) % 7 > 0 ? `name ${(i + 1) % 5}` : null, (i + 1) % 3 === 0]));
  });
});

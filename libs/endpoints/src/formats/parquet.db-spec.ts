import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JS } from '@duckdb/node-api';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { openDuckDb, type OtherReader } from '../../test/duckdb.js';
import { formatter } from '../../test/formatted.js';
import { HARD_ROWS, HARD_VALUES } from '../../test/hard-rows.js';
import { FORMATS } from './formats.js';

describe('Parquet, read by DuckDB', () => {
  let database: TestDatabase;
  let render: Awaited<ReturnType<typeof formatter>>;
  let reader: OtherReader;
  let duck: OtherReader['duck'];
  let file: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    render = await formatter(database);
    reader = await openDuckDb('parquet');
    ({ duck, file } = reader);
  });
  afterAll(async () => {
    reader.close();
    await database.drop();
  });
  const readBack = async (sql: string): Promise<JS[][]> => (await duck.runAndReadAll(sql.replace('$file', `read_parquet('${file}')`))).getRowsJS();
  const write = async (query: string): Promise<void> => writeFileSync(file, await render(FORMATS.parquet, query));

  it('keeps types', async () => {
    await write(HARD_ROWS);
    expect((await readBack("select column_name || ' ' || column_type from (describe select * from $file)")).flat()).toEqual([
      'id INTEGER', 'at TIMESTAMP WITH TIME ZONE', 'day DATE', 'local TIMESTAMP', 'small SMALLINT', 'big BIGINT', 'real FLOAT', 'double DOUBLE', 'exact VARCHAR', 'flag BOOLEAN',
      'note VARCHAR', 'doc VARCHAR', 'tags VARCHAR', 'span VARCHAR', 'code VARCHAR', 'oid BIGINT',
    ]);
  });

  it('keeps every value to its last digit', async () => {
    await write(HARD_ROWS);
    const columns = `id, epoch_us("at"), day - date '1970-01-01', epoch_us(local), * exclude (id, "at", day, local)`;
    expect((await readBack(`select ${columns} from $file order by id`)).map((row) => row.map(dayNumber))).toEqual(HARD_VALUES);
  });

  it('is a file of columns without rows when the result is empty', async () => {
    await write('select 1 as id, now() as at, null::text as note where false');
    expect(await readBack('select count(*) from $file')).toEqual([[0n]]);
    expect((await readBack('describe select * from $file')).map(([name]) => name)).toEqual(['id', 'at', 'note']);
  });

  it('writes row groups of bounded size, and every row once and in order', async () => {
    await write("select i as id, case when i % 7 > 0 then 'name ' || i % 5 end as name, i / 3.0::float8 as value from generate_series(1, 50000) i");
    expect(await readBack("select count(*), count(name), sum(id)::bigint, bool_and(value = id / 3.0::double) from $file")).toEqual([[50_000n, 42_858n, 1_250_025_000n, true]]);
    const groups = await duck.runAndReadAll(`select distinct row_group_id, row_group_num_rows from parquet_metadata('${file}') order by 1`);
    expect(groups.getRowsJS()).toEqual([[0n, 20_000n], [1n, 20_000n], [2n, 10_000n]]);
    expect(await readBack('select bool_and(id = row_number) from (select id, row_number() over () from $file) t(id, row_number)')).toEqual([[true]]);
  });

  it('bounds row groups in bytes, too', async () => {
    await write("select i as id, repeat(chr(65 + i), 1000000) as note from generate_series(1, 12) i");
    expect(await readBack('select count(*), sum(length(note))::bigint, min(left(note, 1)) from $file')).toEqual([[12n, 12_000_000n, 'B']]);
    const groups = await duck.runAndReadAll(`select distinct row_group_id from parquet_metadata('${file}')`);
    expect(groups.currentRowCount).toBe(3);
  });
});

/** DuckDB counts days in BIGINT. */
function dayNumber(value: JS, column: number): JS {
  return column === 2 && typeof value === 'bigint' ? Number(value) : value;
}

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { DataSource } from 'typeorm';
import { ENTITIES, openDataSource } from '../operations/data-source.js';

interface ColumnFacts {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly key: boolean;
}

let database: TestDatabase;
let source: DataSource;
beforeAll(async () => {
  database = await createTestDatabase();
  source = await openDataSource({ url: database.url, name: 'entities' });
});
afterAll(async () => {
  await source.destroy();
  await database.drop();
});

const inDatabase = (table: string) => database.query<ColumnFacts & Record<string, unknown>>(
  `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, not a.attnotnull as nullable,
     exists (select from pg_constraint as k where k.conrelid = a.attrelid and k.contype = 'p' and a.attnum = any(k.conkey)) as key
   from pg_attribute as a where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by 1`,
  [table],
);

const NAMES: Readonly<Record<string, string>> = { timestamptz: 'timestamp with time zone' };

describe('the entities', () => {
  it.each(ENTITIES.map((entity) => [entity.name, entity] as const))('%s has just the columns that the migrations leave', async (_name, entity) => {
    const { columns, tablePath } = source.getMetadata(entity);
    const declared = columns
      .map(({ databaseName, type, isArray, isNullable, isPrimary }): ColumnFacts => ({ name: databaseName, type: `${NAMES[type as string] ?? (type as string)}${isArray ? '[]' : ''}`, nullable: isNullable, key: isPrimary }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(declared).toEqual(await inDatabase(tablePath));
  });

  it('read a run with its steps, numbers as numbers and transaction ids as bigints', async () => {
    await database.query(`insert into ingot.datasets (name, run_id, snapshot_xmax, snapshot_xip) values ('d', 7, 9007199254740993, '{5,6}')`);
    await database.query(`insert into ingot.runs (dataset, run_id, status, started_at, finished_at, rows_in, xid, snapshot_xmax, snapshot_xip, duration_ms) values ('d', 7, 'succeeded', now(), now(), 12, 9007199254740993, 9, '{3}', 1.5)`);
    await database.query(`insert into ingot.run_steps (run, position, model, strategy, rows_written, duration_ms) values (1, 2, 'b', 'append', 2, 1), (1, 1, 'a', 'append', 1, 1)`);
    const { Run } = await import('./run.js');
    const { DatasetState } = await import('./dataset-state.js');
    const run = await source.getRepository(Run).findOneOrFail({ where: { id: 1 }, relations: { steps: true }, order: { steps: { position: 'ASC' } } });
    expect(run).toMatchObject({ id: 1, runId: 7, rowsIn: 12, xid: 9007199254740993n, snapshotXmax: 9n, snapshotXip: [3n], durationMs: 1.5, error: null, runs: 1 });
    expect(run.steps.map(({ model, rowsWritten, rowsIn }) => [model, rowsWritten, rowsIn])).toEqual([['a', 1, null], ['b', 2, null]]);
    expect(await source.getRepository(DatasetState).findOneByOrFail({ name: 'd' })).toMatchObject({ runId: 7, snapshotXmax: 9007199254740993n, snapshotXip: [5n, 6n] });
  });
});

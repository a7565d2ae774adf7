import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Catalog, JsonDocument } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { runCli } from './command-line.js';
import { withProject } from './project-files.js';

describe('what is read with a database', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  async function docs(sqlDir: string): Promise<JsonDocument<Catalog>> {
    const out = join(sqlDir, '..', 'docs');
    const { code, stdout, stderr } = await runCli(['docs', '--out', out], { sqlDir, databaseUrl: database.url });
    expect([code, stdout]).toEqual([0, expect.stringMatching(/3 relations\n$/)]);
    expect(stderr).not.toContain('no database');
    return JSON.parse(await readFile(join(out, 'catalog.json'), 'utf8')) as JsonDocument<Catalog>;
  }

  it('ingot docs holds types, sizes and the last run as the database has them', async () => {
    await withProject({}, async (sqlDir) => {
      const terms = { sqlDir, databaseUrl: database.url };
      const before = await docs(sqlDir); // nothing is applied yet
      expect(before).toMatchObject({ from_database: true });
      expect(before.datasets[0]).not.toHaveProperty('last_run');
      expect(before.datasets[0]!.relations.every(({ stored }) => stored === undefined)).toBe(true);

      expect((await runCli(['apply'], terms)).code).toBe(0);
      await database.query(`insert into bronze.raw (device, line) select 'd', n::text from generate_series(1, 500) n`);
      expect((await runCli(['run'], terms)).code).toBe(0);
      await database.query('analyze bronze.raw, silver.stg');

      const [dataset] = (await docs(sqlDir)).datasets;
      expect(dataset!.last_run).toMatchObject({ status: 'succeeded', run_id: '1', rows_in: 500 });
      const [raw, stg, devices] = dataset!.relations;
      expect(stg!.columns).toEqual([{ name: 'raw_id', data_type: 'bigint', description: "The line's number" }, { name: 'device', data_type: 'text' }, { name: 'text', data_type: 'text' }]);
      expect(stg!.stored).toMatchObject({ estimated_rows: 500 });
      expect(stg!.stored!.bytes).toBeGreaterThan(8_192);
      expect(raw!.columns.find(({ name }) => name === 'received_at')).toEqual({ name: 'received_at', data_type: 'timestamp with time zone' });
      expect(raw!.stored!.estimated_rows).toBe(500); // of its partitions
      expect(devices!.columns.map(({ data_type }) => data_type)).toEqual(['text', 'bigint', 'bigint']);
      expect(devices!.stored).toEqual({ columns: expect.any(Array) as unknown });
    });
  });

  it('ingot ls lists what differs from what was applied', async () => {
    const fresh = await createTestDatabase();
    try {
      await withProject({}, async (sqlDir) => {
        const terms = { sqlDir, databaseUrl: fresh.url };
        const listed = async (selector: string): Promise<string> => (await runCli(['ls', selector, '--output', 'name'], terms)).stdout;
        expect(await listed('state:modified')).toBe('silver.stg\ngold.devices\n');
        expect((await runCli(['apply'], terms)).code).toBe(0);
        expect(await listed('state:modified')).toBe('');
        const file = join(sqlDir, 't/silver/stg.sql');
        const text = await readFile(file, 'utf8');
        await writeFile(file, `${text}-- a comment\n`);
        expect(await listed('state:modified')).toBe('');
        await writeFile(file, text.replace('line as text', 'upper(line) as text'));
        expect(await listed('state:modified')).toBe('silver.stg\n');
        expect(await listed('state:modified+')).toBe('silver.stg\ngold.devices\n');
      });
    } finally {
      await fresh.drop();
    }
  });
});

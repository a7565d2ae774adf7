import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { runCli } from './command-line.js';
import { withProject } from './project-files.js';

const unitTest = (text: string): string => `unit_tests:\n  - {name: rows, model: silver.stg, given: [{input: bronze.raw, rows: [{line: a}]}], expect: {rows: [{text: ${text}}]}}\n`;

describe('--watch', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db.drop());

  /** Runs a command until Ctrl-C; `said` gives what it says until it waits for the next save. */
  async function watching(args: readonly string[], work: (sqlDir: string, said: () => Promise<string>) => Promise<void>): Promise<number> {
    return withProject({ 't/unit/a.yml': unitTest('a') }, async (sqlDir) => {
      const stop = new AbortController();
      let output = '';
      const running = runCli([...args, '--watch'], { databaseUrl: db.url, sqlDir, signal: stop.signal, onOutput: (text) => (output += text) });
      const said = async (): Promise<string> => {
        while (!output.includes('Ctrl-C ends.')) await new Promise((resolve) => setTimeout(resolve, 10));
        const [until, ...rest] = output.split(/^.*Ctrl-C ends\.\n/m);
        output = rest.join('');
        return until!;
      };
      try {
        await work(sqlDir, said);
      } finally {
        stop.abort();
      }
      return (await running).code;
    });
  }

  it('of unit runs the tests again on each save, shows what is wrong with half a file, and ends with 0 on Ctrl-C', async () => {
    const code = await watching(['unit'], async (sqlDir, said) => {
      const file = join(sqlDir, 't/unit/a.yml');
      expect(await said()).toContain('1 OK\n');
      await writeFile(file, 'unit_tests:\n  - name: [');
      expect(await said()).toContain('sql/t/unit/a.yml:2:');
      await writeFile(`${file}~`, unitTest('b')); // as editors save: beside, then in its place
      await rename(`${file}~`, file);
      expect(await said()).toContain('1 FAIL\n');
      await writeFile(file, unitTest('a'));
      expect(await said()).toContain('1 OK\n');
      await rm(join(sqlDir, 't/silver/stg.sql'));
      expect(await said()).toContain('silver.stg');
    });
    expect(code).toBe(0);
  });

  it('of apply applies what its unit tests let pass, also in folders that come later', async () => {
    const relations = async (): Promise<string[]> => (await db.query<{ name: string }>(`select table_schema || '.' || table_name as name from information_schema.tables where table_schema in ('silver', 'gold') order by 1`)).map(({ name }) => name);
    const view = '/* ---\nmaterialized: view\n--- */\nselect line from bronze.other\n';
    const code = await watching(['apply'], async (sqlDir, said) => {
      expect(await said()).toContain('applied: t\n');
      expect(await relations()).toEqual(['gold.devices', 'silver.stg']);
      await writeFile(join(sqlDir, 't/unit/a.yml'), unitTest('b'));
      expect(await said()).toContain('1 FAIL\n');
      await mkdir(join(sqlDir, 'u/sources'), { recursive: true });
      await mkdir(join(sqlDir, 'u/silver'));
      await writeFile(join(sqlDir, 'u/dataset.yml'), 'description: Another.\n');
      await writeFile(join(sqlDir, 'u/sources/other.yml'), 'kind: lines\npath: /other\n');
      await writeFile(join(sqlDir, 'u/silver/v.sql'), view);
      expect(await said()).toContain('1 FAIL\n');
      expect(await relations()).toEqual(['gold.devices', 'silver.stg']);
      await writeFile(join(sqlDir, 't/unit/a.yml'), unitTest('a'));
      expect(await said()).toContain('applied: u\n');
      expect(await relations()).toEqual(['gold.devices', 'silver.stg', 'silver.v']);
      await writeFile(join(sqlDir, 'u/silver/w.sql'), view);
      expect(await said()).toContain('applied: u\n');
      expect(await relations()).toContain('silver.w');
    });
    expect(code).toBe(0);
  });
});

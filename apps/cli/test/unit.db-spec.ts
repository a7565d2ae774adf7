import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { jsonOf, runCli } from './command-line.js';
import { withProject } from './project-files.js';

const test = (name: string, model: string, given: string, rows: string): string => `  - name: ${name}\n    model: ${model}\n    given: [${given}]\n    expect: {rows: [${rows}]}\n`;
const LINES = '{input: bronze.raw, rows: [{line: a}, {line: b, device: d}]}';
const GOOD = test('rows', 'silver.stg', LINES, '{text: a, raw_id: 1}, {text: b, raw_id: 2}');
const BAD = test('devices', 'gold.devices', '{input: silver.stg, rows: [{raw_id: 1, device: d}, {raw_id: 2, device: d}, {device: e}]}', '{device: d, lines: 3, newest: 2}, {device: f, lines: 1}, {device: e, lines: 1}');

describe('ingot unit', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db.drop());

  const unit = (args: readonly string[], yaml: string, colours = false) =>
    withProject({ 't/unit/a.yml': `unit_tests:\n${yaml}` }, (sqlDir) => runCli(['unit', ...args], { databaseUrl: db.url, sqlDir, colours }));

  it('says OK for each test, then how many', async () => {
    const { code, stdout } = await unit([], GOOD);
    expect(stdout).toMatch(/^1 of 1 OK {3}silver\.stg rows \[\d+ ms\]\n1 unit test in \d+\.\d+ s: 1 OK\n$/);
    expect(code).toBe(0);
  });

  it('shows rows that differ as a diff, and exits with 1', async () => {
    const { code, stdout } = await unit([], GOOD + BAD);
    expect(stdout.replace(/\d+ ms/g, 'N ms').replace(/in \d+\.\d+ s/, 'in N s').split('\n')).toEqual([
      '1 of 2 OK   silver.stg rows [N ms]',
      '2 of 2 FAIL gold.devices devices [N ms]',
      '    sql/t/unit/a.yml:9:5: not as expected: 1 row differs, 1 row is missing',
      '         device  lines  newest',
      '      -  d       3      2',
      '      +  d       2      2',
      '                 ^',
      '      -  f       1      null',
      '2 unit tests in N s: 1 OK, 1 FAIL',
      '',
    ]);
    expect(code).toBe(1);
  });

  it('paints the cells that differ where there are colours', async () => {
    const { stdout } = await unit([], BAD, true);
    expect(stdout).toContain(' d       \u001b[31m3    \u001b[39m  2');
    expect(stdout).toContain(' d       \u001b[32m2    \u001b[39m  2');
  });

  it('shows what stops a test with its line and a caret', async () => {
    const { code, stdout } = await unit([], test('wrong', 'silver.stg', '{input: bronze.raw, rows: [{line: a, id: x}]}', ''));
    expect(code).toBe(1);
    expect(stdout).toContain(`
    sql/t/unit/a.yml:4:54: id: invalid input syntax for type bigint: "x"
      4 |     given: [{input: bronze.raw, rows: [{line: a, id: x}]}]
        |                                                      ^
`);
  });

  it('runs what is selected: by name, by file, with the model', async () => {
    const names = async (...args: string[]) => jsonOf<{ tests: { name: string }[] }>(await unit([...args, '--json'], GOOD + BAD)).tests.map(({ name }) => name);
    expect(await names()).toEqual(['rows', 'devices']);
    expect(await names('rows')).toEqual(['rows']);
    expect(await names('gold.devices')).toEqual(['devices']);
    expect(await names('silver.stg+')).toEqual(['rows', 'devices']);
    expect(await names('tag:nightly')).toEqual(['rows']);
    expect(await names('path:sql/t/unit/a.yml', '--exclude', 'devices')).toEqual(['rows']);
    const { code, stderr } = await unit(['rwos'], GOOD);
    expect([code, stderr]).toEqual([2, expect.stringContaining('the selector rwos matches nothing; did you mean rows?')]);
  });

  it('writes one JSON document for machines', async () => {
    const result = await unit(['--json'], BAD);
    expect(result.code).toBe(1);
    expect(jsonOf(result)).toMatchObject({
      passed: 0,
      failed: 1,
      tests: [
        {
          name: 'devices',
          model: 'gold.devices',
          outcome: 'failed',
          difference: {
            of: 'table',
            increment: 1,
            place: { file: 'sql/t/unit/a.yml', line: 5, column: 5 },
            columns: ['device', 'lines', 'newest'],
            equal: 1,
            rows: expect.arrayContaining([{ expected: ['d', '3', '2'], actual: ['d', '2', '2'], differs: [false, true, false] }]) as unknown,
          },
        },
      ],
    });
  });

  it('says so when there is none', async () => {
    const { code, stdout, stderr } = await withProject({}, (sqlDir) => runCli(['unit'], { databaseUrl: db.url, sqlDir }));
    expect([code, stdout, stderr]).toEqual([0, '', 'No unit test was chosen; they are files of sql/<dataset>/unit/.\n']);
  });

  it('reports what is wrong with the files, and runs nothing', async () => {
    const { code, stdout, stderr } = await unit([], test('wrong', 'silver.stgg', LINES, ''));
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringMatching(/^sql\/t\/unit\/a\.yml:3:12: no model owns silver\.stgg; did you mean silver\.stg\?\n/)]);
  });

  it('does what docs/unit-tests.md shows', async () => {
    const [, yaml, shown] = /```yaml\n(.*?)```.*?```\n(.*?)```/s.exec(await readFile('docs/unit-tests.md', 'utf8'))!;
    const root = await mkdtemp(join(tmpdir(), 'ingot-docs-'));
    try {
      const sqlDir = join(root, 'sql');
      await cp('sql', sqlDir, { recursive: true, filter: (file) => !file.endsWith('unit') });
      await mkdir(join(sqlDir, 'sensor/unit'));
      const run = async (text: string) => {
        await writeFile(join(sqlDir, 'sensor/unit/mart_daily_power.yml'), text);
        return runCli(['unit', 'mart_daily_power'], { databaseUrl: db.url, sqlDir });
      };
      expect((await run(yaml!)).code).toBe(0);
      const { stdout } = await run(yaml!.replace('metric_value: 30', 'metric_value: 25'));
      expect(stdout.replace(/\[\d+ ms\]/, '[14 ms]')).toContain(shown!);
    } finally {
      await rm(root, { recursive: true });
    }
  });

  it('passes every unit test of this project', async () => {
    const { code, stdout } = await runCli(['unit'], { databaseUrl: db.url, sqlDir: 'sql' });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^(\d+) unit tests in \d+\.\d+ s: \1 OK$/m);
  });
});

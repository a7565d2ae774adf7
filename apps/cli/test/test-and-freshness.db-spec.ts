import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { jsonOf, runCli } from './command-line.js';
import { withProject } from './project-files.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

const FILES = {
  't/sources/raw.yml': 'kind: lines\npath: /raw\ndescription: Lines as received.\nfreshness: { warn_after: 1h, error_after: 1d }\n',
  't/silver/lengths.sql':
    '/* ---\nmaterialized: incremental\nincremental_strategy: append\nincrement_on: silver.stg\ncolumns:\n  - name: size\n    data_tests:\n      - in_range: { max: 5, severity: warn }\n      - in_range: { max: 100, name: not_huge }\n--- */\nselect raw_id, length(text) as size from silver.stg\n',
  't/tests/no_stars.sql': "select raw_id, text from silver.stg where text like '%*%'\n",
};

interface Tests {
  readonly outcome: string;
  readonly tests: readonly { readonly test: string; readonly outcome: string; readonly failures: number; readonly samples: readonly unknown[] }[];
}

it('test and freshness: what is there before, after good lines, after bad ones', async () => {
  await withProject(FILES, async (sqlDir) => {
    const ingot = (...args: string[]) => runCli(args, { databaseUrl: db.url, sqlDir });
    expect(await ingot('test')).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('t is not in this database yet: run `ingot apply` first') as unknown });
    expect(await ingot('apply')).toMatchObject({ code: 0 });
    expect(await ingot('freshness')).toMatchObject({ code: 0, stdout: '1 of 1 WARN source bronze.raw [no line yet]\n' });

    await db.query(`insert into bronze.raw (line) values ('good'), ('longer')`);
    const ran = await ingot('run');
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('sql/t/silver/lengths.sql:8:9: data test in_range of size warned: 1 row, e.g. {"raw_id":2,"size":6,"_run_id":1}') as unknown });
    const good = await ingot('test');
    expect(good.code).toBe(0);
    expect(good.stdout.replaceAll(/\d+\.\d+ s/g, '_ s').replace(/_ s: .*$/m, '_ s')).toBe(
      [
        '1 of 5 OK   not_null of raw_id in silver.stg [_ s]',
        '2 of 5 OK   unique of raw_id in silver.stg [_ s]',
        '3 of 5 WARN in_range of size in silver.lengths [1 failing row, _ s]',
        '4 of 5 OK   in_range of size in silver.lengths [_ s]',
        '5 of 5 OK   no_stars [_ s]',
        '5 data tests in _ s',
        '',
      ].join('\n'),
    );
    expect(good.stderr).toContain('sql/t/silver/lengths.sql:8:9: data test in_range of size warned: 1 row, e.g. {"raw_id":2,"size":6,"_run_id":1}');
    expect((await ingot('freshness')).stdout).toMatch(/^1 of 1 OK {3}source bronze\.raw \[the newest line is \d+\.\d+ s old: /);

    await db.query(`update silver.stg set text = '***' where raw_id = 1; update bronze.raw set received_at = now() - interval '2 days'`);
    const bad = await ingot('test', '--exclude', 'silver.lengths', '--json');
    expect(bad.code).toBe(1);
    expect(jsonOf<Tests>(bad)).toMatchObject({ outcome: 'failed', tests: [{ outcome: 'passed' }, { outcome: 'passed' }, { test: 'no_stars', outcome: 'failed', failures: 1, samples: [{ raw_id: 1, text: '***' }] }] });
    expect(await ingot('test', 'silver.lengths')).toMatchObject({ code: 0 });
    expect(await ingot('test', 'no_stras')).toMatchObject({ code: 2, stderr: expect.stringContaining('no_stars') as unknown });
    expect(await ingot('freshness')).toMatchObject({ code: 1, stdout: expect.stringMatching(/^1 of 1 FAIL source bronze\.raw \[the newest value is .*, 2 d old; 1 d are allowed\]\n$/) as unknown });

    await db.query('alter table silver.stg rename column text to gone');
    const broken = await ingot('test', 'no_stars');
    expect(broken.code).toBe(1);
    expect(broken.stderr).toContain('sql/t/tests/no_stars.sql:1:16: data test no_stars could not be carried out: column "text" does not exist');
  });
});

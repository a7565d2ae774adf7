import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { jsonOf, runCli } from './command-line.js';
import { PROJECT, withProject } from './project-files.js';

/** `lines` under another name: the endpoint of PROJECT asks for it by the old one. */
const RENAMED = { 't/gold/devices.sql': PROJECT['t/gold/devices.sql']!.replace('as lines', 'as line_count') };
const FOLLOWED = { ...RENAMED, 't/endpoints/devices.sql': PROJECT['t/endpoints/devices.sql']!.replace('device, lines', 'device, line_count as lines') };
const DROPPED = { 't/silver/stg.sql': PROJECT['t/silver/stg.sql']!.replace(', line as text', '').replace('tags:', 'on_schema_change: sync_all_columns\ntags:') };
const READS_TEXT = { 't/endpoints/texts.sql': "/* ---\npath: /texts\ndescription: Lines.\n--- */\nselect 'é' as é, s.text\nfrom silver.stg as s order by raw_id\n" };
const REFUSED = 'sql/t/endpoints/devices.sql:10:16: column "lines" does not exist\n  10 | select device, lines from gold.devices where device = :device\n     |                ^\n';

describe('endpoints and the models they read', () => {
  let db: TestDatabase;
  const ingot = (changes: Record<string, string | undefined>, ...args: string[]) => withProject(changes, (sqlDir) => runCli(args, { databaseUrl: db.url, sqlDir }));
  const publication = async (): Promise<unknown> => (await db.query('select publication, code_hash from ingot.datasets'))[0];

  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db.drop());

  it('an endpoint that reads what no model gives is refused before anything was made', async () => {
    const { code, stderr } = await ingot(RENAMED, 'apply');
    expect([code, stderr]).toEqual([1, expect.stringContaining(REFUSED)]);
    expect(await db.query("select to_regclass('gold.devices')::text as made")).toEqual([{ made: null }]);
    expect(await ingot(RENAMED, 'plan')).toMatchObject({ code: 1, stderr: expect.stringContaining(REFUSED) });
  });

  it('plan and apply refuse models that take away what an endpoint reads, and publish nothing', async () => {
    expect(await ingot(READS_TEXT, 'apply')).toMatchObject({ code: 0 });
    await db.query("insert into bronze.raw (device, line) select 'd', 'line ' || i from generate_series(1, 10) as i");
    expect(await ingot(READS_TEXT, 'run')).toMatchObject({ code: 0 });
    const before = await publication();
    for (const command of ['plan', 'apply']) {
      expect(await ingot(RENAMED, command)).toMatchObject({ code: 1, stderr: expect.stringContaining(REFUSED) });
      const { code, stderr } = await ingot({ ...READS_TEXT, ...DROPPED }, command);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^sql\/t\/endpoints\/texts\.sql:5:18: column s\.text does not exist\n {2}5 \| select 'é' as é, s\.text\n/m)]);
    }
    expect(await publication()).toEqual(before);
    expect(await db.query('select text from silver.stg order by raw_id limit 1')).toEqual([{ text: 'line 1' }]);
    expect(await db.query("select from pg_namespace where nspname like 'ingot\\_%'")).toEqual([]);
  });

  it('a seed that loses a column an endpoint reads is refused too, though no model has changed', async () => {
    const kinds = { ...READS_TEXT, 't/seeds/kinds.csv': 'kind,unit\na,V\n', 't/endpoints/kinds.sql': '/* ---\npath: /kinds\ndescription: Kinds.\n--- */\nselect kind, unit from seeds.kinds\n' };
    expect(await ingot(kinds, 'apply')).toMatchObject({ code: 0 });
    for (const command of ['plan', 'apply']) {
      const { code, stderr } = await ingot({ ...kinds, 't/seeds/kinds.csv': 'kind,units\na,V\n' }, command);
      expect([code, stderr]).toEqual([1, expect.stringContaining('sql/t/endpoints/kinds.sql:5:14: column "unit" does not exist')]);
    }
    expect(await db.query('select unit from seeds.kinds')).toEqual([{ unit: 'V' }]);
  });

  it('an endpoint that is wrong by itself is told by plan and apply, though no model has changed', async () => {
    const wrong = { ...READS_TEXT, 't/endpoints/more.sql': '/* ---\npath: /more\ndescription: More.\n--- */\nselect upper(raw_id) as a from silver.stg\n' };
    for (const command of ['plan', 'apply']) {
      const { code, stderr } = await ingot(wrong, command);
      expect([code, stderr]).toEqual([1, expect.stringContaining('sql/t/endpoints/more.sql:5:8: function upper(bigint) does not exist')]);
    }
  });

  it('models and the endpoints that follow them are applied together', async () => {
    expect(await ingot({ ...FOLLOWED, ...DROPPED }, 'apply')).toMatchObject({ code: 0 });
    expect(await db.query('select line_count::int as n from gold.devices')).toEqual([{ n: 10 }]);
  });

  it('parse reports endpoint files with all other problems, without a database', async () => {
    const broken = { 't/endpoints/devices.sql': PROJECT['t/endpoints/devices.sql']!.replace('= :device', '= :devise'), 't/gold/devices.sql': 'select 1' };
    const result = await withProject(broken, (sqlDir) => runCli(['parse', '--json'], { sqlDir }));
    expect(result.code).toBe(1);
    expect(jsonOf<{ problems: { file: string; line: number; column: number }[] }>(result).problems.map(({ file, line, column }) => `${file}:${line}:${column}`)).toEqual([
      'sql/t/endpoints/devices.sql:10:55', 'sql/t/gold/devices.sql:1:1',
    ]);
  });
});

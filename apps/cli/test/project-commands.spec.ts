import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { jsonOf, runCli, type CommandLineResult } from './command-line.js';
import { withProject } from './project-files.js';

const ingot = (args: string, changes: Readonly<Record<string, string | undefined>> = {}): Promise<CommandLineResult> =>
  withProject(changes, (sqlDir) => runCli(args.split(' '), { sqlDir }));

const BROKEN = {
  't/gold/devices.sql': '/* ---\nmaterialized: view\n--- */\nselect device from silver.sgt\n',
  't/silver/stg.sql': '/* ---\nmaterialized: view\ndescripton: x\n--- */\nselect id from bronze.raw\n',
};

describe('ingot parse', () => {
  it('counts what there is', async () => {
    expect(await ingot('parse')).toMatchObject({ code: 0, stdout: 't: 1 source, 2 models, 2 data tests, 1 endpoint\n', stderr: '' });
    expect(jsonOf(await ingot('parse --json'))).toEqual({
      ok: true,
      problems: [],
      warnings: [],
      datasets: [{ name: 't', sources: 1, seeds: 0, models: 2, data_tests: 2, unit_tests: 0, endpoints: 1 }],
    });
  });

  it('fails with every problem', async () => {
    const { code, stdout, stderr } = await ingot('parse', BROKEN);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/sql\/t\/gold\/devices\.sql:4:20: .*silver\.sgt; did you mean silver\.stg\?/);
    expect(stderr).toMatch(/sql\/t\/silver\/stg\.sql:3:1: unknown key descripton; did you mean description\?/);
    const json = await ingot('parse --json', BROKEN);
    expect(json.code).toBe(1);
    expect(jsonOf<{ ok: boolean; problems: { file: string; line: number }[] }>(json)).toMatchObject({
      ok: false,
      problems: [{ file: 'sql/t/gold/devices.sql', line: 4 }, { file: 'sql/t/silver/stg.sql', line: 3 }],
    });
  });

  it('fails with the problems of endpoints and unit tests together', async () => {
    const { code, stderr } = await ingot('parse', {
      't/endpoints/devices.sql': '/* ---\npath: /devices\ndescription: x\n--- */\nselect device from gold.nothing\n',
      't/unit/stg.yml': 'unit_tests: [{ name: a, model: nothing }]\n',
    });
    expect(code).toBe(1);
    expect(stderr).toContain('t/endpoints/devices.sql:5:20');
    expect(stderr).toContain('t/unit/stg.yml:1:');
  });

  it('lists what is wrong in endpoints, unit tests and routes beside broken models, and nothing that follows from those', async () => {
    const { code, stderr } = await ingot('parse', {
      ...BROKEN,
      't/silver/unread.sql': 'select 1',
      't/sources/two.yml': 'kind: lines\npath: /raw\n',
      't/endpoints/devices.sql': '/* ---\npath: /devices\ndescription: x\n--- */\nselect device from gold.devices, silver.unread, gold.nothing\n',
      't/silver/good.sql': '/* ---\nmaterialized: view\n--- */\nselect id from bronze.raw\n',
      't/gold/far.sql': '/* ---\nmaterialized: view\n--- */\nselect * from silver.stg\n',
      't/unit/stg.yml': `unit_tests:
  - { name: a, model: silver.good, given: [{ input: bronze.raw, rows: [{ line: x }] }], expect: { rows: [{ idd: 1 }] } }
  - { name: b, model: silver.stg, given: [{ input: bronze.raw, rows: [] }], expect: { rows: [{ nothing: 1 }] } }
  - { name: c, model: gold.devices, given: [{ input: silver.sgt, rows: [] }], expect: { rows: [] } }
  - { name: d, model: silver.unread, given: [], expect: { rows: [] } }
  - { name: e, model: gold.far, given: [{ input: silver.stg, rows: [] }], expect: { rows: [{ nothing: 1 }] } }
`,
      'u/dataset.yml': 'descripton: x\n',
      'u/sources/lines.yml': 'kind: lines\npath: /raw\n',
      'u/endpoints/a.sql': '/* ---\npath: /devices\ndescription: x\n--- */\nselect line from bronze.lines\n',
      'u/endpoints/b.sql': '/* ---\npath: /health/live\ndescription: x\n--- */\nselect line from bronze.lines\n',
    });
    expect(code).toBe(1);
    expect(stderr.split('\n').filter((line) => line.startsWith('sql/'))).toEqual([
      expect.stringMatching(/^sql\/t\/endpoints\/devices\.sql:5:49: no source, seed or model of t owns gold\.nothing/),
      expect.stringMatching(/^sql\/t\/gold\/devices\.sql:4:20: /),
      expect.stringMatching(/^sql\/t\/silver\/stg\.sql:3:1: unknown key descripton/),
      expect.stringMatching(/^sql\/t\/silver\/unread\.sql:1:1: the file must begin/),
      expect.stringMatching(/^sql\/t\/sources\/two\.yml:1:1: POST \/raw feeds bronze\.raw already/),
      expect.stringMatching(/^sql\/t\/unit\/stg\.yml:2:\d+: .*idd/),
      expect.stringMatching(/^sql\/u\/dataset\.yml:1:1: unknown key descripton/),
      expect.stringMatching(/^sql\/u\/endpoints\/a\.sql:2:1: \/devices is the path of sql\/t\/endpoints\/devices\.sql too/),
      expect.stringMatching(/^sql\/u\/endpoints\/b\.sql:2:7: \/health is a route of the service itself/),
      expect.stringMatching(/^sql\/u\/sources\/lines\.yml:1:1: POST \/raw feeds bronze\.raw already/),
    ]);
  });

  it('says what is doubtful, and succeeds', async () => {
    const { code, stderr } = await ingot('parse', { 't/gold/devices.sql': '/* ---\nmaterialized: view\n--- */\nselect received_at::date as device, count(*) as lines from bronze.raw group by 1\n' });
    expect(code).toBe(0);
    expect(stderr).toMatch(/sql\/t\/gold\/devices\.sql:4:\d+: warning: /);
  });
});

describe('ingot ls', () => {
  it('lists in graph order', async () => {
    const { code, stdout } = await ingot('ls');
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['name', 'kind', 'type', 'strategy', 'tags'],
      ['bronze.raw', 'source', 'lines'],
      ['silver.stg', 'model', 'incremental', 'append', 'nightly'],
      ['gold.devices', 'model', 'view'],
      [''],
    ]);
  });

  it('takes selectors as arguments and as options', async () => {
    expect((await ingot('ls stg+ --output name')).stdout).toBe('silver.stg\ngold.devices\n');
    expect((await ingot('ls --select stg+ --exclude tag:nightly --output path')).stdout).toBe('sql/t/gold/devices.sql\n');
    expect((await ingot('ls stg --tests --output name')).stdout).toBe('silver.stg\nnot_null_silver_stg_raw_id\nunique_silver_stg_raw_id\n');
    expect(await ingot('ls stg,gold.*')).toMatchObject({ code: 0, stdout: '', stderr: 'nothing is selected\n' });
    expect(jsonOf(await ingot('ls --json devices'))).toEqual([{ name: 'gold.devices', kind: 'model', dataset: 't', file: 'sql/t/gold/devices.sql', type: 'view', tags: [], description: 'Lines per device.' }]);
  });

  it('calls a selector without an answer wrong usage', async () => {
    expect(await ingot('ls dvices')).toMatchObject({ code: 2, stdout: '', stderr: 'the selector dvices matches nothing; did you mean devices?\n' });
  });
});

describe('ingot lineage', () => {
  it('shows the whole graph', async () => {
    expect((await ingot('lineage')).stdout).toBe('t\n└─ bronze.raw\n   └─ silver.stg\n      └─ gold.devices\n         └─ GET /devices\n');
    const { datasets } = jsonOf<{ datasets: { dataset: string; nodes: { name: string }[] }[] }>(await ingot('lineage --json'));
    expect(datasets.map(({ dataset, nodes }) => [dataset, ...nodes.map(({ name }) => name)])).toEqual([['t', 'bronze.raw', 'silver.stg', 'gold.devices', 'GET /devices']]);
  });

  it('shows where the columns of a model come from', async () => {
    expect((await ingot('lineage devices --upstream')).stdout).toBe(`gold.devices  view sql/t/gold/devices.sql
column  type  comes from
device  text  silver.stg.device
lines
newest  int8  silver.stg.raw_id (computed)
rows depend on silver.stg.device
upstream
└─ silver.stg
   └─ bronze.raw
`.replace('newest  int8', 'newest      '));
  });

  it('follows a column both ways', async () => {
    expect((await ingot('lineage stg.raw_id')).stdout).toBe(`silver.stg.raw_id  incremental sql/t/silver/stg.sql
upstream
└─ bronze.raw.id
downstream
└─ gold.devices.newest (computed)
`);
    expect((await ingot('lineage stg.device --downstream')).stdout).toBe(`silver.stg.device  incremental sql/t/silver/stg.sql
downstream
└─ gold.devices.device
   └─ GET /devices.device
   decides about the rows of gold.devices.lines, gold.devices.newest, GET /devices.lines
`);
    expect((await ingot('lineage bronze.raw.id --upstream')).stdout).toBe('bronze.raw.id  source sql/t/sources/raw.yml\nupstream: nothing\n');
    expect(jsonOf(await ingot('lineage devices.newest --upstream --json'))).toEqual({
      node: 'gold.devices',
      column: 'newest',
      upstream: [
        { node: 'silver.stg', column: 'device', kind: 'condition', distance: 1 },
        { node: 'silver.stg', column: 'raw_id', kind: 'computed', distance: 1 },
        { node: 'bronze.raw', column: 'device', kind: 'condition', distance: 2 },
        { node: 'bronze.raw', column: 'id', kind: 'computed', distance: 2 },
      ],
    });
  });

  it('calls an unknown name wrong usage, with the nearest', async () => {
    expect(await ingot('lineage dvices')).toMatchObject({ code: 2, stderr: 'there is no dvices; did you mean devices?\n' });
    expect(await ingot('lineage stg.devise')).toMatchObject({ code: 2, stderr: 'silver.stg has no column devise; did you mean device?\n' });
  });
});

describe('ingot docs', () => {
  it('works without a database', async () => {
    await withProject({}, async (sqlDir) => {
      const out = join(sqlDir, '..', 'docs');
      const { code, stdout, stderr } = await runCli(['docs', '--no-database', '--out', out], { sqlDir });
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toBe(`wrote ${['catalog.json', 'lineage.json', 'catalog.md'].map((name) => join(out, name)).join(', ')}: 3 relations, without a database\n`);
      expect(JSON.parse(await readFile(join(out, 'catalog.json'), 'utf8'))).toMatchObject({ from_database: false, datasets: [{ name: 't', endpoints: [{ route: 'GET /devices', columns: ['device', 'lines'] }] }] });
      expect(JSON.parse(await readFile(join(out, 'lineage.json'), 'utf8'))).toEqual(jsonOf(await runCli(['lineage', '--json'], { sqlDir })));
      expect(await readFile(join(out, 'catalog.md'), 'utf8')).toContain('### gold.devices');
    });
  });

  it('says that there is none, or that it cannot be asked, and goes on', async () => {
    await withProject({}, async (sqlDir) => {
      const out = join(sqlDir, '..', 'docs');
      const dataDir = join(sqlDir, '..', 'data');
      const none = await runCli(['docs', '--out', out], { sqlDir, env: { INGOT_DATA_DIR: dataDir } });
      expect(none).toMatchObject({ code: 0, stderr: `no database: DATABASE_URL is not set and ${dataDir} holds none\n` });
      const refused = await runCli(['docs', '--out', out, '--json'], { sqlDir, databaseUrl: 'postgres://nobody@127.0.0.1:1/nothing' });
      expect(refused.code).toBe(0);
      expect(refused.stderr).toMatch(/^no database: .*(ECONNREFUSED|refused|reach)/);
      expect(jsonOf(refused)).toMatchObject({ from_database: false });
    });
  });
});

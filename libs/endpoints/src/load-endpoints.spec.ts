import { afterAll, describe, expect, it } from '@jest/globals';
import { loadDataset, type Dataset, type Model, type Source } from '@ingot/datasets';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadEndpoints } from './load-endpoints.js';

const DATASET = {
  name: 'sensor',
  sources: [{ relation: 'bronze.raw_readings' } as Source],
  seeds: [],
  models: [{ relation: 'silver.stg_readings' } as Model, { relation: 'gold.mart_daily_power' } as Model],
} as unknown as Dataset;
const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function load(files: Record<string, string>): ReturnType<typeof loadEndpoints> {
  const root = await mkdtemp(path.join(tmpdir(), 'ingot endpoints '));
  folders.push(root);
  await mkdir(path.join(root, 'sensor', 'endpoints'), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(root, 'sensor', 'endpoints', name), text);
  return loadEndpoints(root, DATASET);
}
async function problemsOf(files: Record<string, string>): Promise<string[]> {
  const error = await load(files).then(() => ({ problems: [] }), (reason: unknown) => reason as { problems: { file: string; line: number; column: number; message: string }[] });
  return error.problems.map(({ file, line, column, message }) => `${path.basename(file)}:${line}:${column}: ${message}`);
}
const PARAMETER = 'parameters:\n  day: { type: date, required: true, description: the day }';
const file = (header: string, sql: string): string => `/* ---\n${header}\n--- */\n${sql}\n`;
const GOOD = file(`path: /power\ndescription: Power.\n${PARAMETER}`, 'select reading_date, metric_value from gold.mart_daily_power where reading_date = :day -- last line');

describe('loadEndpoints', () => {
  it('reads the endpoints of the sensor dataset', async () => {
    const endpoints = await loadEndpoints('sql', await loadDataset('sql/sensor'));
    expect(endpoints.map(({ name, path: route, changesByRuns }) => [name, route, changesByRuns])).toEqual(['data', 'latest', 'names', 'power', 'series'].map((name) => [name, `/${name}`, true]));
    expect(endpoints[0]).toMatchObject({
      dataset: 'sensor', name: 'data', file: 'sql/sensor/endpoints/data.sql', path: '/data', formats: ['json', 'ndjson', 'csv', 'parquet', 'arrow'], page: { maxLimit: 10_000 }, omitNull: ['device'], relations: ['gold.mart_daily_power', 'silver.stg_readings'],
      parameters: [{ name: 'from', type: 'timestamp', required: true }, { name: 'to', endOfDay: true, notBefore: 'from' }, { name: 'name', required: false }, { name: 'device', required: false }],
    });
  });

  it('reads a folder, in order of name, and offers every format unless told otherwise', async () => {
    const endpoints = await load({ 'b.sql': GOOD, 'a.sql': GOOD.replace('/power\n', '/power/daily\nformats: [csv, json]\n'), 'notes.txt': 'x' });
    expect(endpoints.map(({ name, path: route, formats }) => [name, route, formats])).toEqual([['a', '/power/daily', ['csv', 'json']], ['b', '/power', ['json', 'ndjson', 'csv', 'parquet', 'arrow']]]);
  });

  it('is closed to keys of one device, unless the header says which parameter is the device', async () => {
    const one = (keys: string, type = 'text'): string => file(`path: /own\ndescription: x\n${keys}parameters:\n  device: { type: ${type}, description: whose }`, 'select metric_value from gold.mart_daily_power where device = :device');
    const scopes = await Promise.all(['', 'device_parameter: device\n', 'scope: admin\n', 'scope: read:all\ndevice_parameter: device\n'].map(async (keys) => (await load({ 'a.sql': one(keys) }))[0]));
    expect(scopes.map((endpoint) => [endpoint?.scope, endpoint?.deviceParameter])).toEqual([['read:all', undefined], ['read:own', 'device'], ['admin', undefined], ['read:all', 'device']]);
    expect(await problemsOf({ 'a.sql': one('device_parameter: devise\n'), 'b.sql': one('device_parameter: device\n', 'integer').replace('/own', '/b'), 'c.sql': one('scope: read:own\n').replace('/own', '/c') })).toEqual([
      'a.sql:4:19: there is no parameter devise; did you mean device?',
      'b.sql:4:19: device_parameter names a text, or a list of them',
      expect.stringMatching(/^c\.sql:4:8: .*read:all, admin/),
    ]);
  });

  it('reads how an answer is cached, paged and bounded', async () => {
    const [endpoint] = await load({ 'a.sql': GOOD.replace('parameters:', 'cache: 1m\nmax_rows: 500\nparameters:') });
    expect(endpoint).toMatchObject({ cache: { maxAgeSeconds: 60 }, maxRows: 500, arms: [], changesByRuns: true });
    expect(endpoint!.page).toBeUndefined();
    expect(endpoint!.codeHash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('tells what changes by runs only from what any flush changes', async () => {
    const by = (from: string): Promise<boolean> => load({ 'a.sql': file('path: /x\ndescription: X.', `select 1 as a from ${from}`) }).then(([endpoint]) => endpoint!.changesByRuns);
    expect([await by('silver.stg_readings'), await by('bronze.raw_readings')]).toEqual([true, false]);
  });

  it('names files as those of models are named, wherever the folder lies', async () => {
    const [endpoint] = await load({ 'a.sql': GOOD });
    expect(endpoint!.file).toBe(`${path.basename(folders.at(-1)!)}/sensor/endpoints/a.sql`);
  });

  it('finds nothing where there is no folder', async () => {
    expect(await loadEndpoints(tmpdir(), { ...DATASET, name: 'no such dataset' })).toEqual([]);
  });

  it.each([
    ...[`set_config('role', 'ingot', false)`, 'pg_sleep(60)', 'pg_terminate_backend(1)', `nextval('bronze.raw_id')`, `setval('bronze.raw_id', 1)`, `pg_notify('a', 'b')`, 'pg_advisory_lock(1)', 'pg_reload_conf()'],
    ...[`pg_read_file('/etc/passwd')`, `lo_import('/etc/passwd')`, 'lo_create(0)', `query_to_xml('delete from gold.mart_daily_power', true, true, '')`, `dblink('', 'select 1')`, `public.analysts()`, `pg_catalog.set_config('role', 'ingot', false)`],
  ])('refuses a file that calls %s', async (call) => {
    await expect(load({ 'x.sql': file('path: /x\ndescription: X.', `select ${call} as a`) })).rejects.toThrow(/x\.sql:5:\d+: the function \S+ is (refused: it changes something|not one of PostgreSQL's own)/);
    await expect(load({ 'x.sql': file('path: /x\ndescription: X.', `select 1 as a from gold.mart_daily_power where reading_date > now() and (select ${call}) is null`) })).rejects.toThrow(/x\.sql:5:\d+: the function/);
  });

  it.each<[string, string, string[]]>([
    ['no header', 'select 1', ['x.sql:1:1: the file must begin with a YAML header: a comment that opens with /* --- and closes with --- */']],
    ['missing keys', file('formats: [json]', 'select 1 as a'), ['x.sql:2:1: description is missing: what the rows are, in a sentence', 'x.sql:2:1: path is missing: the GET route, e.g. /data']],
    ['an unknown key', file('path: /x\ndescription: X.\nparametres: {}', 'select 1 as a'), ['x.sql:4:1: unknown key parametres; did you mean parameters?']],
    ['a cache that is no time', file('path: /x\ndescription: X.\ncache: soon', 'select 1 as a'), ['x.sql:4:8: cache must be a time such as 500ms, 2s or 1m, from 1s to 1d, is soon']],
    ['a limit without a maximum', file('path: /x\ndescription: X.\nlimit: { default: 10 }', 'select metric_value as a from gold.mart_daily_power order by 1'), ['x.sql:4:1: limit has no maximum: the largest page a request may ask for']],
    ['limits that contradict', file('path: /x\ndescription: X.\nmax_rows: 5\nlimit: { default: 20, maximum: 10, first: 1 }', 'select 1 as a'), [
      'x.sql:4:1: max_rows is below the largest page, limit: maximum 10', 'x.sql:5:10: the default is above the maximum, 10', 'x.sql:5:36: unknown key first; known are maximum, default',
      expect.stringMatching(/^x\.sql:7:8: .*ORDER BY/) as unknown as string,
    ]],
    ['counts that are none', file('path: /x\ndescription: X.\nmax_rows: 0\nlimit: { maximum: 1.5 }', 'select 1 as a'), [
      'x.sql:4:11: max_rows must be a whole number of rows, from 1 to 1000000000', 'x.sql:5:19: maximum must be a whole number of rows, from 1 to 1000000000',
    ]],
    ['a wrong path', file('path: data\ndescription: X.', 'select 1 as a'), ['x.sql:2:7: path must look like /data or /power/daily, in lower case; is data']],
    ...['/health', '/metrics', '/docs/errors', '/openapi.json', '/runs', '/stats', '/models/x', '/lineage', '/quarantine'].map((route): [string, string, string[]] => [
      `a path of the service, ${route}`, file(`path: ${route}\ndescription: X.`, 'select 1 as a'),
      [route === '/openapi.json' ? 'x.sql:2:7: path must look like /data or /power/daily, in lower case; is /openapi.json' : '', `x.sql:2:7: ${/^\/[^/]+/.exec(route)![0]} is a route of the service itself; choose another path`].filter((text) => text !== '').sort(),
    ]),
    ['an unknown format', file('path: /x\ndescription: X.\nformats: [json, csv, xml]', 'select 1 as a'), ['x.sql:4:22: unknown format xml; known are json, ndjson, csv, parquet, arrow']],
    ['a positional parameter', file('path: /x\ndescription: X.', 'select $1 as a'), ['x.sql:5:8: $1: a model has no parameters, those of an endpoint are written :name']],
    ['a function that changes something', file('path: /x\ndescription: X.', "select pg_sleep(1) as a, nextval('x') as b"), [
      'x.sql:5:8: the function pg_sleep is refused: it changes something, or reads what the parse tree does not show', 'x.sql:5:26: the function nextval is refused: it changes something, or reads what the parse tree does not show',
    ]],
    ['a statement that locks or makes a table', file('path: /x\ndescription: X.', 'select 1 as a into t from silver.stg_readings for update'), [
      'x.sql:5:20: SELECT INTO makes a table; a file is one SELECT that only reads', 'x.sql:5:47: FOR UPDATE and FOR SHARE lock rows; a file is one SELECT that only reads',
    ]],
    ['a statement that is no SELECT', file('path: /x\ndescription: X.', 'truncate silver.stg_readings'), ['x.sql:5:1: must be a SELECT']],
    ['an unused parameter', file(`path: /x\ndescription: X.\n${PARAMETER}`, "select ':day' as a"), ['x.sql:5:3: the statement does not use :day']],
    ['an undeclared parameter', file('path: /x\ndescription: X.', 'select 1 as a,\n  :dya as b'), ['x.sql:6:3: :dya is not under parameters in the header']],
    ['an unknown table', file('path: /x\ndescription: X.', 'select 1 as a from silver.stg_reading'), ['x.sql:5:20: no source, seed or model of sensor owns silver.stg_reading; did you mean silver.stg_readings?']],
    ['another statement', file('path: /x\ndescription: X.', 'select 1 as a; select 2'), ['x.sql:5:16: one file holds one statement; here begins another']],
    ['a statement that writes', file('path: /x\ndescription: X.', 'with d as (delete from silver.stg_readings returning 1) select 1 as a from d'), ['x.sql:5:24: DELETE in a WITH query changes data; a file is one SELECT that only reads']],
    ['a syntax error behind wide characters', file('path: /x\ndescription: X.', "select 'é🚀' as a fro"), ['x.sql:5:18: syntax error at or near "fro"']],
    ['a column to omit that is none', file('path: /x\ndescription: X.\nomit_null: [devce]', 'select 1 as device'), ['x.sql:4:13: the result has no column devce; did you mean device?']],
    ['two columns of one name', file('path: /x\ndescription: X.', 'select 1 as a, 2 as b, 3 as a'), ['x.sql:5:24: the result has two columns a']],
  ])('reports %s', async (_, text, expected) => {
    expect(await problemsOf({ 'x.sql': text })).toEqual(expected);
  });

  it('reports everything that is wrong with parameters', async () => {
    const header = `path: /x
description: X.
parameters:
  Day: { type: date, description: D }
  limit: { type: text, description: L }
  when: { type: timestamp, required: true, default: 2022-02-30, description: W }
  until: { type: date, end_of_day: true, not_before: wen, description: U }
  bare: { }
  odd: { type: text, description: O, minimum: 3, max_span: 1x }
  size: { type: integer, description: S, minimum: 10, maximum: 1, default: 5, example: 1e3 }
  long: { type: integer, description: L, maximum: 9007199254740993 }
  kind: { type: enum, description: K }
  pick: { type: enum, values: [a, b, a, 'c,d'], default: x, description: P }
  word: { type: text, values: [a], of: text, max_items: 3, description: W }
  list: { type: list, description: L }
  ids: { type: list, of: integer, max_items: 0, default: [1, two], description: I }`;
    const used = 'select :Day, :limit, :when, :until, :bare, :odd, :size, :long, :kind, :pick, :word, :list, :ids';
    expect(await problemsOf({ 'x.sql': file(header, used) })).toEqual([
      'x.sql:5:3: a parameter is named in lower case, as in device_id; is Day',
      'x.sql:6:3: limit is a parameter of the service itself',
      'x.sql:7:53: a required parameter has no default',
      'x.sql:7:53: the default is no day of the calendar',
      'x.sql:8:36: end_of_day is for a timestamp',
      'x.sql:8:54: there is no parameter wen; did you mean when?',
      'x.sql:9:3: the parameter bare has no description',
      'x.sql:9:3: the parameter bare has no type; known are timestamp, date, text, number, integer, boolean, enum, list',
      'x.sql:10:38: minimum is for timestamp, date, number, integer',
      'x.sql:10:50: max_span is for the end of a range: not_before names its start',
      'x.sql:10:60: max_span must be a time such as 500ms, 2s or 1m, from 1s to 3660000d, is 1x',
      'x.sql:11:55: maximum is below minimum',
      'x.sql:11:76: the default must be from 10 to 1',
      'x.sql:11:88: the example must be from 10 to 1',
      'x.sql:12:51: maximum: write so long a number between quotes, YAML rounds it',
      'x.sql:13:3: the enum kind has no values: [...] to choose from',
      'x.sql:14:38: values names a twice',
      'x.sql:14:41: a value is neither empty nor holds a comma, which separates items of lists',
      'x.sql:14:58: the default must be one of a, b, a, c,d',
      'x.sql:15:23: values is for an enum',
      'x.sql:15:36: of is for a list',
      'x.sql:15:46: max_items is for a list',
      'x.sql:16:17: a list says what its items are, e.g. of: text; known are timestamp, date, text, number, integer, boolean, enum',
      'x.sql:17:46: max_items must be a whole number from 1 to 10000',
      'x.sql:17:59: the default has an item (two) that must be a whole number, e.g. 10',
    ]);
  });

  it('keeps what parameters may be in PostgreSQL\'s notation', async () => {
    const header = `path: /x
description: X.
parameters:
  since: { type: timestamp, minimum: 2000-01-01, maximum: 2030-12-31, example: 2022-04-14, description: S }
  low: { type: number, minimum: -1e3, default: 0.5, description: L }
  big: { type: integer, maximum: "9007199254740993", description: B }
  kinds: { type: list, of: enum, values: [1h, 1d, true], default: [1h, true], max_items: 2, description: K }`;
    const [endpoint] = await load({ 'x.sql': file(header, 'select :since, :low, :big, :kinds') });
    expect(endpoint!.parameters).toMatchObject([
      { name: 'since', minimum: '2000-01-01 00:00:00.000000+00', maximum: '2030-12-31 23:59:59.999999+00', example: '2022-04-14' },
      { name: 'low', minimum: '-1000', default: '0.5' },
      { name: 'big', maximum: '9007199254740993' },
      { name: 'kinds', type: 'list', of: 'enum', values: ['1h', '1d', 'true'], default: '1h,true', maxItems: 2 },
    ]);
  });

  it('reports a path that two files claim, and the problems of all files at once', async () => {
    expect(await problemsOf({ 'a.sql': GOOD, 'b.sql': GOOD, 'c.sql': 'select 1' })).toEqual([
      expect.stringMatching(/^b\.sql:2:1: \/power is the path of .*a\.sql too$/), expect.stringMatching(/^c\.sql:1:1: the file must begin/),
    ]);
  });
});

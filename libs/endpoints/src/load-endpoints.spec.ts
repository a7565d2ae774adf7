import { afterAll, describe, expect, it } from '@jest/globals';
import type { Dataset, Model, Source } from '@ingot/datasets';
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
    const [data] = await loadEndpoints('sql', DATASET);
    expect(data).toMatchObject({
      dataset: 'sensor', name: 'data', file: 'sql/sensor/endpoints/data.sql', path: '/data', formats: ['json'], omitNull: ['device'], relations: ['gold.mart_daily_power', 'silver.stg_readings'],
      parameters: [{ name: 'from', type: 'timestamp', required: true }, { name: 'to', endOfDay: true, notBefore: 'from' }, { name: 'name', required: false }, { name: 'device', required: false }],
    });
  });

  it('reads a folder, in order of name, and takes JSON for granted', async () => {
    const endpoints = await load({ 'b.sql': GOOD, 'a.sql': GOOD.replace('/power', '/power/daily'), 'notes.txt': 'x' });
    expect(endpoints.map(({ name, path: route, formats }) => [name, route, formats])).toEqual([['a', '/power/daily', ['json']], ['b', '/power', ['json']]]);
  });

  it('names files as those of models are named, wherever the folder lies', async () => {
    const [endpoint] = await load({ 'a.sql': GOOD });
    expect(endpoint!.file).toBe(`${path.basename(folders.at(-1)!)}/sensor/endpoints/a.sql`);
  });

  it('finds nothing where there is no folder', async () => {
    expect(await loadEndpoints(tmpdir(), { ...DATASET, name: 'no such dataset' })).toEqual([]);
  });

  it.each<[string, string, string[]]>([
    ['no header', 'select 1', ['x.sql:1:1: the file must begin with a YAML header: a comment that opens with /* --- and closes with --- */']],
    ['missing keys', file('formats: [json]', 'select 1 as a'), ['x.sql:2:1: description is missing: what the rows are, in a sentence', 'x.sql:2:1: path is missing: the GET route, e.g. /data']],
    ['an unknown key', file('path: /x\ndescription: X.\nparametres: {}', 'select 1 as a'), ['x.sql:4:1: unknown key parametres; did you mean parameters?']],
    ['a key of later', file('path: /x\ndescription: X.\ncache: 1m', 'select 1 as a'), ['x.sql:4:1: cache is not built yet']],
    ['a wrong path', file('path: data\ndescription: X.', 'select 1 as a'), ['x.sql:2:7: path must look like /data or /power/daily, in lower case; is data']],
    ['a path of the service', file('path: /health\ndescription: X.', 'select 1 as a'), ['x.sql:2:7: /health is a route of the service itself; choose another path']],
    ['a format of later', file('path: /x\ndescription: X.\nformats: [json, csv, xml]', 'select 1 as a'), ['x.sql:4:17: the format csv is not built yet; built is json', 'x.sql:4:22: unknown format xml; known are json']],
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
  size: { type: integer, description: S }
  when: { type: timestamp, required: true, default: 2022-02-30, description: W }
  until: { type: date, end_of_day: true, not_before: wen, description: U }
  bare: { }
  odd: { type: text, description: O, minimum: 3 }`;
    const used = 'select :Day, :limit, :size, :when, :until, :bare, :odd';
    expect(await problemsOf({ 'x.sql': file(header, used) })).toEqual([
      'x.sql:5:3: a parameter is named in lower case, as in device_id; is Day',
      'x.sql:6:3: limit is a parameter of every endpoint',
      'x.sql:7:17: `type: integer` is not built yet; built are timestamp, date, text',
      'x.sql:8:53: a required parameter has no default',
      'x.sql:8:53: the default is no day of the calendar',
      'x.sql:9:36: end_of_day is for a timestamp',
      'x.sql:9:54: there is no parameter wen; did you mean when?',
      'x.sql:10:3: the parameter bare has no description',
      'x.sql:10:3: the parameter bare has no type; known are timestamp, date, text',
      'x.sql:11:38: unknown key minimum; known are type, description, required, default, end_of_day, not_before',
    ]);
  });

  it('reports a path that two files claim, and the problems of all files at once', async () => {
    expect(await problemsOf({ 'a.sql': GOOD, 'b.sql': GOOD, 'c.sql': 'select 1' })).toEqual([
      expect.stringMatching(/^b\.sql:2:1: \/power is the path of .*a\.sql too$/), expect.stringMatching(/^c\.sql:1:1: the file must begin/),
    ]);
  });
});

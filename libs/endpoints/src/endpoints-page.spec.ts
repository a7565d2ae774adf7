import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadDataset, type Dataset, type DatasetError } from '@ingot/datasets';
import { FORMAT_NAMES, type Endpoint } from './endpoint.js';
import { loadEndpoints } from './load-endpoints.js';
import { PARAMETER_TYPES, sqlTypeOf } from './parameter.js';

let page = '';
let files: Record<string, string> = {};
let dataset: Dataset;
const folders: string[] = [];

beforeAll(async () => {
  page = await readFile('docs/endpoints.md', 'utf8');
  files = Object.fromEntries([...page.matchAll(/<!-- ingot: (\S+) -->\n```sql\n(.*?)```/gs)].map(([, name, text]) => [name!, text!]));
  dataset = await loadDataset('sql/sensor');
});
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function load(changed: Record<string, string>): Promise<Endpoint[]> {
  const root = await mkdtemp(path.join(tmpdir(), 'ingot-endpoints-page-'));
  folders.push(root);
  const folder = path.join(root, 'sql/sensor/endpoints');
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries({ ...files, ...changed })) await writeFile(path.join(folder, name), text);
  return loadEndpoints(path.join(root, 'sql'), dataset);
}
const problems = (changed: Record<string, string>): Promise<string[]> => load(changed).then(() => [], (error: DatasetError) => error.message.split('\n'));

/** The cells of the table whose head begins with these words, with the words between backquotes of the first one. */
function table(head: string): { keys: string[]; cells: string[] }[] {
  const rows = page.slice(page.indexOf(`| ${head} |`)).split('\n\n')[0]!.split('\n').slice(2);
  return rows.map((row) => ({ keys: [...row.split('|')[1]!.matchAll(/`([a-z_]+)`/g)].map(([, key]) => key!), cells: row.split('|').slice(1, -1).map((cell) => cell.trim()) }));
}
const keysOf = (head: string): string[] => table(head).flatMap(({ keys }) => keys).sort();
const knownAfter = (message: string | undefined): string[] => (message ?? '').replace(/.*; known are /, '').split(', ').sort();

describe('docs/endpoints.md', () => {
  it('holds files that load', async () => {
    expect((await load({})).map(({ path: route }) => route)).toEqual(['/daily', '/readings', '/readings/peaks']);
  });

  it('names every key of a header and of a parameter, and no other', async () => {
    expect(keysOf('key | what it says')).toEqual(knownAfter((await problems({ 'daily.sql': files['daily.sql']!.replace('path:', 'qqqqqqqqqqqqqqqq: 1\npath:') }))[0]));
    expect(keysOf('key | for')).toEqual(knownAfter((await problems({ 'daily.sql': files['daily.sql']!.replace('    default: 1\n', '    default: 1\n    qqqqqqqqqqqqqqqq: 1\n') }))[0]));
  });

  it('names every type with what it is in SQL, and every format', () => {
    const types = table('`type` | a request says');
    expect(types.flatMap(({ keys }) => keys)).toEqual([...PARAMETER_TYPES]);
    for (const { keys: [type], cells } of types.slice(0, -1)) expect(cells[2]).toBe(`\`${sqlTypeOf({ type: type as (typeof PARAMETER_TYPES)[number] })}\``);
    expect(table('key | what it says').find(({ keys }) => keys[0] === 'formats')!.cells[1]).toContain(FORMAT_NAMES.map((name) => `\`${name}\``).join(', '));
  });

  it('shows every type and every key of a parameter in a file', async () => {
    const parameters = (await load({})).flatMap((endpoint) => endpoint.parameters);
    expect(new Set(parameters.map(({ type }) => type))).toEqual(new Set(PARAMETER_TYPES));
    for (const key of [...keysOf('key | for'), ...keysOf('key | what it says')]) expect(Object.values(files).some((text) => new RegExp(`\\b${key}:`).test(text))).toBe(true);
  });

  it('shows a problem as it is told', async () => {
    const [shown] = /^sql\/sensor\/endpoints\/daily\.sql:.*$/m.exec(page) ?? [];
    expect(await problems({ 'daily.sql': files['daily.sql']!.replace('between :from', 'between :form') })).toContain(shown);
  });
});

import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { load, messagesOf, problemsOf } from '../test/written-dataset.js';
import { READERS, ROW_RULES } from './data-tests/test-kinds.js';
import type { Dataset } from './dataset.js';

let page = '';
let files: Record<string, string> = {};

beforeAll(async () => {
  page = await readFile('docs/models.md', 'utf8');
  files = Object.fromEntries([...page.matchAll(/<!-- ingot: (\S+) -->\n```\w+\n(.*?)```/gs)].map(([, name, text]) => [name!, text!]));
});

const base = { 'dataset.yml': 'description: of docs/models.md\n' };
const read = (changes: Record<string, string> = {}): Promise<Dataset> => load({ ...files, ...changes }, base);

/** The keys in the first cells of the table whose head begins with these words. */
function keysOfTable(head: string): string[] {
  const table = page.slice(page.indexOf(`| ${head} |`)).split('\n\n')[0]!;
  return table.split('\n').slice(2).flatMap((row) => [...row.split('|')[1]!.matchAll(/`([a-z_]+)`/g)].map(([, key]) => key!));
}

/** The keys that a file may have, as the loader says of one that it may not. */
async function knownKeys(file: string): Promise<string[]> {
  const [problem] = await messagesOf(read({ [file]: `${files[file]!.replace('description:', 'qqqqqqqqqqqqqqqq: 1\ndescription:').replace('materialized:', 'qqqqqqqqqqqqqqqq: 1\nmaterialized:')}` }));
  return problem?.replace(/.*; known are /, '').split(', ') ?? [];
}

describe('docs/models.md', () => {
  it('holds files that load, without a warning', async () => {
    expect(await problemsOf(files, base)).toEqual([]);
    const dataset = await read();
    expect(dataset.warnings).toEqual([]);
    expect(dataset.models.map(({ relation }) => relation)).toEqual(['silver.readings', 'silver.daily', 'gold.monthly', 'gold.overview', 'silver.latest']);
    expect(dataset.dataTests).toHaveLength(1);
    expect(dataset.seeds[0]?.columns.map(({ name, dataType }) => `${name} ${dataType}`)).toEqual(['metric text', 'unit text', 'factor numeric']);
  });

  it('names every key of a model, of a data test and of dataset.yml, and no other', async () => {
    expect(keysOfTable('key | for').sort()).toEqual((await knownKeys('silver/latest.sql')).sort());
    expect(keysOfTable('test | under a column').sort()).toEqual(Object.keys(READERS).sort());
    const [terms] = await problemsOf({ ...files, 'silver/latest.sql': files['silver/latest.sql']!.replace('on_data_error: fail', 'data_tests: [not_null: { column: at, qqqqqqqqqqqqqqqq: 1 }]') }, base);
    const known = terms!.replace(/.*; known are /, '').split(', ');
    expect([...keysOfTable('key | what it says'), 'arguments', 'config', 'column', 'error_if', 'warn_if'].sort()).toEqual(known.sort());
    const [header] = await problemsOf(files, { 'dataset.yml': 'qqqqqqqqqqqqqqqq: 1' });
    expect(header).toMatch(/known are description, probe_every, retention$/);
  });

  it('says which tests may put rows aside', () => {
    const row = page.split('\n').find((line) => line.startsWith('| `on_fail`'))!;
    for (const kind of Object.keys(READERS)) expect(row.includes(`\`${kind}\``)).toBe((ROW_RULES as ReadonlySet<string>).has(kind));
  });

  it.each([
    ['merge', 'bronze.lines', true],
    ['merge', 'silver.latest', false],
    ['append', 'silver.daily', false],
    ['delete+insert', 'silver.latest', true],
    ['delete+insert', 'gold.monthly', true],
    ['delete+insert', 'gold.overview', false],
    ['append', 'seeds.units', false],
  ])('says truly what may feed what: %s on %s', async (strategy, input, may) => {
    const column = input === 'bronze.lines' ? 'device' : 'metric';
    const text = `/* ---\nmaterialized: incremental\nincremental_strategy: ${strategy}\nincrement_on: ${input}\nunique_key: ${column}\n--- */\nselect ${column} from ${input}`;
    const problems = await problemsOf({ ...files, 'gold/m.sql': text }, base);
    expect(problems.length === 0).toBe(may);
  });
});

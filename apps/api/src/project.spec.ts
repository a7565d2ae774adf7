import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { DatasetError } from '@ingot/datasets';
import { loadProject } from './project.js';

const dataset = (name: string, files: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries({ 'dataset.yml': 'description: x\n', [`sources/${name}.yml`]: `kind: lines\npath: /${name}\n`, ...files }).map(([file, text]) => [`${name}/${file}`, text]));
const endpoint = (path: string, from: string): string => `/* ---\npath: ${path}\ndescription: x\n--- */\nselect line from ${from}\n`;

async function problemsOf(files: Record<string, string>): Promise<string[]> {
  const root = await mkdtemp(join(tmpdir(), 'ingot-project-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, 'sql', name)), { recursive: true });
      await writeFile(join(root, 'sql', name), text);
    }
    return await loadProject(join(root, 'sql')).then(() => [], (error: DatasetError) => error.message.split('\n'));
  } finally {
    await rm(root, { recursive: true });
  }
}

describe('loadProject', () => {
  it('refuses a route that two datasets or the service own, beside the problems of models', async () => {
    expect(await problemsOf({
      ...dataset('a', { 'endpoints/e.sql': endpoint('/lines', 'bronze.a') }),
      ...dataset('b', { 'endpoints/e.sql': endpoint('/lines', 'bronze.b'), 'endpoints/f.sql': endpoint('/docs', 'silver.broken'), 'silver/broken.sql': 'select 1' }),
    })).toEqual([
      'sql/b/endpoints/e.sql:2:1: /lines is the path of sql/a/endpoints/e.sql too',
      'sql/b/endpoints/f.sql:2:7: /docs is a route of the service itself; choose another path',
      'sql/b/silver/broken.sql:1:1: the file must begin with a YAML header: a comment that opens with /* --- and closes with --- */',
    ]);
  });

  it('takes endpoints of several datasets under paths of their own', async () => {
    expect(await problemsOf({ ...dataset('a', { 'endpoints/e.sql': endpoint('/a', 'bronze.a') }), ...dataset('b', { 'endpoints/e.sql': endpoint('/b', 'bronze.b') }) })).toEqual([]);
  });
});

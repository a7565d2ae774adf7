import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apply } from '@ingot/models';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { describeProject } from './describe-project.js';
import { loadProject, type Project } from './project.js';

const FILES = {
  'dataset.yml': 'description: A test.\n',
  'sources/lines.yml': 'kind: lines\npath: /lines\n',
  'gold/shown.sql': '/* ---\ndescription: Lines.\nmaterialized: view\n--- */\nselect id, line as text from bronze.lines\n',
  'endpoints/a.sql': '/* ---\npath: /a\ndescription: Lines.\n--- */\nselect id from gold.shown order by id\n',
  'endpoints/b.sql': '/* ---\npath: /b\ndescription: Texts.\n--- */\nselect text from gold.shown order by id\n',
};

describe('describeProject', () => {
  let database: TestDatabase;
  let client: Client;
  let folder: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    client = await database.session();
    folder = await mkdtemp(path.join(tmpdir(), 'ingot-describe-project-'));
  });
  afterAll(async () => {
    await database.drop();
    await rm(folder, { recursive: true });
  });

  async function project(changes: Partial<typeof FILES> = {}): Promise<Project> {
    const root = await mkdtemp(path.join(folder, 'p'));
    for (const [name, text] of Object.entries({ ...FILES, ...changes })) {
      await mkdir(path.dirname(path.join(root, 'sql/t', name)), { recursive: true });
      await writeFile(path.join(root, 'sql/t', name), text);
    }
    return loadProject(path.join(root, 'sql'));
  }
  const described = async (of: Project): Promise<{ columns: string[][]; warnings: string[] }> => {
    const warnings: string[] = [];
    const endpoints = await describeProject(client, of, (line) => warnings.push(line));
    return { columns: endpoints.map(({ columns }) => columns.map(({ name }) => name)), warnings };
  };
  const renamed = { 'gold/shown.sql': FILES['gold/shown.sql'].replace('as text', 'as body'), 'endpoints/b.sql': FILES['endpoints/b.sql'].replace('text', 'body') };
  const WRONG = 'sql/t/endpoints/b.sql:5:8: column "body" does not exist';

  it('gives the columns of endpoints that fit what is applied', async () => {
    const applied = await project();
    await apply(client, applied.datasets[0]!);
    expect(await described(applied)).toEqual({ columns: [['id'], ['text']], warnings: [] });
  });

  it('warns of an endpoint that waits for its files, and has the others', async () => {
    const next = await project(renamed);
    expect(await described(next)).toEqual({ columns: [['id'], []], warnings: [`${WRONG}; the files of t are not applied: until they are, this endpoint answers 503`] });
    await apply(client, next.datasets[0]!);
    expect(await described(next)).toEqual({ columns: [['id'], ['body']], warnings: [] });
    await apply(client, (await project()).datasets[0]!);
  });

  it('refuses an endpoint that does not fit the files it came with', async () => {
    await expect(described(await project({ 'endpoints/b.sql': renamed['endpoints/b.sql'] }))).rejects.toThrow(expect.objectContaining({ name: 'DatasetError', message: WRONG }));
  });
});

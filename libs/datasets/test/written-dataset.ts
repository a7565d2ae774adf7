import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadDataset, loadDatasets, type Dataset } from '../src/index.js';
import { DatasetError } from '../src/problem.js';

type Files = Record<string, string | Buffer>;

export const RAW = { 'dataset.yml': 'description: A test.\n', 'sources/raw.yml': 'kind: lines\npath: /data\n' };

/** Reads a dataset `sql/t` of these files, beside dataset.yml and the source bronze.raw. */
export async function load(files: Files, base: Files = RAW): Promise<Dataset> {
  return withFiles(Object.fromEntries(Object.entries({ ...base, ...files }).map(([name, text]) => [`t/${name}`, text])), (sql) => loadDataset(join(sql, 't')));
}

/** Reads every dataset of these files, named from `sql/` on. */
export async function loadAll(files: Files): Promise<Dataset[]> {
  return withFiles(files, loadDatasets);
}

/** The problems of a dataset, one `file:line:column: message` each; the leading `sql/t/` left out. */
export async function problemsOf(files: Files, base: Files = RAW): Promise<string[]> {
  return messagesOf(load(files, base));
}

export async function messagesOf(loading: Promise<unknown>): Promise<string[]> {
  try {
    await loading;
  } catch (error) {
    if (error instanceof DatasetError) return error.message.split('\n').map((line) => line.replace(/^sql\/t\//, ''));
    throw error;
  }
  return [];
}

/** An SQL file: header keys, then the SELECT, which starts in the line after the header's last. */
export function sqlFile(header: string, select: string): string {
  return `/* ---\n${header.trim()}\n--- */\n${select}`;
}

/** Writes the files below a folder `sql/` of its own, reads, removes them again. */
export async function withFiles<T>(files: Files, read: (sql: string) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), 'ingot-datasets-'));
  const sql = join(root, 'sql');
  try {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(sql, name)), { recursive: true });
      await writeFile(join(sql, name), text);
    }
    return await read(sql);
  } finally {
    await rm(root, { recursive: true });
  }
}

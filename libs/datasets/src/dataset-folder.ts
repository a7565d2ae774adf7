import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { identifierFault } from './identifier.js';
import { didYouMean } from './nearest-name.js';
import { compareText, type Problems } from './problem.js';
import { startOf } from './sql-file.js';

/** One file of a dataset that owns a relation. */
export interface OwnedFile {
  readonly path: string;
  /** As messages name it. */
  readonly file: string;
  /** The file's name without its ending. */
  readonly name: string;
  readonly relation: string;
}

/** The files of a dataset's folder, not read yet. */
export interface DatasetFolder {
  readonly name: string;
  readonly path: string;
  /** As messages name it. */
  readonly shown: string;
  readonly sources: readonly OwnedFile[];
  readonly models: readonly OwnedFile[];
}

const SOURCES = { folder: 'sources', schema: 'bronze', ending: '.yml' };
const MODELS = [
  { folder: 'silver', schema: 'silver', ending: '.sql' },
  { folder: 'gold', schema: 'gold', ending: '.sql' },
];
const ENDPOINTS = 'endpoints';
/** Folders of the design that a later issue reads. */
const LATER = ['tests', 'unit', 'seeds'];
const HEADER = 'dataset.yml';

/** The datasets of a folder such as `sql/`, by name. */
export async function listDatasets(sqlDir: string, problems: Problems): Promise<string[]> {
  const shown = basename(sqlDir);
  const entries = await listFolder(sqlDir);
  for (const { name, directory } of entries) {
    if (!directory && !isDocument(name)) problems.add(startOf(`${shown}/${name}`), `unknown file; files belong to a dataset, as in ${shown}/sensor/silver`);
  }
  const names = entries.filter(({ directory }) => directory).map(({ name }) => name);
  if (names.length === 0) problems.add(startOf(shown), `there is no dataset in ${sqlDir}`);
  return names;
}

/** Lists `sql/<dataset>`; a file or folder that would be passed over in silence is a problem. */
export async function listDataset(dir: string, problems: Problems): Promise<DatasetFolder> {
  const name = basename(dir);
  const shown = `${basename(join(dir, '..'))}/${name}`;
  const fault = identifierFault(name);
  if (fault !== undefined) problems.add(startOf(`${shown}/${HEADER}`), `the dataset's name ${name} ${fault}`);

  const folders = [SOURCES.folder, ...MODELS.map(({ folder }) => folder), ENDPOINTS];
  for (const entry of await listFolder(dir)) {
    const at = startOf(`${shown}/${entry.name}`);
    if (!entry.directory) {
      if (entry.name !== HEADER && !isDocument(entry.name)) problems.add(at, `unknown file${didYouMean(entry.name, [HEADER])}`);
    } else if (LATER.includes(entry.name)) {
      if ((await listFolder(join(dir, entry.name))).length > 0) problems.add(at, `${entry.name}/ is not built yet`);
    } else if (!folders.includes(entry.name)) {
      problems.add(at, `unknown folder${didYouMean(entry.name, [...folders, ...LATER]) || `; known are ${folders.join(', ')}`}`);
    }
  }
  const sources = await ownedFiles(dir, shown, SOURCES, problems);
  const models = (await Promise.all(MODELS.map((kind) => ownedFiles(dir, shown, kind, problems)))).flat();
  return { name, path: dir, shown, sources, models };
}

async function ownedFiles(dir: string, shown: string, kind: typeof SOURCES, problems: Problems): Promise<OwnedFile[]> {
  const entries = await listFolder(join(dir, kind.folder));
  return entries.flatMap((entry) => {
    const file = `${shown}/${kind.folder}/${entry.name}`;
    if (isDocument(entry.name) && !entry.directory) return [];
    if (entry.directory || !entry.name.endsWith(kind.ending)) {
      problems.add(startOf(file), `${kind.folder}/ holds ${kind.ending} files only, no ${entry.directory ? 'folders' : 'other ones'}`);
      return [];
    }
    const name = entry.name.slice(0, -kind.ending.length);
    const fault = identifierFault(name);
    if (fault !== undefined) problems.add(startOf(file), `the name ${name} ${fault}`);
    return [{ path: join(dir, kind.folder, entry.name), file, name, relation: `${kind.schema}.${name}` }];
  });
}

/** Entries by name, links followed, hidden ones left out; none when the folder is absent. */
async function listFolder(dir: string): Promise<{ name: string; directory: boolean }[]> {
  try {
    const names = (await readdir(dir)).filter((name) => !name.startsWith('.')).sort(compareText);
    return await Promise.all(names.map(async (name) => ({ name, directory: (await stat(join(dir, name))).isDirectory() })));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function isDocument(name: string): boolean {
  return name.toLowerCase().endsWith('.md');
}

import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { identifierFault } from './identifier.js';
import { didYouMean } from './nearest-name.js';
import { compareText, type Problems } from './problem.js';
import { startOf } from './sql-file.js';

/** One file of a dataset. */
export interface DatasetFile {
  readonly path: string;
  /** As messages name it. */
  readonly file: string;
  /** The file's name without its ending. */
  readonly name: string;
}

/** A file that owns a relation. */
export interface OwnedFile extends DatasetFile {
  readonly relation: string;
}

/** A CSV file, with the YAML file of the same name beside it when there is one. */
export interface SeedFile extends OwnedFile {
  readonly header?: DatasetFile;
}

/** The files of a dataset's folder, not read yet. */
export interface DatasetFolder {
  readonly name: string;
  readonly path: string;
  /** As messages name it. */
  readonly shown: string;
  readonly sources: readonly OwnedFile[];
  readonly models: readonly OwnedFile[];
  readonly seeds: readonly SeedFile[];
  /** The SELECTs of `tests/`. */
  readonly tests: readonly DatasetFile[];
  /** The unit tests of `unit/`. */
  readonly unitTests: readonly DatasetFile[];
}

/** Folders whose files own a relation each, and the schema it is in. */
const SOURCES = { folder: 'sources', schema: 'bronze', ending: '.yml' };
const MODELS = [
  { folder: 'silver', schema: 'silver', ending: '.sql' },
  { folder: 'gold', schema: 'gold', ending: '.sql' },
];
const SEEDS = { folder: 'seeds', schema: 'seeds', ending: '.csv', header: '.yml' };
const TESTS = { folder: 'tests', ending: '.sql' };
const UNIT_TESTS = { folder: 'unit', ending: '.yml' };
const ENDPOINTS = 'endpoints';
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

  const folders = [SOURCES, ...MODELS, SEEDS, TESTS, UNIT_TESTS].map(({ folder }) => folder).concat(ENDPOINTS);
  for (const entry of await listFolder(dir)) {
    const at = startOf(`${shown}/${entry.name}`);
    if (!entry.directory) {
      if (entry.name !== HEADER && !isDocument(entry.name)) problems.add(at, `unknown file${didYouMean(entry.name, [HEADER])}`);
    } else if (!folders.includes(entry.name)) {
      problems.add(at, `unknown folder${didYouMean(entry.name, folders) || `; known are ${folders.join(', ')}`}`);
    }
  }
  const list = (kind: FolderKind): Promise<ListedFile[]> => listFiles(dir, shown, kind, problems);
  const owned = async (kind: FolderKind & { readonly schema: string }): Promise<OwnedFile[]> =>
    (await list(kind)).map(({ ending: _ending, ...file }) => ({ ...file, relation: `${kind.schema}.${file.name}` }));
  return {
    name,
    path: dir,
    shown,
    sources: await owned(SOURCES),
    models: (await Promise.all(MODELS.map(owned))).flat(),
    seeds: seedFiles(await list(SEEDS), problems),
    tests: await list(TESTS),
    unitTests: await list(UNIT_TESTS),
  };
}

/** What a folder holds; `header` is the ending of files that stand beside others. */
interface FolderKind {
  readonly folder: string;
  readonly ending: string;
  readonly header?: string;
}

interface ListedFile extends DatasetFile {
  readonly ending: string;
}

async function listFiles(dir: string, shown: string, kind: FolderKind, problems: Problems): Promise<ListedFile[]> {
  const entries = await listFolder(join(dir, kind.folder));
  const endings = [kind.ending, ...(kind.header === undefined ? [] : [kind.header])];
  return entries.flatMap((entry) => {
    const file = `${shown}/${kind.folder}/${entry.name}`;
    if (isDocument(entry.name) && !entry.directory) return [];
    const ending = endings.find((known) => entry.name.endsWith(known));
    if (entry.directory || ending === undefined) {
      problems.add(startOf(file), `${kind.folder}/ holds ${endings.join(' and ')} files only, no ${entry.directory ? 'folders' : 'other ones'}`);
      return [];
    }
    const name = entry.name.slice(0, -ending.length);
    const fault = identifierFault(name);
    if (fault !== undefined) problems.add(startOf(file), `the name ${name} ${fault}`);
    return [{ path: join(dir, kind.folder, entry.name), file, name, ending }];
  });
}

function seedFiles(files: readonly ListedFile[], problems: Problems): SeedFile[] {
  const tables = files.filter(({ ending }) => ending === SEEDS.ending);
  const headers = files.filter(({ ending }) => ending === SEEDS.header);
  for (const { name, file } of headers) {
    const others = tables.map((table) => table.name);
    if (!others.includes(name)) problems.add(startOf(file), `there is no ${name}.csv beside it${didYouMean(name, others)}`);
  }
  return tables.map(({ path, file, name }) => {
    const header = headers.find((candidate) => candidate.name === name);
    return { path, file, name, relation: `${SEEDS.schema}.${name}`, ...(header === undefined ? {} : { header }) };
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

import { join, resolve } from 'node:path';
import { datasetCodeHash } from './code-hash.js';
import { checkTestNames } from './data-tests/check-data-tests.js';
import { readQueryTest } from './data-tests/read-query-test.js';
import type { Dataset, Query, Source } from './dataset.js';
import { listDataset, listDatasets, type DatasetFolder, type OwnedFile } from './dataset-folder.js';
import { checkGraph } from './dataset-graph.js';
import { dateCasts } from './date-casts.js';
import { readModelFile, type ModelFile } from './model-file.js';
import { didYouMean } from './nearest-name.js';
import { DatasetError, Problems, type Problem } from './problem.js';
import { placeInQuery } from './rendered-query.js';
import { checkPartitionNames } from './retention/check-partition-by.js';
import { applyRetention } from './retention/check-retention.js';
import { readSeed } from './seeds/read-seed.js';
import { readDatasetHeader, readSource, type DatasetHeader } from './source-file.js';
import { readSqlFile, readText, startOf } from './sql-file.js';

/** A dataset as far as its files could be read: enough to check endpoints and unit tests, so that one start shows all. */
export interface SurveyedDataset {
  /** Without what could not be read; right when there are no problems. */
  readonly dataset: Dataset;
  /** Relations of it that have a problem, or that read one with a problem: nothing can be said about their columns. */
  readonly unsure: ReadonlySet<string>;
}

/** Every dataset of a project and every problem of their files, endpoints and unit tests aside. */
export interface Survey {
  readonly datasets: readonly SurveyedDataset[];
  readonly problems: readonly Problem[];
}

/**
 * Reads every dataset under a folder such as `sql/`, in the order of their names.
 * @throws DatasetError with every problem of every file, also of two datasets that own one relation or one route
 */
export async function loadDatasets(sqlDir: string): Promise<Dataset[]> {
  const { datasets, problems } = await surveyDatasets(sqlDir);
  if (problems.length > 0) throw new DatasetError(problems);
  return datasets.map(({ dataset }) => dataset);
}

/** Reads every dataset under a folder such as `sql/` as far as it can be read; problems are returned, not thrown. */
export async function surveyDatasets(sqlDir: string): Promise<Survey> {
  const problems = new Problems();
  const names = await listDatasets(resolve(sqlDir), problems);
  const folders = await Promise.all(names.map((name) => listDataset(resolve(sqlDir, name), problems)));
  const owners = ownersOf(folders, problems);
  const read = await Promise.all(folders.map((folder) => readDataset(folder, owners, problems)));
  checkRoutes(read.map(({ dataset }) => dataset), problems);
  const faulty = new Set(problems.list.map(({ file }) => file));
  return { datasets: read.map(({ dataset, files }, i) => ({ dataset, unsure: unsureOf(folders[i]!, files, dataset, faulty) })), problems: problems.list };
}

/** Stands for a dataset.yml with problems. */
const UNREAD_HEADER: DatasetHeader = { description: '', probeEveryMs: 0, retention: [] };

/**
 * Reads one dataset, e.g. `sql/sensor`. Files are named `sql/sensor/...` in it, whatever the path given.
 * @throws DatasetError with every problem of every file
 */
export async function loadDataset(dir: string): Promise<Dataset> {
  const problems = new Problems();
  const folder = await listDataset(resolve(dir), problems);
  const { dataset } = await readDataset(folder, ownersOf([folder], problems), problems);
  checkRoutes([dataset], problems);
  problems.throwIfAny();
  return dataset;
}

/** Relation -> the dataset that owns it. */
function ownersOf(folders: readonly DatasetFolder[], problems: Problems): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  for (const folder of folders) {
    for (const { relation, file } of [...folder.sources, ...folder.seeds, ...folder.models]) {
      const owner = owners.get(relation);
      if (owner !== undefined) problems.add(startOf(file), `${relation} is owned by the dataset ${owner} already`);
      else owners.set(relation, folder.name);
    }
  }
  return owners;
}

/** The dataset without what could not be read, and the files of its models. */
async function readDataset(folder: DatasetFolder, owners: ReadonlyMap<string, string>, problems: Problems): Promise<{ dataset: Dataset; files: readonly ModelFile[] }> {
  const relations = [...owners].filter(([, owner]) => owner === folder.name).map(([relation]) => relation);
  const { retention: written, ...header } = (await readHeader(folder, problems)) ?? UNREAD_HEADER;
  const declared = await readSources(folder, problems);
  const seeds = new Map(await Promise.all(folder.seeds.map(async (file) => [file.relation, await readSeed(file, problems)] as const)));
  const files = await readModels(folder, relations, problems);
  const queryTests = (await Promise.all(folder.tests.map((file) => readQueryTest(file, relations, problems)))).filter((read) => read !== undefined);
  for (const { query } of files) checkMentions(query, 'a model', folder.name, owners, problems);
  for (const { test } of queryTests) checkMentions(test.query, 'a data test', folder.name, owners, problems);

  const { models: checked, inputs } = checkGraph({ sources: folder.sources.map(({ relation }) => relation), seeds }, files, problems);
  const { sources, models, warnings: ofRetention } = applyRetention(written, declared, checked, problems);
  checkPartitionNames(models, problems);
  const readSeeds = [...seeds.values()].flatMap((read) => read?.seed ?? []);
  const dataTests = queryTests.map(({ test }) => test);
  const named = [...models, ...readSeeds].flatMap((owner) => owner.dataTests);
  checkTestNames([...named, ...dataTests.map(({ name, file }) => ({ name, place: startOf(file) }))], problems);
  const code = { sources, models, seeds: readSeeds, queryTestHashes: queryTests.map(({ codeHash }) => codeHash) };
  const warnings = [...dateCasts([...files, ...queryTests.map(({ test, statement }) => ({ query: test.query, statement }))], inputs), ...ofRetention];
  const dataset = { name: folder.name, ...header, sources, models, seeds: readSeeds, dataTests, codeHash: datasetCodeHash(folder.name, code), warnings };
  return { dataset, files };
}

/** Relations of files that have problems or were not read, and what reads them, directly or through others. */
function unsureOf(folder: DatasetFolder, files: readonly ModelFile[], dataset: Dataset, faulty: ReadonlySet<string>): ReadonlySet<string> {
  const read = new Set([...dataset.sources, ...dataset.seeds, ...dataset.models].map(({ relation }) => relation));
  const owned = [...folder.sources, ...folder.models, ...folder.seeds];
  const headers = new Map(folder.seeds.map(({ relation, header }) => [relation, header?.file ?? '']));
  const isUnsure = ({ relation, file }: OwnedFile): boolean => !read.has(relation) || faulty.has(file) || faulty.has(headers.get(relation) ?? '');
  const unsure = new Set(owned.filter(isUnsure).map(({ relation }) => relation));
  // A set visits what is added while it is walked.
  for (const relation of unsure) {
    for (const { relation: reader, query } of files) if (query.mentions.some((mention) => mention.relation === relation)) unsure.add(reader);
  }
  return unsure;
}

async function readModels(folder: DatasetFolder, relations: readonly string[], problems: Problems): Promise<ModelFile[]> {
  const files = await Promise.all(
    folder.models.map(async ({ path, file, relation }) => {
      const sql = await readSqlFile(path, file, problems);
      return sql === undefined ? undefined : readModelFile(sql, relation, relations, problems);
    }),
  );
  return files.filter((file) => file !== undefined);
}

async function readHeader(folder: DatasetFolder, problems: Problems) {
  const file = `${folder.shown}/dataset.yml`;
  try {
    const text = await readText(join(folder.path, 'dataset.yml'), file, problems);
    return text === undefined ? undefined : readDatasetHeader(file, text, problems);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    problems.add(startOf(file), 'the file is missing: every dataset has one, with its description');
    return undefined;
  }
}

async function readSources(folder: DatasetFolder, problems: Problems): Promise<Source[]> {
  if (folder.sources.length === 0) problems.add(startOf(`${folder.shown}/sources`), 'the dataset has no source: add sources/<name>.yml, which makes bronze.<name>');
  const sources = await Promise.all(
    folder.sources.map(async ({ path, file, name }) => {
      const text = await readText(path, file, problems);
      return text === undefined ? undefined : readSource(file, text, name, problems);
    }),
  );
  return sources.filter((source) => source !== undefined);
}

/** Every table a file reads must be of its own dataset. */
function checkMentions(query: Query, what: string, dataset: string, owners: ReadonlyMap<string, string>, problems: Problems): void {
  for (const { relation, start } of query.mentions) {
    const owner = owners.get(relation);
    if (owner === dataset) continue;
    const place = placeInQuery(query, start);
    if (owner !== undefined) problems.add(place, `${relation} belongs to the dataset ${owner}; ${what} reads only its own dataset`);
    else problems.add(place, `no source, seed or model owns ${relation}${didYouMean(relation, [...owners].filter(([, name]) => name === dataset).map(([name]) => name))}`);
  }
}

function checkRoutes(datasets: readonly Dataset[], problems: Problems): void {
  const owners = new Map<string, string>();
  for (const { path, file, relation } of datasets.flatMap(({ sources }) => sources)) {
    const owner = owners.get(path);
    if (owner !== undefined) problems.add(startOf(file), `POST ${path} feeds ${owner} already`);
    else owners.set(path, relation);
  }
}

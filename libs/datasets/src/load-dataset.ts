import { join, resolve } from 'node:path';
import { datasetCodeHash } from './code-hash.js';
import type { Dataset, Model, Source } from './dataset.js';
import { listDataset, listDatasets, type DatasetFolder } from './dataset-folder.js';
import { checkFeeding, type Input } from './feeding.js';
import { CycleError, Graph } from './graph.js';
import { readModelFile, type ModelFile } from './model-file.js';
import { didYouMean } from './nearest-name.js';
import { Problems } from './problem.js';
import { placeInQuery } from './rendered-query.js';
import { BRONZE_COLUMNS, readDatasetHeader, readSource } from './source-file.js';
import { readSqlFile, readText, startOf } from './sql-file.js';

/**
 * Reads every dataset under a folder such as `sql/`, in the order of their names.
 * @throws DatasetError with every problem of every file, also of two datasets that own one relation or one route
 */
export async function loadDatasets(sqlDir: string): Promise<Dataset[]> {
  const problems = new Problems();
  const names = await listDatasets(resolve(sqlDir), problems);
  const folders = await Promise.all(names.map((name) => listDataset(resolve(sqlDir, name), problems)));
  const owners = ownersOf(folders, problems);
  const datasets = (await Promise.all(folders.map((folder) => readDataset(folder, owners, problems)))).flatMap((dataset) => dataset ?? []);
  checkRoutes(datasets, problems);
  problems.throwIfAny();
  return datasets;
}

/**
 * Reads one dataset, e.g. `sql/sensor`. Files are named `sql/sensor/...` in it, whatever the path given.
 * @throws DatasetError with every problem of every file
 */
export async function loadDataset(dir: string): Promise<Dataset> {
  const problems = new Problems();
  const folder = await listDataset(resolve(dir), problems);
  const dataset = await readDataset(folder, ownersOf([folder], problems), problems);
  if (dataset !== undefined) checkRoutes([dataset], problems);
  problems.throwIfAny();
  return dataset!;
}

/** Relation -> the dataset that owns it. */
function ownersOf(folders: readonly DatasetFolder[], problems: Problems): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  for (const folder of folders) {
    for (const { relation, file } of [...folder.sources, ...folder.models]) {
      const owner = owners.get(relation);
      if (owner !== undefined) problems.add(startOf(file), `${relation} is owned by the dataset ${owner} already`);
      else owners.set(relation, folder.name);
    }
  }
  return owners;
}

async function readDataset(folder: DatasetFolder, owners: ReadonlyMap<string, string>, problems: Problems): Promise<Dataset | undefined> {
  const before = problems.size;
  const header = await readHeader(folder, problems);
  const sources = await readSources(folder, problems);
  const files = await Promise.all(
    folder.models.map(async ({ path, file, relation }) => {
      const sql = await readSqlFile(path, file, problems);
      return sql === undefined ? undefined : readModelFile(sql, relation, problems);
    }),
  );
  const read = files.filter((file) => file !== undefined);
  for (const file of read) checkMentions(file, folder.name, owners, problems);
  const models = checkModels(folder, read, problems);
  if (problems.size > before || header === undefined || models === undefined) return undefined;
  return { name: folder.name, ...header, sources, models, seeds: [], dataTests: [], codeHash: datasetCodeHash(folder.name, sources, models) };
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

/** Every table a model reads must be of its own dataset. */
function checkMentions(file: ModelFile, dataset: string, owners: ReadonlyMap<string, string>, problems: Problems): void {
  for (const { relation, start } of file.query.mentions) {
    const owner = owners.get(relation);
    if (owner === dataset) continue;
    const place = placeInQuery(file.query, start);
    if (owner !== undefined) problems.add(place, `${relation} belongs to the dataset ${owner}; a model reads only its own dataset`);
    else problems.add(place, `no source or model owns ${relation}${didYouMean(relation, [...owners].filter(([, name]) => name === dataset).map(([name]) => name))}`);
  }
}

/** The models in graph order, each checked against what it reads; undefined when the graph has a cycle. */
function checkModels(folder: DatasetFolder, files: readonly ModelFile[], problems: Problems): Model[] | undefined {
  const byRelation = new Map(files.map((file) => [file.relation, file]));
  const graph = new Graph();
  for (const { relation, query } of files) graph.add(relation, new Set(query.mentions.map((mention) => mention.relation)));
  const order = orderOf(graph, byRelation, problems);
  const inputs = new Map<string, Input>(
    folder.sources.map(({ relation }) => [relation, { kind: 'bronze table', columns: BRONZE_COLUMNS, complete: true, behind: new Set() }]),
  );
  return order?.flatMap((relation) => {
    const file = byRelation.get(relation);
    if (file === undefined || !file.query.mentions.every((mention) => inputs.has(mention.relation))) return []; // what it reads was reported
    const { model, input } = checkFeeding(file, inputs, problems);
    inputs.set(relation, input);
    return [model];
  });
}

function orderOf(graph: Graph, files: ReadonlyMap<string, ModelFile>, problems: Problems): string[] | undefined {
  try {
    return graph.order();
  } catch (error) {
    if (!(error instanceof CycleError)) throw error;
    const [first, second] = error.path;
    const { query } = files.get(first!)!;
    const mention = query.mentions.find(({ relation }) => relation === second);
    problems.add(placeInQuery(query, mention?.start ?? 0), error.message);
    return undefined;
  }
}

function checkRoutes(datasets: readonly Dataset[], problems: Problems): void {
  const owners = new Map<string, string>();
  for (const { path, file, relation } of datasets.flatMap(({ sources }) => sources)) {
    const owner = owners.get(path);
    if (owner !== undefined) problems.add(startOf(file), `POST ${path} feeds ${owner} already`);
    owners.set(path, relation);
  }
}

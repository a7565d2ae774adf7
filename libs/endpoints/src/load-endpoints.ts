import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { Problems, readSqlFile, surveyDatasets, type Dataset, type SurveyedDataset } from '@ingot/datasets';
import type { Endpoint } from './endpoint.js';
import { readEndpoint } from './read-endpoint.js';

/** What else of the project endpoints are checked against. */
export interface Surroundings {
  /** Relations of the dataset that could not be read right, but are there. */
  readonly unsure?: ReadonlySet<string>;
  /** Route -> the file that owns it, over all datasets; those read now are added. */
  readonly routes?: Map<string, string>;
}

/**
 * Reads `<sqlDir>/<dataset>/endpoints/*.sql`; no such folder means no endpoints. Files are named from the last folder of
 * `sqlDir` on, as those of models are.
 * @throws DatasetError naming every problem of every file
 */
export async function loadEndpoints(sqlDir: string, dataset: Dataset, { unsure = new Set(), routes = new Map() }: Surroundings = {}): Promise<Endpoint[]> {
  const root = path.resolve(sqlDir);
  const folder = path.join(root, dataset.name, 'endpoints');
  const problems = new Problems();
  const endpoints: Endpoint[] = [];
  for (const file of await sqlFiles(folder)) {
    const shown = `${path.basename(root)}/${dataset.name}/endpoints/${file}`;
    const sql = await readSqlFile(path.join(folder, file), shown, problems);
    const endpoint = sql === undefined ? undefined : readEndpoint(path.basename(file, '.sql'), sql, dataset, unsure, problems);
    if (endpoint === undefined || sql === undefined) continue;
    const other = routes.get(endpoint.path);
    if (other !== undefined) problems.add(sql.header.placeOf('path'), `${endpoint.path} is the path of ${other} too`);
    routes.set(endpoint.path, endpoint.file);
    endpoints.push(endpoint);
  }
  problems.throwIfAny();
  return endpoints;
}

/** A dataset and the endpoints that read it. */
export interface ServedDataset extends SurveyedDataset {
  readonly endpoints: readonly Endpoint[];
}

/**
 * Reads every dataset below a folder, with its endpoints; what is wrong in any file is added to the problems. The
 * endpoints of a dataset that could not be read whole are checked as far as they can be.
 */
export async function surveyProject(sqlDir: string, problems: Problems): Promise<ServedDataset[]> {
  const survey = await surveyDatasets(sqlDir);
  for (const problem of survey.problems) problems.add(problem, problem.message);
  const routes = new Map<string, string>();
  const served: ServedDataset[] = [];
  for (const { dataset, unsure } of survey.datasets) served.push({ dataset, unsure, endpoints: await problems.gather(loadEndpoints(sqlDir, dataset, { unsure, routes })) });
  return served;
}

async function sqlFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

import { readFile } from 'node:fs/promises';
import { loadDatasets, type Dataset } from '@ingot/datasets';
import { loadEndpoints, type Endpoint } from '@ingot/endpoints';

/** The files under sql/ as read at the start; nothing of them changes while the process runs. */
export interface Project {
  readonly version: string;
  readonly datasets: readonly Dataset[];
  readonly endpoints: readonly Endpoint[];
}

/**
 * Reads the project in the working directory.
 * @throws DatasetError naming every problem of every file
 */
export async function loadProject(sqlDir: string): Promise<Project> {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const datasets = await loadDatasets(sqlDir);
  const endpoints = (await Promise.all(datasets.map((dataset) => loadEndpoints(sqlDir, dataset)))).flat();
  return { version, datasets, endpoints };
}

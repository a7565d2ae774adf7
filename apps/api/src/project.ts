import { readFile } from 'node:fs/promises';
import { DatasetError, surveyDatasets, type Dataset, type Problem } from '@ingot/datasets';
import { loadEndpoints, type Endpoint } from '@ingot/endpoints';

/** The files under sql/ as read at the start; nothing of them changes while the process runs. */
export interface Project {
  readonly version: string;
  readonly datasets: readonly Dataset[];
  readonly endpoints: readonly Endpoint[];
}

/**
 * Reads the project in the working directory.
 * @throws DatasetError naming every problem of every file; unit tests are not read, as a service does not run them
 */
export async function loadProject(sqlDir: string): Promise<Project> {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const survey = await surveyDatasets(sqlDir);
  const problems: Problem[] = [...survey.problems];
  const endpoints: Endpoint[] = [];
  const routes = new Map<string, string>();
  for (const { dataset, unsure } of survey.datasets) {
    try {
      endpoints.push(...(await loadEndpoints(sqlDir, dataset, { unsure, routes })));
    } catch (error) {
      if (!(error instanceof DatasetError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new DatasetError(problems);
  return { version, datasets: survey.datasets.map(({ dataset }) => dataset), endpoints };
}

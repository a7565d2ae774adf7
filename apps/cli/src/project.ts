import { loadConfig, type Config } from '@ingot/config';
import { DatasetError, loadUnitTests, surveyDatasets, type Dataset, type Problem, type UnitTest } from '@ingot/datasets';
import { loadEndpoints, type Endpoint } from '@ingot/endpoints';
import type { Io } from './io.js';

/** Every file under sql/ as read. */
export interface Project {
  readonly config: Config;
  readonly parts: readonly ProjectPart[];
}

export interface ProjectPart {
  readonly dataset: Dataset;
  readonly endpoints: readonly Endpoint[];
  readonly unitTests: readonly UnitTest[];
}

/**
 * Reads the whole project, without a database.
 * @throws DatasetError with every problem of every file; endpoints and unit tests of what could not be read are checked as far as they can be
 */
export async function loadProject(io: Io): Promise<Project> {
  const config = loadConfig(io.env);
  const sqlDir = config.INGOT_SQL_DIR;
  const survey = await surveyDatasets(sqlDir);
  const problems: Problem[] = [...survey.problems];
  const routes = new Map<string, string>();
  const attempt = async <T>(read: Promise<T[]>): Promise<T[]> => {
    try {
      return await read;
    } catch (error) {
      if (!(error instanceof DatasetError)) throw error;
      problems.push(...error.problems);
      return [];
    }
  };
  const parts: ProjectPart[] = [];
  for (const { dataset, unsure } of survey.datasets) {
    parts.push({ dataset, endpoints: await attempt(loadEndpoints(sqlDir, dataset, { unsure, routes })), unitTests: await attempt(loadUnitTests(sqlDir, dataset, unsure)) });
  }
  if (problems.length > 0) throw new DatasetError(problems);
  return { config, parts };
}

import { loadConfig, type Config } from '@ingot/config';
import { DatasetError, loadDatasets, loadUnitTests, type Dataset, type Problem, type UnitTest } from '@ingot/datasets';
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
 * @throws DatasetError with every problem of every file; endpoints and unit tests are read when the datasets are right
 */
export async function loadProject(io: Io): Promise<Project> {
  const config = loadConfig(io.env);
  const sqlDir = config.INGOT_SQL_DIR;
  const problems: Problem[] = [];
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
  for (const dataset of await loadDatasets(sqlDir)) {
    parts.push({ dataset, endpoints: await attempt(loadEndpoints(sqlDir, dataset)), unitTests: await attempt(loadUnitTests(sqlDir, dataset)) });
  }
  if (problems.length > 0) throw new DatasetError(problems);
  return { config, parts };
}

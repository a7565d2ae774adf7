import { loadConfig, type Config } from '@ingot/config';
import { loadUnitTests, Problems, type Dataset, type UnitTest } from '@ingot/datasets';
import { surveyProject, type Endpoint } from '@ingot/endpoints';
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
  const problems = new Problems();
  const parts: ProjectPart[] = [];
  for (const { dataset, unsure, endpoints } of await surveyProject(sqlDir, problems)) {
    parts.push({ dataset, endpoints, unitTests: await problems.gather(loadUnitTests(sqlDir, dataset, unsure)) });
  }
  problems.throwIfAny();
  return { config, parts };
}

import { readFile } from 'node:fs/promises';
import { Problems, type Dataset } from '@ingot/datasets';
import { surveyProject, type DescribedEndpoint, type Endpoint } from '@ingot/endpoints';
import { shippedFile } from './shipped-file.js';

/** The files under sql/ as read at the start; nothing of them changes while the process runs. */
export interface Project {
  readonly version: string;
  readonly datasets: readonly Dataset[];
  readonly endpoints: readonly Endpoint[];
}

/** A project whose endpoints the database has been asked about. */
export interface DescribedProject extends Project {
  readonly endpoints: readonly DescribedEndpoint[];
}

/**
 * Reads the project in the working directory.
 * @throws DatasetError naming every problem of every file; unit tests are not read, as a service does not run them
 */
export async function loadProject(sqlDir: string): Promise<Project> {
  const { version } = JSON.parse(await readFile(shippedFile('package.json'), 'utf8')) as { version: string };
  const problems = new Problems();
  const served = await surveyProject(sqlDir, problems);
  problems.throwIfAny();
  return { version, datasets: served.map(({ dataset }) => dataset), endpoints: served.flatMap(({ endpoints }) => endpoints) };
}

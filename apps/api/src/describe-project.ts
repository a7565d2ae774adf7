import { formatPlace, Problems } from '@ingot/datasets';
import { describeEndpoints, type DescribedEndpoint } from '@ingot/endpoints';
import { isApplied } from '@ingot/models';
import { inTransaction } from '@ingot/postgres';
import type { Client } from 'pg';
import type { Project } from './project.js';

/**
 * Asks the database about the endpoints of a project. While other files than ours are applied, one may read what is not
 * there yet: its requests are answered with 503 until `ingot apply` has come, the others are served.
 * @param warn told of each such endpoint
 * @throws DatasetError when the files are applied and an endpoint does not fit them
 */
export async function describeProject(client: Client, { datasets, endpoints }: Pick<Project, 'datasets' | 'endpoints'>, warn: (line: string) => void): Promise<DescribedEndpoint[]> {
  const described = await inTransaction(client, '', () => describeEndpoints(client, endpoints));
  const problems = new Problems();
  for (const dataset of datasets) {
    const broken = described.filter((endpoint) => endpoint.dataset === dataset.name).flatMap((endpoint) => endpoint.problems);
    const applied = broken.length > 0 && (await isApplied(client, dataset));
    for (const problem of broken) {
      if (applied) problems.add(problem, problem.message);
      else warn(`${formatPlace(problem)}: ${problem.message}; the files of ${dataset.name} are not applied: until they are, this endpoint answers 503`);
    }
  }
  problems.throwIfAny();
  return described;
}

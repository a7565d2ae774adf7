import { datasetLineage, type CatalogPart, type Dataset, type Reader } from '@ingot/datasets';
import type { Endpoint } from './endpoint.js';

/** Endpoints as lineage sees them. */
export function endpointReaders(endpoints: readonly Endpoint[]): Reader[] {
  return endpoints.map(({ path, file, template }) => ({ name: `GET ${path}`, kind: 'endpoint', file, text: template.text }));
}

/**
 * A dataset with its endpoints, as a catalog takes it.
 * @param catalogue column names of relations as a database has them
 */
export function catalogPart(dataset: Dataset, endpoints: readonly Endpoint[], catalogue?: ReadonlyMap<string, readonly string[]>): CatalogPart {
  return {
    dataset,
    lineage: datasetLineage(dataset, endpointReaders(endpoints), catalogue),
    endpoints: endpoints.map(({ path, file, description, parameters }) => ({
      route: `GET ${path}`,
      file,
      description,
      parameters: parameters.map(({ name, type, required, description: text }) => ({ name, type, required, description: text })),
    })),
  };
}

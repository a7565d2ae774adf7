import type { Reader } from '@ingot/datasets';
import type { Endpoint } from '@ingot/endpoints';

/** Endpoints as lineage sees them. */
export function readersOf(endpoints: readonly Endpoint[]): Reader[] {
  return endpoints.map(({ path, file, template }) => ({ name: `GET ${path}`, kind: 'endpoint', file, text: template.text }));
}

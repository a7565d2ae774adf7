import type { CopyRequest } from '@ingot/postgres';
import type { Endpoint } from './endpoint.js';
import type { Format } from './formats/format.js';
import type { EndpointRequest } from './request-parameters.js';
import { fillTemplate } from './sql-template.js';

/** What the read repository is asked for one request. */
export function endpointRead(endpoint: Endpoint, request: EndpointRequest, format: Format): Omit<CopyRequest, 'signal'> {
  const query = fillTemplate(endpoint.template, request.values);
  return {
    name: `${endpoint.dataset}/${endpoint.name}`,
    relations: endpoint.locks,
    query,
    copy: (columns) => format.copy(query, columns),
    ...(endpoint.maxRows === undefined ? {} : { maxRows: endpoint.maxRows }),
  };
}

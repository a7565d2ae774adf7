import type { CopyRequest } from '@ingot/postgres';
import pg from 'pg';
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
    shape: shapeOf(endpoint),
    copy: (columns) => format.copy(query, columns),
    ...(endpoint.maxRows === undefined ? {} : { maxRows: endpoint.maxRows }),
  };
}

/** Its columns change with the files of the dataset only, and those come to be with a publication. */
export function shapeOf({ template, dataset }: Pick<Endpoint, 'template' | 'dataset'>): NonNullable<CopyRequest['shape']> {
  return { template, version: `select publication || ' ' || code_hash from ingot.datasets where name = ${pg.escapeLiteral(dataset)}` };
}

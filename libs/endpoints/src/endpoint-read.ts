import type { CopyRequest } from '@ingot/postgres';
import pg from 'pg';
import type { Endpoint } from './endpoint.js';
import type { Format } from './formats/format.js';
import type { EndpointRequest } from './request-parameters.js';
import { fillTemplate } from './sql-template.js';

/** What the read repository is asked for one request. */
export function endpointRead(endpoint: Endpoint, request: EndpointRequest, format: Format): Omit<CopyRequest, 'signal'> {
  const query = endpointQuery(endpoint, request);
  return { ...query, copy: (columns) => format.copy(query.query, columns), ...(endpoint.maxRows === undefined ? {} : { maxRows: endpoint.maxRows }) };
}

/**
 * The query of a request, and what is to be known of it. Its columns change with the files of the dataset only, and those
 * come to be with a publication.
 */
export function endpointQuery({ dataset, name, locks, template }: Endpoint, { values }: EndpointRequest): Required<Pick<CopyRequest, 'name' | 'relations' | 'query' | 'shape'>> {
  const version = `select publication || ' ' || code_hash from ingot.datasets where name = ${pg.escapeLiteral(dataset)}`;
  return { name: `${dataset}/${name}`, relations: locks, query: fillTemplate(template, values), shape: { template, version } };
}

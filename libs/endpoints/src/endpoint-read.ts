import type { CopyRequest, Frame, ResultColumn } from '@ingot/postgres';
import type { Endpoint, FormatName } from './endpoint.js';
import { jsonCopy } from './json-format.js';
import type { EndpointRequest } from './request-parameters.js';
import { fillTemplate } from './sql-template.js';

/** How rows become the bytes of a response. Another format is another entry here. */
export interface Format {
  readonly contentType: string;
  readonly frame: Frame;
  /** The COPY of a query whose columns are known. */
  readonly copy: (query: string, columns: readonly ResultColumn[], omitNull: readonly string[]) => string;
}

export const FORMATS: Readonly<Record<FormatName, Format>> = {
  json: { contentType: 'application/json; charset=utf-8', frame: { drop: 1, head: '[', tail: ']' }, copy: jsonCopy },
};

/** What the read repository is asked for one request. */
export function endpointRead(endpoint: Endpoint, request: EndpointRequest): Omit<CopyRequest, 'signal'> {
  const query = fillTemplate(endpoint.template, request.values);
  const format = FORMATS[request.format];
  return {
    name: `${endpoint.dataset}/${endpoint.name}`,
    relations: endpoint.locks,
    query,
    frame: format.frame,
    copy: (columns) => format.copy(query, columns, endpoint.omitNull),
  };
}

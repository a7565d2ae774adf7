import { FORMATS, type DescribedEndpoint, type Parameter } from '@ingot/endpoints';
import type { JsonSchema } from '../documented.js';
import type { ProblemCode } from '../problem.js';
import { header, operationId, problemResponses, REQUEST_ID, type MediaType, type Operation, type Response } from './operation.js';
import { problemsOfAccess, securityOf } from './security.js';
import { rowSchema } from './schemas/column-schema.js';
import { exampleOf, parameterSchema } from './schemas/parameter-schema.js';

/** What the GET of an endpoint file takes and answers. */
export function endpointOperation(endpoint: DescribedEndpoint): Operation {
  const { path, description, dataset, parameters } = endpoint;
  const codes: ProblemCode[] = ['invalid-parameter', ...(endpoint.maxRows === undefined ? [] : (['too-many-rows'] as const)), 'not-acceptable', ...(isPaged(endpoint) ? (['cursor-expired'] as const) : []), 'overloaded', 'database-unavailable', 'not-applied', ...problemsOfAccess(endpoint.scope)];
  return {
    operationId: operationId('get', path),
    tags: [dataset],
    summary: firstSentence(description),
    description: description.trim(),
    parameters: [...parameters.map(queryParameter), ...ownParameters(endpoint), ...requestHeaders()],
    security: securityOf(endpoint.scope),
    responses: { 200: rows(endpoint), ...(endpoint.cacheable ? { 304: unchanged() } : {}), ...problemResponses(codes) },
  };
}

function isPaged({ page, arms }: DescribedEndpoint): boolean {
  return page !== undefined && arms.length > 0;
}

function queryParameter(parameter: Parameter): JsonSchema {
  const example = exampleOf(parameter);
  return {
    name: parameter.name,
    in: 'query',
    required: parameter.required,
    description: [parameter.description, ...boundsInWords(parameter)].join('; '),
    schema: parameterSchema(parameter),
    ...(parameter.type === 'list' ? { style: 'form', explode: false } : {}),
    ...(example === undefined ? {} : { example }),
  };
}

/** JSON Schema has no keyword for the bounds of instants and days. */
function boundsInWords({ type, of, minimum, maximum }: Parameter): string[] {
  const item = type === 'list' ? of : type;
  if (item !== 'timestamp' && item !== 'date') return [];
  return [...(minimum === undefined ? [] : [`not before ${minimum}`]), ...(maximum === undefined ? [] : [`not after ${maximum}`])];
}

function ownParameters({ formats, page, arms }: DescribedEndpoint): JsonSchema[] {
  const query = (name: string, description: string, schema: JsonSchema): JsonSchema => ({ name, in: 'query', required: false, description, schema });
  const paging =
    page === undefined || arms.length === 0
      ? []
      : [
          query('limit', 'Rows of a page; the header Link has the next one', { type: 'integer', minimum: 1, maximum: page.maxLimit, ...(page.defaultLimit === undefined ? {} : { default: page.defaultLimit }) }),
          query('cursor', 'Where the page starts, as the Link of the page before says; opaque', { type: 'string', minLength: 1 }),
        ];
  return [
    query('format', 'The format of the answer; without it the header Accept chooses', { type: 'string', enum: formats, default: formats[0] }),
    query('download', 'true: the answer carries a file name, so that a browser saves it', { type: 'boolean', default: false }),
    ...paging,
  ];
}

function requestHeaders(): JsonSchema[] {
  return [{ $ref: '#/components/parameters/Prefer' }, { $ref: '#/components/parameters/If-None-Match' }];
}

function rows(endpoint: DescribedEndpoint): Response {
  const { columns, omitNull, formats } = endpoint;
  const row = rowSchema(columns, omitNull);
  const bodies: Record<string, MediaType> = {
    json: { schema: { type: 'array', items: row, ...(endpoint.maxRows === undefined ? {} : { maxItems: endpoint.maxRows }) } },
    ndjson: { schema: { type: 'string', description: 'Each line is one item of the JSON array.' } },
    csv: { schema: { type: 'string', description: `A header line (${columns.map(({ name }) => name).join(',')}), then one line for each row; RFC 4180.` } },
    parquet: { schema: { description: 'An Apache Parquet file.' } },
    arrow: { schema: { description: 'An Apache Arrow IPC stream.' } },
  };
  return {
    description: 'The rows.',
    headers: {
      ...REQUEST_ID,
      'Ingot-Watermark': header('The time of the run whose rows these are', { type: 'string', format: 'date-time' }),
      'Ingot-Stale': header('Only when lines acknowledged before the request may be missing: why'),
      'Preference-Applied': header('The wait that was granted to Prefer: wait=n'),
      'Cache-Control': header('How long the answer may be kept without asking again'),
      Vary: header('What beside the URL the answer depends on'),
      'Content-Disposition': header('A file name, for downloads'),
      ...(endpoint.cacheable ? { ETag: header('For If-None-Match', { type: 'string', pattern: '^W/"' }) } : {}),
      ...(isPaged(endpoint) ? { Link: header('The next page, rel="next"; absent on the last one') } : {}),
    },
    content: Object.fromEntries(formats.map((name) => [mediaType(FORMATS[name].contentType), bodies[name] ?? {}])),
  };
}

function unchanged(): Response {
  return { description: 'The rows are those of the ETag in If-None-Match.', headers: { ...REQUEST_ID, ETag: header('The same one', { type: 'string' }) } };
}

function mediaType(contentType: string): string {
  return contentType.split(';', 1)[0] ?? contentType;
}

function firstSentence(text: string): string {
  return /^[^]*?[.](?=\s|$)/.exec(text.trim())?.[0].replace(/\s+/g, ' ').replace(/\.$/, '') ?? text.trim();
}

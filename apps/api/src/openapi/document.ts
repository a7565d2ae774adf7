import type { Type } from '@nestjs/common';
import type { DescribedEndpoint } from '@ingot/endpoints';
import type { JsonSchema } from '../documented.js';
import { documentedOperation, type DocumentedRoute } from './documented-operation.js';
import { endpointOperation } from './endpoint-operation.js';
import { header, openApiPath, reference, type Operation, type PathItem } from './operation.js';
import { SECURITY_SCHEMES } from './security.js';
import { classSchema } from './schemas/class-schema.js';
import { PROBLEM_CODES, problemSchemaName, problemSchemas } from './schemas/problem-schemas.js';
import { sourceOperation, type DocumentedSource } from './source-operation.js';

/** All that the service answers. */
export interface ApiParts {
  readonly version: string;
  readonly endpoints: readonly DescribedEndpoint[];
  readonly sources: readonly DocumentedSource[];
  /** Everything else: routes whose controllers say themselves what they do. */
  readonly routes: readonly DocumentedRoute[];
}

/** An OpenAPI 3.1 document, as plain data. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: JsonSchema;
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> } & JsonSchema;
  readonly tags: readonly JsonSchema[];
}

const DESCRIPTION = `Sensor lines in over HTTP, refined by incremental SQL models on PostgreSQL, served through endpoints that are SQL files too.

Every route that answers GET answers HEAD, with the same headers. OPTIONS of a path says which methods it has. Every error is a problem body: [what each one means](/docs/errors).`;

/** Makes the document of a service; paths in the order of their names. */
export function openApiDocument({ version, endpoints, sources, routes }: ApiParts): OpenApiDocument {
  const classes = new Map<string, Type>();
  const schemas = new Map<string, JsonSchema>();
  const schemaOf = (dto: Type): JsonSchema => {
    const known = classes.get(dto.name);
    if (known !== undefined && known !== dto) throw new Error(`two classes of the document are called ${dto.name}`);
    classes.set(dto.name, dto);
    if (known === undefined) schemas.set(dto.name, classSchema(dto, schemaOf));
    return reference(dto.name);
  };
  const paths = new Map<string, Record<string, Operation>>();
  const add = (method: string, path: string, operation: Operation): void => {
    const key = openApiPath(path);
    paths.set(key, { ...paths.get(key), [method.toLowerCase()]: operation });
  };
  for (const source of sources) add('post', source.path, sourceOperation(source));
  for (const endpoint of endpoints) add('get', endpoint.path, endpointOperation(endpoint));
  for (const route of routes) add(route.method, route.path, documentedOperation(route, schemaOf));
  const sorted = [...paths].sort(([a], [b]) => (a < b ? -1 : 1));
  const tags = [...new Set(sorted.flatMap(([, item]) => Object.values(item).flatMap((operation) => operation.tags)))];
  return {
    openapi: '3.1.0',
    info: { title: 'Ingot', version, description: DESCRIPTION, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths: Object.fromEntries(sorted),
    components: components(Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1)))),
    tags: tags.map((name) => ({ name })),
  };
}

function components(schemas: Record<string, JsonSchema>): OpenApiDocument['components'] {
  const problem = { oneOf: PROBLEM_CODES.map((code) => reference(problemSchemaName(code))) };
  return {
    securitySchemes: SECURITY_SCHEMES,
    schemas: { ...schemas, ...problemSchemas(), problem },
    responses: {
      Problem: { description: 'Any other problem: [what each one means](/docs/errors).', content: { 'application/problem+json': { schema: reference('problem') } } },
    },
    headers: {
      'X-Request-Id': header('The id of the request: that of the request header of this name when it is a plain token, else a fresh UUID', { type: 'string', pattern: '^[\\w.:-]{1,128}$' }),
      'Retry-After': header('Seconds after which the same request has a chance', { type: 'integer', minimum: 0 }),
    },
    parameters: {
      Prefer: { name: 'Prefer', in: 'header', required: false, description: '`wait=n`: wait up to n seconds for lines acknowledged before the request; `wait=0`: do not wait', schema: { type: 'string' } },
      'If-None-Match': { name: 'If-None-Match', in: 'header', required: false, description: 'The ETag of an answer the client has: 304 when it is still right', schema: { type: 'string' } },
    },
  };
}

import type { JsonSchema } from '../documented.js';
import { PROBLEMS, type ProblemCode } from '../problem.js';
import { problemSchemaName } from './schemas/problem-schemas.js';

/** Parts of an OpenAPI 3.1 document, as far as they are made here. */
export interface MediaType {
  readonly schema?: JsonSchema;
  readonly examples?: Readonly<Record<string, unknown>>;
}
export interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, JsonSchema>>;
  readonly content?: Readonly<Record<string, MediaType>>;
}
export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly JsonSchema[];
  readonly requestBody?: JsonSchema;
  readonly security: readonly JsonSchema[];
  readonly responses: Readonly<Record<string, Response>>;
}
/** Method in lower case -> operation. */
export type PathItem = Readonly<Record<string, Operation>>;

const PROBLEM_MEDIA_TYPE = 'application/problem+json';

export function reference(component: string): JsonSchema {
  return { $ref: `#/components/schemas/${component}` };
}

/** A header of an answer. */
export function header(description: string, schema: JsonSchema = { type: 'string' }): JsonSchema {
  return { description, schema };
}

/** In the header of every answer. */
export const REQUEST_ID = { 'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' } };

/** The answers with a problem: one for each status, of any of the codes that have it. */
export function problemResponses(codes: readonly ProblemCode[]): Record<string, Response> {
  const all = [...new Set<ProblemCode>([...codes, 'bad-request'])];
  const statuses = [...new Set(all.map((code) => PROBLEMS[code][0]))].sort((a, b) => a - b);
  const byStatus = statuses.map((status) => [String(status), problemResponse(all.filter((code) => PROBLEMS[code][0] === status))] as const);
  return { ...Object.fromEntries(byStatus), default: { $ref: '#/components/responses/Problem' } as unknown as Response };
}

function problemResponse(codes: readonly ProblemCode[]): Response {
  const schemas = codes.map((code) => reference(problemSchemaName(code)));
  const hasRetry = codes.some((code) => PROBLEMS[code][0] === 503 || PROBLEMS[code][0] === 429 || code === 'insufficient-storage' || code === 'idempotency-in-flight');
  return {
    description: codes.map((code) => `${PROBLEMS[code][1]} ([${code}](/docs/errors#${code})).`).join(' '),
    headers: { ...REQUEST_ID, ...(hasRetry ? { 'Retry-After': { $ref: '#/components/headers/Retry-After' } } : {}) },
    content: { [PROBLEM_MEDIA_TYPE]: { schema: schemas.length === 1 ? schemas[0] : { oneOf: schemas } } },
  };
}

/** `get_runs_id` of GET /runs/:id. */
export function operationId(method: string, path: string): string {
  return `${method.toLowerCase()}${path.replace(/[^a-z0-9]+/gi, '_')}`.replace(/_$/, '');
}

/** `/runs/{id}` of `/runs/:id`. */
export function openApiPath(path: string): string {
  return path.replace(/:([A-Za-z0-9_]+)/g, '{$1}');
}

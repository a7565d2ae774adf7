import type { Type } from '@nestjs/common';
import type { Access } from '../access.js';
import type { AnswerDocumentation, JsonSchema, RouteDocumentation } from '../documented.js';
import type { ProblemCode } from '../problem.js';
import { header, operationId, problemResponses, REQUEST_ID, type MediaType, type Operation, type Response } from './operation.js';
import { problemsOfAccess, securityOf } from './security.js';
import { classProperties, type Reference } from './schemas/class-schema.js';

/** A route with a controller method that is `@Documented`. */
export interface DocumentedRoute {
  readonly method: string;
  readonly path: string;
  readonly documentation: RouteDocumentation;
  readonly access: Access;
}

/** What reading a body may end in. */
const OF_BODIES: readonly ProblemCode[] = ['invalid-parameter', 'invalid-body', 'body-too-large', 'unsupported-media-type', 'unsupported-encoding', 'overloaded'];

/** @param reference gives the schema of a class among the components */
export function documentedOperation({ method, path, documentation, access }: DocumentedRoute, reference: Reference): Operation {
  const { tag, summary, description, query, params, body, answers, problems = [] } = documentation;
  const parameters = [...parametersOf('path', params, reference), ...parametersOf('query', query, reference)];
  const codes = [...problems, ...problemsOfAccess(access), ...(query === undefined ? [] : (['invalid-parameter'] as const)), ...(body === undefined ? [] : OF_BODIES)];
  return {
    operationId: operationId(method, path),
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: reference(body) } } } }),
    security: securityOf(access),
    // What the route says of a status of its own, as /health of 503, stands beside the problems of that status.
    responses: merged(problemResponses(codes), Object.entries(answers).map(([status, answer]) => [status, responseOf(answer, reference)])),
  };
}

function parametersOf(place: 'path' | 'query', dto: Type | undefined, reference: Reference): JsonSchema[] {
  if (dto === undefined) return [];
  return classProperties(dto, reference).map(({ name, schema: { description, examples, ...schema }, required }) => ({
    name,
    in: place,
    required: place === 'path' || required,
    ...(description === undefined ? {} : { description }),
    schema,
    ...(Array.isArray(examples) ? { example: examples[0] as unknown } : {}),
  }));
}

function responseOf({ description, body, content, headers }: AnswerDocumentation, reference: Reference): Response {
  const schema = body === undefined ? undefined : Array.isArray(body) ? { type: 'array', items: reference((body as readonly [Type])[0]) } : reference(body as Type);
  const media: Record<string, MediaType> = { ...(schema === undefined ? {} : { 'application/json': { schema } }) };
  for (const [type, own] of Object.entries(content ?? {})) media[type] = { schema: own };
  return {
    description,
    headers: { ...REQUEST_ID, ...Object.fromEntries(Object.entries(headers ?? {}).map(([name, words]) => [name, header(words)])) },
    ...(Object.keys(media).length === 0 ? {} : { content: media }),
  };
}

function merged(problems: Record<string, Response>, own: readonly (readonly [string, Response])[]): Record<string, Response> {
  const responses = { ...problems };
  for (const [status, response] of own) {
    const other = responses[status];
    responses[status] = other === undefined ? response : { ...response, headers: { ...other.headers, ...response.headers }, content: { ...other.content, ...response.content } };
  }
  return responses;
}

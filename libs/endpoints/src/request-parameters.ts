import { didYouMean } from '@ingot/datasets';
import type { Endpoint, FormatName } from './endpoint.js';
import { readDate, readInstant, ValueError } from './instant.js';
import type { Parameter } from './parameter.js';

/** What is wrong with one parameter of a request, in words for the client. */
export interface ParameterProblem {
  readonly parameter: string;
  readonly code: 'missing' | 'invalid' | 'repeated' | 'unknown' | 'order';
  readonly detail: string;
}

/** Every wrong parameter of a request at once. */
export class ParameterError extends Error {
  override readonly name = 'ParameterError';
  constructor(readonly problems: readonly ParameterProblem[]) {
    super(problems.map(({ parameter, detail }) => `${parameter} ${detail}`).join('; '));
  }
}

/** A request as the endpoint's statement takes it. */
export interface EndpointRequest {
  /** Each declared parameter in PostgreSQL's own notation; null when it was not given and has no default. */
  readonly values: ReadonlyMap<string, string | null>;
  readonly format: FormatName;
}

/** A query string: name -> value, or values when it was repeated. */
export type Query = Readonly<Record<string, string | string[] | undefined>>;

/** Parameters of every endpoint; a header may not declare them. */
export const OWN_PARAMETERS = ['format'] as const;
const MAX_TEXT = 1_000;

/**
 * Reads the query string of a request.
 * @throws ParameterError
 */
export function readRequest(endpoint: Pick<Endpoint, 'parameters' | 'formats'>, query: Query): EndpointRequest {
  const problems: ParameterProblem[] = [...unknownParameters(endpoint.parameters, query), ...repeatedParameters(query)];
  const values = new Map<string, string | null>();
  for (const parameter of endpoint.parameters) {
    const given = query[parameter.name];
    if (Array.isArray(given)) continue;
    const value = readValue(parameter, given, endpoint.parameters);
    if (value === null || typeof value === 'string') values.set(parameter.name, value);
    else problems.push(value);
  }
  problems.push(...endpoint.parameters.flatMap((parameter) => outOfOrder(parameter, values, query)));
  const format = endpoint.formats.find((name) => name === (query['format'] ?? endpoint.formats[0]));
  if (format === undefined && !Array.isArray(query['format'])) problems.push({ parameter: 'format', code: 'invalid', detail: `must be ${endpoint.formats.join(' or ')}` });
  if (problems.length > 0 || format === undefined) throw new ParameterError(problems);
  return { values, format };
}

function unknownParameters(parameters: readonly Parameter[], query: Query): ParameterProblem[] {
  const known = [...parameters.map(({ name }) => name), ...OWN_PARAMETERS];
  return Object.keys(query)
    .filter((name) => !known.includes(name))
    .map((name) => ({ parameter: name, code: 'unknown', detail: `is not a parameter${didYouMean(name, known) || `; known are ${known.join(', ')}`}` }));
}

function repeatedParameters(query: Query): ParameterProblem[] {
  return Object.keys(query)
    .filter((name) => Array.isArray(query[name]))
    .map((name) => ({ parameter: name, code: 'repeated', detail: 'is given more than once' }));
}

/** A parameter's value in PostgreSQL's notation, or what is wrong with it. */
function readValue(parameter: Parameter, given: string | undefined, all: readonly Parameter[]): string | null | ParameterProblem {
  const text = given ?? parameter.default;
  if (text === undefined && !parameter.required) return null;
  if (text === undefined) return { parameter: parameter.name, code: 'missing', detail: `is required: ${parameter.description}` };
  try {
    return readText(parameter, text, all);
  } catch (error) {
    if (error instanceof ValueError) return { parameter: parameter.name, code: 'invalid', detail: error.message };
    throw error;
  }
}

/** One value in PostgreSQL's notation. @throws ValueError saying what it must be */
export function readText(parameter: Parameter, text: string, all: readonly Parameter[]): string {
  switch (parameter.type) {
    case 'timestamp':
      return readInstant(text, { endOfDay: parameter.endOfDay, roundUp: all.some(({ notBefore }) => notBefore === parameter.name) });
    case 'date':
      return readDate(text);
    case 'text':
      if (text === '') throw new ValueError('is empty; leave it out instead');
      if (text.includes('\0')) throw new ValueError('holds a NUL character');
      if (text.length > MAX_TEXT) throw new ValueError(`is longer than ${MAX_TEXT} characters`);
      return text;
  }
}

/** Values in PostgreSQL's notation compare as texts: instants and dates are of fixed width. */
function outOfOrder({ name, notBefore }: Parameter, values: ReadonlyMap<string, string | null>, query: Query): ParameterProblem[] {
  if (notBefore === undefined) return [];
  const [start, end] = [values.get(notBefore), values.get(name)];
  if (start == null || end == null || start <= end) return [];
  return [{ parameter: notBefore, code: 'order', detail: `(${String(query[notBefore])}) is after ${name} (${String(query[name])})` }];
}

import { didYouMean } from '@ingot/datasets';
import type { Endpoint, FormatName } from './endpoint.js';
import { ValueError } from './instant.js';
import type { Parameter } from './parameter.js';
import { readSingle, readValue } from './parameter-value.js';
import { readQuery, type Query } from './query-string.js';

/** What is wrong with one parameter of a request, in words for the client. */
export interface ParameterProblem {
  readonly parameter: string;
  readonly code: 'missing' | 'invalid' | 'repeated' | 'unknown' | 'order' | 'too-wide';
  readonly detail: string;
}

/** Every wrong parameter of a request at once, the first hundred. */
export class ParameterError extends Error {
  override readonly name = 'ParameterError';
  readonly problems: readonly ParameterProblem[];

  constructor(problems: readonly ParameterProblem[]) {
    const shown = problems.slice(0, MAX_PROBLEMS);
    super(shown.map(({ parameter, detail }) => `${parameter} ${detail}`).join('; '));
    this.problems = shown;
  }
}

/** A request as the endpoint's statement takes it. */
export interface EndpointRequest {
  /** Each declared parameter in PostgreSQL's own notation; null when it was not given and has no default. */
  readonly values: ReadonlyMap<string, string | null>;
  /** Rows of the page: as asked for, else the endpoint's own; absent = all. */
  readonly limit?: number;
  /** Where the page starts, as an earlier answer said; still opaque. */
  readonly cursor?: string;
  /** As `format=` says; absent = `Accept` decides. */
  readonly format?: FormatName;
  /** As `download=` says: whether the answer is to be kept as a file; absent = as is usual for its format. */
  readonly download?: boolean;
}

/** Parameters that the service reads itself; a header may not declare them. */
export const OWN_PARAMETERS = ['format', 'download', 'limit', 'cursor'] as const;
/** A request's head, 16 KiB at most, has room for thousands of wrong names: the answer is not to be much larger. */
const MAX_PROBLEMS = 100;

type Readable = Pick<Endpoint, 'parameters' | 'formats' | 'page' | 'arms'>;

/**
 * Reads the query string of a request.
 * @param url path and query as the client sent them
 * @throws ParameterError
 */
export function readRequest(endpoint: Readable, url: string): EndpointRequest {
  const query = readQuery(url);
  const problems: ParameterProblem[] = [...unknownParameters(endpoint, query), ...repeatedParameters(endpoint.parameters, query)];
  const values = readDeclared(endpoint.parameters, query, problems);
  const own = readOwn(endpoint, query, problems);
  if (problems.length > 0) throw new ParameterError(problems);
  return { values, ...own };
}

function readDeclared(parameters: readonly Parameter[], query: Query, problems: ParameterProblem[]): Map<string, string | null> {
  const values = new Map<string, string | null>();
  for (const parameter of parameters) {
    const { name, description, required } = parameter;
    const given = query.get(name) ?? (parameter.default === undefined ? undefined : [parameter.default]);
    if (given === undefined && required) problems.push({ parameter: name, code: 'missing', detail: `is required: ${description}` });
    if (given === undefined) values.set(name, null);
    if (given === undefined || (given.length > 1 && parameter.type !== 'list')) continue;
    const value = attempt(name, problems, () => readValue(parameter, given.map(decoded), parameters));
    if (value !== undefined) values.set(name, value);
  }
  problems.push(...parameters.flatMap((parameter) => outOfOrder(parameter, values, query)));
  return values;
}

/** What belongs to the service in every request. */
function readOwn(endpoint: Readable, query: Query, problems: ParameterProblem[]): Omit<EndpointRequest, 'values'> {
  const own = <T>(name: (typeof OWN_PARAMETERS)[number], read: (text: string) => T): T | undefined => {
    const given = query.get(name);
    return given?.length === 1 ? attempt(name, problems, () => read(decoded(given[0]))) : undefined;
  };
  const format = own('format', (text) => readFormat(endpoint, text));
  const download = own('download', readDownload);
  const { page } = endpoint;
  const limit = page === undefined ? undefined : query.has('limit') ? own('limit', (text) => readLimit(page.maxLimit, text)) : page.defaultLimit;
  const cursor = own('cursor', readCursor);
  return {
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(format === undefined ? {} : { format }),
    ...(download === undefined ? {} : { download }),
  };
}

function attempt<T>(parameter: string, problems: ParameterProblem[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    problems.push({ parameter, code: 'invalid', detail: error.message });
    return undefined;
  }
}

/** Names a request may use, in the order in which messages list them. */
export function knownParameters({ parameters, page, arms }: Omit<Readable, 'formats'>): string[] {
  return [...parameters.map(({ name }) => name), 'format', 'download', ...(page === undefined ? [] : ['limit']), ...(page === undefined || arms.length === 0 ? [] : ['cursor'])];
}

function unknownParameters(endpoint: Readable, query: Query): ParameterProblem[] {
  const known = knownParameters(endpoint);
  return [...query.keys()]
    .filter((name) => !known.includes(name))
    .slice(0, MAX_PROBLEMS)
    .map((name) => ({ parameter: name, code: 'unknown', detail: `is not a parameter${didYouMean(name, known) || `; known are ${known.join(', ')}`}` }));
}

function repeatedParameters(parameters: readonly Parameter[], query: Query): ParameterProblem[] {
  return [...query]
    .filter(([name, given]) => given.length > 1 && parameters.find((parameter) => parameter.name === name)?.type !== 'list')
    .slice(0, MAX_PROBLEMS)
    .map(([name]) => ({ parameter: name, code: 'repeated', detail: 'is given more than once' }));
}

function decoded(text: string | undefined): string {
  if (text === undefined) throw new ValueError('is not UTF-8 in percent-encoding');
  return text;
}

function readFormat({ formats }: Readable, text: string): FormatName {
  const format = formats.find((name) => name === text);
  if (format === undefined) throw new ValueError(`must be ${formats.join(' or ')}${didYouMean(text, formats)}`);
  return format;
}

function readDownload(text: string): boolean {
  return readSingle({ type: 'boolean', endOfDay: false, startsRange: false }, text) === 'true';
}

function readCursor(text: string): string {
  if (text === '') throw new ValueError('is empty; leave it out instead');
  return text;
}

function readLimit(maxLimit: number, text: string): number {
  return Number(readSingle({ type: 'integer', endOfDay: false, startsRange: false, minimum: '1', maximum: String(maxLimit) }, text));
}

/** Values in PostgreSQL's notation compare as texts: instants and dates are of fixed width. */
function outOfOrder({ name, type, notBefore, maxSpan }: Parameter, values: ReadonlyMap<string, string | null>, query: Query): ParameterProblem[] {
  if (notBefore === undefined) return [];
  const [start, end] = [values.get(notBefore), values.get(name)];
  if (start == null || end == null) return [];
  const shown = (parameter: string): string => query.get(parameter)?.[0] ?? values.get(parameter) ?? '';
  if (start <= end) {
    if (maxSpan === undefined || spanMs(type, start, end) <= maxSpan.ms) return [];
    return [{ parameter: name, code: 'too-wide', detail: `(${shown(name)}) makes a range wider than ${maxSpan.text} from ${notBefore} (${shown(notBefore)}); ask for it in parts` }];
  }
  return [{ parameter: notBefore, code: 'order', detail: `(${shown(notBefore)}) is after ${name} (${shown(name)})` }];
}

/** Both ends belong to the range: of two dates the whole last day does. */
function spanMs(type: Parameter['type'], start: string, end: string): number {
  const msOf = (value: string): number => Date.parse(type === 'date' ? value : `${value.slice(0, 10)}T${value.slice(11, 23)}Z`);
  return msOf(end) - msOf(start) + (type === 'date' ? 86_400_000 : 0);
}

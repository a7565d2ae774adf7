import { didYouMean, readDuration, type Located, type Problems, type Section } from '@ingot/datasets';
import { FORMAT_NAMES, HEADER_SCOPES, type Endpoint, type EndpointScope, type FormatName, type PageSize } from './endpoint.js';
import type { Parameter } from './parameter.js';
import { readParameters } from './parameter-header.js';

const ROUTE = /^(\/[a-z0-9][a-z0-9_-]*)+$/;
/** Routes of the service itself; with what is below them. */
const RESERVED_ROUTES = ['/health', '/metrics', '/docs', '/openapi.json', '/runs', '/stats', '/models', '/lineage', '/quarantine'];
const CACHE_RANGE = { shortestMs: 1_000, longestMs: 86_400_000, text: 'from 1s to 1d' };
const MOST_ROWS = 1_000_000_000;

/** What an endpoint's header says, and where some of it stands. */
export interface EndpointHeader extends Pick<Endpoint, 'path' | 'description' | 'parameters' | 'scope' | 'deviceParameter' | 'formats' | 'cache' | 'maxRows' | 'page'> {
  readonly parameterPlaces: ReadonlyMap<string, Located['place']>;
  readonly omitNull: readonly Located[];
}

/** Reads a header; what is wrong is added to the problems, and read as if it were not there. */
export function readEndpointHeader(header: Section, problems: Problems): EndpointHeader {
  const route = header.requiredText('path', 'the GET route, e.g. /data');
  const description = header.requiredText('description', 'what the rows are, in a sentence');
  const { parameters, places } = readParameters(header, problems);
  const visibility = readVisibility(header, parameters, problems);
  const formats = header.texts('formats').flatMap((format) => readFormat(format, problems));
  const omitNull = header.texts('omit_null');
  const cacheMs = readDuration(header, 'cache', problems, CACHE_RANGE);
  const page = readPage(header, problems);
  const maxRows = readCount(header, 'max_rows', problems);
  header.finish();
  if (route !== undefined && !ROUTE.test(route.value)) problems.add(route.place, `path must look like /data or /power/daily, in lower case; is ${route.value}`);
  const reserved = RESERVED_ROUTES.find((own) => route?.value === own || route?.value.startsWith(`${own}/`));
  if (reserved !== undefined) problems.add(route!.place, `${reserved} is a route of the service itself; choose another path`);
  if (page !== undefined && maxRows !== undefined && maxRows < page.maxLimit) problems.add(header.placeOf('max_rows'), `max_rows is below the largest page, limit: maximum ${page.maxLimit}`);
  return {
    path: route?.value ?? '',
    description: description?.value.trim() ?? '',
    parameters,
    ...visibility,
    parameterPlaces: places,
    formats: formats.length > 0 ? formats : FORMAT_NAMES,
    omitNull,
    ...(cacheMs === undefined ? {} : { cache: { maxAgeSeconds: Math.ceil(cacheMs / 1_000) } }),
    ...(page === undefined ? {} : { page }),
    ...(maxRows === undefined ? {} : { maxRows }),
  };
}

/** Closed unless declared: without `device_parameter` a key that may read its own device's rows only is refused. */
function readVisibility(header: Section, parameters: readonly Parameter[], problems: Problems): { scope: EndpointScope; deviceParameter?: string } {
  const declared = header.text('device_parameter');
  const scope = header.choice('scope', HEADER_SCOPES)?.value;
  if (declared === undefined) return { scope: scope ?? 'read:all' };
  const parameter = parameters.find(({ name }) => name === declared.value);
  if (parameter === undefined) problems.add(declared.place, `there is no parameter ${declared.value}${didYouMean(declared.value, parameters.map(({ name }) => name))}`);
  else if ((parameter.type === 'list' ? parameter.of : parameter.type) !== 'text') problems.add(declared.place, 'device_parameter names a text, or a list of them');
  return { scope: scope ?? 'read:own', deviceParameter: declared.value };
}

function readFormat({ value, place }: Located, problems: Problems): FormatName[] {
  const format = FORMAT_NAMES.find((name) => name === value);
  if (format === undefined) problems.add(place, `unknown format ${value}; known are ${FORMAT_NAMES.join(', ')}`);
  return format === undefined ? [] : [format];
}

/** `limit: { default: 1000, maximum: 10000 }`. */
function readPage(header: Section, problems: Problems): PageSize | undefined {
  const limit = header.section('limit');
  if (limit === undefined) return undefined;
  if (!limit.has('maximum')) problems.add(header.placeOf('limit'), 'limit has no maximum: the largest page a request may ask for');
  const maxLimit = readCount(limit, 'maximum', problems);
  const defaultLimit = readCount(limit, 'default', problems);
  limit.finish();
  if (maxLimit === undefined) return undefined;
  if (defaultLimit !== undefined && defaultLimit > maxLimit) problems.add(limit.placeOf('default'), `the default is above the maximum, ${maxLimit}`);
  return { maxLimit, ...(defaultLimit === undefined ? {} : { defaultLimit }) };
}

function readCount(section: Section, key: string, problems: Problems): number | undefined {
  const count = section.number(key);
  if (count === undefined || (Number.isInteger(count.value) && count.value >= 1 && count.value <= MOST_ROWS)) return count?.value;
  problems.add(count.place, `${key} must be a whole number of rows, from 1 to ${MOST_ROWS}`);
  return undefined;
}

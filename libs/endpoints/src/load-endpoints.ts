import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { didYouMean, placeAt, Problems, readSqlFile, StatementError, trimStatement, type Dataset, type Located, type SelectStatement, type SqlFile } from '@ingot/datasets';
import type { Endpoint, FormatName } from './endpoint.js';
import type { Parameter } from './parameter.js';
import { readParameters } from './parameter-header.js';
import { resultColumns } from './result-columns.js';
import { compileTemplate, usedParameters, type SqlTemplate } from './sql-template.js';

const FORMAT_NAMES: readonly FormatName[] = ['json'];
/** Parts of the design that a header may not use yet. */
const LATER_FORMATS = ['ndjson', 'csv'];
const LATER_KEYS = ['cache', 'arms', 'limit', 'order_by'];
const ROUTE = /^(\/[a-z0-9][a-z0-9_-]*)+$/;

/** Routes of the service itself; with what is below them. */
const RESERVED_ROUTES = ['/health', '/metrics', '/docs', '/openapi.json'];

/** What else of the project endpoints are checked against. */
export interface Surroundings {
  /** Relations of the dataset that could not be read right, but are there. */
  readonly unsure?: ReadonlySet<string>;
  /** Route -> the file that owns it, over all datasets; those read now are added. */
  readonly routes?: Map<string, string>;
}

/**
 * Reads `<sqlDir>/<dataset>/endpoints/*.sql`; no such folder means no endpoints. Files are named from the last folder of
 * `sqlDir` on, as those of models are.
 * @throws DatasetError naming every problem of every file
 */
export async function loadEndpoints(sqlDir: string, dataset: Dataset, { unsure = new Set(), routes = new Map() }: Surroundings = {}): Promise<Endpoint[]> {
  const root = path.resolve(sqlDir);
  const folder = path.join(root, dataset.name, 'endpoints');
  const problems = new Problems();
  const endpoints: Endpoint[] = [];
  for (const file of await sqlFiles(folder)) {
    const shown = `${path.basename(root)}/${dataset.name}/endpoints/${file}`;
    const sql = await readSqlFile(path.join(folder, file), shown, problems);
    const endpoint = sql === undefined ? undefined : readEndpoint(path.basename(file, '.sql'), sql, dataset, unsure, problems);
    if (endpoint === undefined || sql === undefined) continue;
    const other = routes.get(endpoint.path);
    if (other !== undefined) problems.add(sql.header.placeOf('path'), `${endpoint.path} is the path of ${other} too`);
    routes.set(endpoint.path, endpoint.file);
    endpoints.push(endpoint);
  }
  problems.throwIfAny();
  return endpoints;
}

async function sqlFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** One endpoint; undefined, with the problems added, when its SQL cannot be read. */
function readEndpoint(name: string, sql: SqlFile, dataset: Dataset, unsure: ReadonlySet<string>, problems: Problems): Endpoint | undefined {
  const { header, file } = sql;
  const route = header.requiredText('path', 'the GET route, e.g. /data');
  const description = header.requiredText('description', 'what the rows are, in a sentence');
  const { parameters, places } = readParameters(header, problems);
  const formats = header.texts('formats').flatMap((format) => readFormat(format, problems));
  const omitNull = header.texts('omit_null');
  header.finish(LATER_KEYS);
  if (route !== undefined && !ROUTE.test(route.value)) problems.add(route.place, `path must look like /data or /power/daily, in lower case; is ${route.value}`);
  const reserved = RESERVED_ROUTES.find((own) => route?.value === own || route?.value.startsWith(`${own}/`));
  if (reserved !== undefined) problems.add(route!.place, `${reserved} is a route of the service itself; choose another path`);

  const compiled = readStatement(sql, parameters, problems);
  if (compiled === undefined) return undefined;
  const used = usedParameters(compiled.template);
  for (const [parameter, place] of places) if (!used.has(parameter)) problems.add(place, `the statement does not use :${parameter}`);
  checkRelations(sql, compiled, dataset, unsure, problems);
  checkColumns(sql, compiled, omitNull, problems);
  const relations = [...new Set(compiled.statement.mentions.map(({ relation }) => relation))].sort();
  return {
    dataset: dataset.name,
    name,
    file,
    path: route?.value ?? '',
    description: description?.value ?? '',
    parameters,
    formats: formats.length > 0 ? formats : FORMAT_NAMES,
    omitNull: omitNull.map(({ value }) => value),
    relations,
    locks: lockOrder(relations, dataset),
    template: compiled.template,
  };
}

/**
 * LOCK TABLE of a view locks the tables behind it too, then and there. In an order of all names a publication, which
 * takes the same locks exclusively, would meet a reader of a view half-way: seen as a deadlock that ends the read.
 */
function lockOrder(relations: readonly string[], { models }: Dataset): string[] {
  const views = new Map(models.flatMap((model) => (model.materialized === 'view' ? [[model.relation, model] as const] : [])));
  const found = new Set(relations);
  for (const relation of found) for (const mention of views.get(relation)?.query.mentions ?? []) found.add(mention.relation);
  const sorted = [...found].sort();
  return [...sorted.filter((relation) => !views.has(relation)), ...sorted.filter((relation) => views.has(relation))];
}

interface Compiled {
  readonly template: SqlTemplate;
  readonly statement: SelectStatement;
  /** Where the statement starts in the file. */
  readonly offset: number;
}

function readStatement(sql: SqlFile, parameters: readonly Parameter[], problems: Problems): Compiled | undefined {
  const span = trimStatement(sql.body) ?? { start: 0, end: 0 };
  const offset = sql.bodyOffset + span.start;
  try {
    return { ...compileTemplate(sql.body.slice(span.start, span.end), parameters), offset };
  } catch (error) {
    if (!(error instanceof StatementError)) throw error;
    for (const { index, message } of error.problems) problems.add(placeAt(sql.file, sql.fileText, offset + index), message);
    return undefined;
  }
}

function checkRelations(sql: SqlFile, { statement, offset }: Compiled, dataset: Dataset, unsure: ReadonlySet<string>, problems: Problems): void {
  const known = [...dataset.models, ...dataset.sources, ...dataset.seeds].map(({ relation }) => relation);
  for (const { relation, start } of statement.mentions) {
    if (!known.includes(relation) && !unsure.has(relation)) problems.add(placeAt(sql.file, sql.fileText, offset + start), `no source, seed or model of ${dataset.name} owns ${relation}${didYouMean(relation, known)}`);
  }
}

/** Two columns of one name would be two equal keys of a JSON object. */
function checkColumns(sql: SqlFile, { statement, offset }: Compiled, omitNull: readonly Located[], problems: Problems): void {
  const columns = resultColumns(statement);
  if (columns === undefined) return; // `*` is known to the database only
  for (const [i, { name, index }] of columns.entries()) {
    if (columns.findIndex((column) => column.name === name) < i) problems.add(placeAt(sql.file, sql.fileText, offset + index), `the result has two columns ${name}`);
  }
  const names = columns.map(({ name }) => name);
  for (const { value, place } of omitNull) {
    if (!names.includes(value)) problems.add(place, `the result has no column ${value}${didYouMean(value, names)}`);
  }
}

function readFormat({ value, place }: Located, problems: Problems): FormatName[] {
  const format = FORMAT_NAMES.find((name) => name === value);
  if (format !== undefined) return [format];
  problems.add(place, LATER_FORMATS.includes(value) ? `the format ${value} is not built yet; built is ${FORMAT_NAMES.join(', ')}` : `unknown format ${value}; known are ${FORMAT_NAMES.join(', ')}`);
  return [];
}

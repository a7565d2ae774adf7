import { didYouMean, placeInQuery, placeOf, quoteRelation, withRelations, type Problem, type RenderedQuery } from '@ingot/datasets';
import { describeStatement, isConnectionError, sqlState, type Connection, type ResultColumn } from '@ingot/postgres';
import type { Client } from 'pg';
import { isSameBetweenRuns } from './cacheable.js';
import type { DescribedEndpoint, Endpoint } from './endpoint.js';
import { typeOidOf } from './parameter.js';
import { pageTemplates } from './paging/page-read.js';
import { compileTemplate, sourceIndex, type SqlTemplate } from './sql-template.js';

/** SQLSTATE classes that speak of the statement: its values, features, names and types, size. */
const ABOUT_THE_STATEMENT = /^(22|0A|42|54)/;

/**
 * Has the database prepare the statement of every endpoint, with the declared types, within the caller's transaction.
 * Nothing is run. It is what apply asks before it lets changed models be published.
 * @param nameOf under which name a relation of the endpoint is to be looked at, when models stand elsewhere for a trial
 * @returns what is wrong, at its place in the endpoints' files; empty when all of them can be read
 */
export async function checkEndpoints(client: Client | Connection, endpoints: readonly Endpoint[], nameOf = (relation: string): string => relation): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const endpoint of endpoints) {
    const columns = await describe(client, endpoint, nameOf);
    problems.push(...('message' in columns ? [columns] : columnProblems(endpoint, columns)));
  }
  return problems;
}

/** The endpoints with their result columns, as checkEndpoints finds them, or with what is wrong. */
export async function describeEndpoints(client: Client | Connection, endpoints: readonly Endpoint[]): Promise<DescribedEndpoint[]> {
  const described: DescribedEndpoint[] = [];
  for (const endpoint of endpoints) {
    const columns = await describe(client, endpoint, (relation) => relation);
    const problems = 'message' in columns ? [columns] : columnProblems(endpoint, columns);
    if ('message' in columns || problems.length > 0) described.push({ ...endpoint, columns: [], cacheable: false, problems });
    else described.push({ ...endpoint, columns, cacheable: await isSameBetweenRuns(client, endpoint, columns.length), problems });
  }
  return described;
}

async function describe(client: Client | Connection, endpoint: Endpoint, nameOf: (relation: string) => string): Promise<readonly ResultColumn[] | Problem> {
  const { parameters } = endpoint;
  const rendered = withRelations(endpoint.query, ({ relation }) => (nameOf(relation) === relation ? undefined : quoteRelation(nameOf(relation))));
  const template = rendered.replacements.length === 0 ? endpoint.template : compileTemplate(rendered.text, parameters).template;
  const types = new Map(parameters.map((parameter) => [parameter.name, typeOidOf(parameter)]));
  await client.query('savepoint endpoint');
  try {
    const oids = ({ holes }: SqlTemplate): number[] => holes.map(({ parameter }) => types.get(parameter) ?? 0);
    const columns = await describeStatement(client, template.text, oids(template));
    if (template === endpoint.template) for (const page of pageTemplates(endpoint)) await describeStatement(client, page.text, oids(page));
    return columns;
  } catch (error) {
    if (isConnectionError(error) || !ABOUT_THE_STATEMENT.test(sqlState(error) ?? '')) throw error;
    await client.query('rollback to savepoint endpoint');
    return toProblem(error as ServerError, template, rendered);
  } finally {
    await client.query('release savepoint endpoint').catch(() => undefined); // on a dead connection the first error is the one to report
  }
}

interface ServerError {
  readonly message: string;
  readonly hint?: string;
  /** In characters from 1. */
  readonly position?: string;
}

function toProblem({ message, hint, position }: ServerError, template: SqlTemplate, rendered: RenderedQuery): Problem {
  const index = sourceIndex(template, [...template.text].slice(0, Number(position ?? 1) - 1).join('').length);
  const place = placeOf(rendered, [...rendered.text.slice(0, index)].length + 1);
  return { ...place, message: `${message}${hint === undefined ? '' : ` (${hint})`}` };
}

/** What the parser cannot know where the statement says `*`. */
function columnProblems(endpoint: Endpoint, columns: readonly ResultColumn[]): Problem[] {
  const place = placeInQuery(endpoint.query, 0);
  const names = columns.map(({ name }) => name);
  const twice = new Set(names.filter((name, i) => names.indexOf(name) < i));
  return [
    ...(columns.length === 0 ? [{ ...place, message: 'the result has no column' }] : []),
    ...[...twice].map((name) => ({ ...place, message: `the result has two columns ${name}` })),
    ...endpoint.omitNull.filter((name) => !names.includes(name)).map((name) => ({ ...place, message: `omit_null: the result has no column ${name}${didYouMean(name, names)}` })),
  ];
}

import { createHash } from 'node:crypto';
import { didYouMean, placeAt, StatementError, trimStatement, type Dataset, type Located, type Model, type Problems, type SelectStatement, type SqlFile } from '@ingot/datasets';
import type { Endpoint } from './endpoint.js';
import { readEndpointHeader } from './endpoint-header.js';
import type { Parameter } from './parameter.js';
import { findArms } from './paging/find-arms.js';
import { resultColumns } from './result-columns.js';
import { compileTemplate, usedParameters, type SqlTemplate } from './sql-template.js';

/** One endpoint; undefined, with the problems added, when its SQL cannot be read. */
export function readEndpoint(name: string, sql: SqlFile, dataset: Dataset, unsure: ReadonlySet<string>, problems: Problems): Endpoint | undefined {
  const { omitNull, parameterPlaces, ...header } = readEndpointHeader(sql.header, problems);
  const compiled = readStatement(sql, header.parameters, problems);
  if (compiled === undefined) return undefined;
  const { template, statement, offset } = compiled;
  const used = usedParameters(template);
  for (const [parameter, place] of parameterPlaces) if (!used.has(parameter)) problems.add(place, `the statement does not use :${parameter}`);
  checkRelations(sql, compiled, dataset, unsure, problems);
  checkColumns(sql, compiled, omitNull, problems);
  const arms = header.page === undefined ? [] : located(sql, offset, problems, () => findArms(statement, dataset)) ?? [];
  const relations = [...new Set(statement.mentions.map(({ relation }) => relation))].sort();
  const locks = lockOrder(relations, dataset.models);
  const sources = new Set(dataset.sources.map(({ relation }) => relation));
  return {
    dataset: dataset.name,
    name,
    file: sql.file,
    ...header,
    omitNull: omitNull.map(({ value }) => value),
    relations,
    locks,
    changesByRuns: locks.every((relation) => !sources.has(relation)),
    template,
    query: { text: sql.fileText.slice(offset, offset + statement.text.length), file: sql.file, offset, fileText: sql.fileText, mentions: statement.mentions },
    codeHash: createHash('sha256').update(sql.fileText).digest('hex'),
    arms,
  };
}

/**
 * LOCK TABLE of a view locks the tables behind it too, then and there. In an order of all names a publication, which
 * takes the same locks exclusively, would meet a reader of a view half-way: seen as a deadlock that ends the read.
 */
function lockOrder(relations: readonly string[], models: readonly Model[]): string[] {
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
  return located(sql, offset, problems, () => ({ ...compileTemplate(sql.body.slice(span.start, span.end), parameters), offset }));
}

/** What is read; undefined, with the problems added at their places in the file, when the statement is at fault. */
function located<T>(sql: SqlFile, offset: number, problems: Problems, read: () => T): T | undefined {
  try {
    return read();
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

import type { Model, Place, Query } from './dataset.js';
import { checkHeaderKeys } from './header-keys.js';
import { readModelHeader, type ModelHeader } from './model-header.js';
import { parseSelect, trimStatement, type SelectOptions, type SelectStatement } from './parser.js';
import type { Problems } from './problem.js';
import { placeInQuery } from './rendered-query.js';
import type { SqlFile, SqlText } from './sql-file.js';
import { StatementError } from './statement-error.js';
import { placeAt } from './text-position.js';

/** A model's file as read, before it is known what it reads. */
export interface ModelFile {
  readonly relation: string;
  readonly file: string;
  readonly header: ModelHeader;
  readonly query: Query;
  readonly statement: SelectStatement;
}

/**
 * Reads the SELECT of a file: the statement without what stands around it, parsed, with every problem at its place.
 * @param options as of parseSelect
 */
export function readQuery(sql: SqlText, problems: Problems, options: SelectOptions = {}): { query: Query; statement: SelectStatement } | undefined {
  const trimmed = trimStatement(sql.body);
  if (trimmed === undefined) {
    problems.add(placeAt(sql.file, sql.fileText, sql.fileText.trimEnd().length), sql.header === undefined ? 'the SELECT is missing' : 'the SELECT is missing after the header');
    return undefined;
  }
  const text = sql.body.slice(trimmed.start, trimmed.end);
  const query = { text, file: sql.file, offset: sql.bodyOffset + trimmed.start, fileText: sql.fileText };
  try {
    const statement = parseSelect(text, options);
    return { query: { ...query, mentions: statement.mentions }, statement };
  } catch (error) {
    if (!(error instanceof StatementError)) throw error;
    for (const { index, message } of error.problems) problems.add(placeAt(sql.file, sql.fileText, query.offset + index), message);
    return undefined;
  }
}

/**
 * @param relation what the file owns, e.g. `silver.stg_readings`
 * @param relations what the dataset owns, for hints
 */
export function readModelFile(sql: SqlFile, relation: string, relations: readonly string[], problems: Problems): ModelFile | undefined {
  const header = readModelHeader(sql.header, relation, problems);
  checkHeaderKeys(sql.header, header, problems);
  const read = readQuery(sql, problems, { relations });
  return read === undefined ? undefined : { relation, file: sql.file, header, ...read };
}

/** The place in its file of a byte offset of a model's parse tree. */
export function placeOfByte(model: ModelFile, byte: number | undefined): Place {
  return placeInQuery(model.query, model.statement.indexOf(byte ?? 0));
}

/** What every file of the graph is, for those that read it. */
export type RelationKind = 'bronze table' | 'view' | 'table' | 'seed' | NonNullable<Model['strategy']> | 'unknown';

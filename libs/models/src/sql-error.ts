import { placeInQuery, placeOf, type Place, type RenderedQuery } from '@ingot/datasets';

/** What the server says about a statement, as far as the code reads it. */
interface ServerError {
  readonly message?: string;
  readonly code?: string;
  readonly detail?: string;
  readonly hint?: string;
  /** In characters from 1; absent for what only the data shows, e.g. a division by zero. */
  readonly position?: string;
  readonly constraint?: string;
  readonly schema?: string;
  readonly table?: string;
}

export function serverError(error: unknown): ServerError {
  return error ?? {};
}

/** Where in the model's file an error lies; the beginning of its SELECT when the server gives no position. */
export function placeOfError(error: unknown, query: RenderedQuery, prefixLength: number): Place {
  const position = Number(serverError(error).position ?? 0);
  return position > 0 ? placeOf(query, position, prefixLength) : placeInQuery(query.query, 0);
}

/** Length of a text as Postgres counts positions: in characters. */
export function characters(text: string): number {
  return [...text].length;
}

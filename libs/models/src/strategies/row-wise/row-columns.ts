import { columnName } from '../../sql-names.js';

/** Columns of the session's tables of input and output rows, as they stand in SQL; no column of a model is named so. */
export const NUMBER = columnName('ingot:number');
/** For replayed rows: the id of the entry in quarantine. */
export const ENTRY = columnName('ingot:entry');
/** Of an input row: names of the rules it breaks, or null. Of an output row: the same, or empty. */
export const REASONS = columnName('ingot:reasons');
/** What the SQL said about the row alone, or null. */
export const SQLSTATE = columnName('ingot:sqlstate');
export const MESSAGE = columnName('ingot:message');

/** The condition for input rows that go to quarantine. */
export function isGuilty(alias: string): string {
  const prefix = alias === '' ? '' : `${alias}.`;
  return `(${prefix}${REASONS} is not null or ${prefix}${SQLSTATE} is not null)`;
}

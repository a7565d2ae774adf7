import { createHash } from 'node:crypto';
import pg from 'pg';

/** The column every managed table has: the run that wrote the row. */
export const RUN_ID = '_run_id';

const LONGEST_NAME = 63; // NAMEDATALEN - 1: Postgres cuts what is longer, and two names may become one

/** A column name as it stands in SQL. */
export function columnName(name: string): string {
  return pg.escapeIdentifier(name);
}

/** Column names with commas between, each behind the alias when one is given: `s."a", s."b"`. */
export function columnList(names: readonly string[], alias?: string): string {
  return names.map((name) => (alias === undefined ? '' : `${alias}.`) + columnName(name)).join(', ');
}

/** `silver.stg_readings` as it stands in SQL; quoted, because a file may be named `order.sql`. */
export function relationName(relation: string): string {
  return relation.split('.').map(columnName).join('.');
}

export function schemaOf(relation: string): string {
  return relation.slice(0, relation.indexOf('.'));
}

export { bareName } from '@ingot/datasets';

/** One name out of parts, at most 63 characters; what does not fit is replaced by a hash of the whole. */
export function joinedName(...parts: readonly string[]): string {
  const name = parts.join('_');
  if (name.length <= LONGEST_NAME) return name;
  return `${name.slice(0, LONGEST_NAME - 9)}_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

/** A number of the engine's own as a literal of type bigint. */
export function bigintLiteral(value: bigint): string {
  return `'${value}'::bigint`;
}

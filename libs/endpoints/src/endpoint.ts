import type { Parameter } from './parameter.js';
import type { SqlTemplate } from './sql-template.js';

/** One SELECT with named parameters; it owns one GET route. */
export interface Endpoint {
  readonly dataset: string;
  /** The file's name without `.sql`. */
  readonly name: string;
  /** Path of the file from the project's root, as shown in messages. */
  readonly file: string;
  /** The GET route, e.g. `/data`. */
  readonly path: string;
  readonly description: string;
  /** In the order of the header. */
  readonly parameters: readonly Parameter[];
  /** The first one is the default. */
  readonly formats: readonly FormatName[];
  /** Result columns that are left out of a row when they are null. */
  readonly omitNull: readonly string[];
  /** `schema.name` of every relation the statement reads, sorted. */
  readonly relations: readonly string[];
  /** What a read locks, in this order: the tables, those behind views too, by name; then the views by name. */
  readonly locks: readonly string[];
  readonly template: SqlTemplate;
}

export type FormatName = 'json';

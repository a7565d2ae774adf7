import type { Problem, Query } from '@ingot/datasets';
import type { ResultColumn } from '@ingot/postgres';
import type { Arm } from './paging/arm.js';
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
  /** What a request needs. `read:own`: a key of one device is enough, and sees that device's rows only. */
  readonly scope: EndpointScope;
  /** The parameter that says whose rows are read; there whenever the scope is `read:own`. */
  readonly deviceParameter?: string;
  /** The first one is the default. */
  readonly formats: readonly FormatName[];
  /** Result columns that are left out of a row when they are null. */
  readonly omitNull: readonly string[];
  /** `schema.name` of every relation the statement reads, sorted. */
  readonly relations: readonly string[];
  /** What a read locks, in this order: the tables, those behind views too, by name; then the views by name. */
  readonly locks: readonly string[];
  /** What it reads changes by runs and publications of its dataset only: no bronze table among it, behind views neither. */
  readonly changesByRuns: boolean;
  readonly template: SqlTemplate;
  /** The statement as written, to map positions back to the file. */
  readonly query: Query;
  /** SHA-256 of the file: another one may give other bytes. */
  readonly codeHash: string;
  /** How long a client may keep an answer without asking again; absent = it asks each time. */
  readonly cache?: { readonly maxAgeSeconds: number };
  /** An answer has at most so many rows. */
  readonly maxRows?: number;
  /** The `limit` of a request: what it is when none is given (absent = everything), and how large it may be. */
  readonly page?: PageSize;
  /** The parts that are paged one after the other; empty = not paged. */
  readonly arms: readonly Arm[];
}

/** What the header may ask of a request, beside `read:own`, which follows from `device_parameter`. */
export const HEADER_SCOPES = ['read:all', 'admin'] as const;
export type EndpointScope = 'read:own' | (typeof HEADER_SCOPES)[number];

export interface PageSize {
  readonly defaultLimit?: number;
  readonly maxLimit: number;
}

/** An endpoint as the database knows it. */
export interface DescribedEndpoint extends Endpoint {
  /** Empty when the database could not tell: see problems. */
  readonly columns: readonly ResultColumn[];
  /** Equal requests give equal rows until the dataset's next run: it reads models only and asks neither for the time nor for chance. */
  readonly cacheable: boolean;
  /** Why the database cannot run it as it stands now, e.g. because the dataset's files have not been applied. */
  readonly problems: readonly Problem[];
}

/** In the order in which they are offered when a header does not say. */
export const FORMAT_NAMES = ['json', 'ndjson', 'csv', 'parquet', 'arrow'] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

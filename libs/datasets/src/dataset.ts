/** A dataset as read from `sql/<dataset>/`: everything known without a database. Loaded by load-dataset.ts. */
export interface Dataset {
  /** The folder's name, e.g. `sensor`. */
  readonly name: string;
  readonly description: string;
  readonly sources: readonly Source[];
  /** In graph order: a model stands after everything it reads. */
  readonly models: readonly Model[];
  /** Changes when a run would write something else; comments, descriptions and layout do not count. */
  readonly codeHash: string;
  /** Interval between two probes of the schedule, in milliseconds. */
  readonly probeEveryMs: number;
}

/** A declared way in; it owns one bronze table. */
export interface Source {
  readonly kind: 'lines';
  /** `bronze.<name>`. */
  readonly relation: string;
  /** The POST route, e.g. `/data`. */
  readonly path: string;
  readonly description: string;
  readonly file: string;
}

export type Materialized = 'view' | 'incremental';
export type Strategy = 'append' | 'accumulate' | 'delete+insert';
export type Aggregate = 'sum' | 'min' | 'max' | 'count';

/** One SELECT with a header; it owns one table or view, named for its folder and file. */
export interface Model {
  /** `silver.stg_readings`: schema and name are lower-case identifiers that need no quotes. */
  readonly relation: string;
  /** Path of the file from the project's root, as shown in messages. */
  readonly file: string;
  readonly description: string;
  readonly materialized: Materialized;
  /** Undefined for a view. */
  readonly strategy?: Strategy;
  /** The inputs read by increment; several only for `delete+insert`. Empty for a view. */
  readonly incrementOn: readonly string[];
  /** Inputs taken as of the run, whose later changes recompute nothing. */
  readonly lookups: readonly string[];
  /** Empty when the model has no key. */
  readonly uniqueKey: readonly string[];
  /** For `delete+insert`: each touched output column with the plain column of each increment input it comes from. */
  readonly touchKey: readonly TouchColumn[];
  /** For `accumulate`: output column -> how stored and new values meet. */
  readonly accumulate: Readonly<Record<string, Aggregate>>;
  readonly columns: readonly ColumnHeader[];
  readonly indexes: readonly (readonly string[])[];
  readonly query: Query;
  /** Hash of the parse tree and of the header keys that change what is written. */
  readonly codeHash: string;
}

export interface TouchColumn {
  readonly column: string;
  /** Input relation -> its column. */
  readonly from: Readonly<Record<string, string>>;
}

export interface ColumnHeader {
  readonly name: string;
  readonly dataType?: string;
  readonly description?: string;
  readonly tests: readonly ('not_null' | 'unique')[];
  /** Where the header names the column; absent in datasets made by hand. */
  readonly place?: Place;
}

/** The text of a SELECT as written, without the header and a closing semicolon. */
export interface Query {
  readonly text: string;
  readonly file: string;
  /** Where `text` starts in the file, as an index into its characters (UTF-16 units). */
  readonly offset: number;
  /** The whole file, to map positions back to lines and columns. */
  readonly fileText: string;
  /** Every mention of a relation of some schema, CTE names left out, in order of position. */
  readonly mentions: readonly Mention[];
}

/** One `schema.name` in a FROM clause. `start` and `end` are indexes into Query.text. */
export interface Mention {
  readonly relation: string;
  readonly start: number;
  readonly end: number;
  /** False when the relation stands without an alias of its own, so that a sub-select in its place needs one. */
  readonly aliased: boolean;
}

/** A position in a file: both count from 1, columns in characters. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

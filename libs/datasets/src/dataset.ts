/** A dataset as read from `sql/<dataset>/`: everything known without a database. Loaded by load-dataset.ts. */
export interface Dataset {
  /** The folder's name, e.g. `sensor`. */
  readonly name: string;
  readonly description: string;
  readonly sources: readonly Source[];
  /** In graph order: a model stands after everything it reads. */
  readonly models: readonly Model[];
  /** Lookup tables made of CSV files. */
  readonly seeds: readonly Seed[];
  /** The SELECTs of `tests/`. */
  readonly dataTests: readonly QueryTest[];
  /** Changes when a run would write something else; comments, descriptions and layout do not count. */
  readonly codeHash: string;
  /** Interval between two probes of the schedule, in milliseconds. */
  readonly probeEveryMs: number;
  /** What is doubtful but not wrong, by place. */
  readonly warnings: readonly Warning[];
}

export interface Warning extends Place {
  readonly message: string;
}

/** A declared way in; it owns one bronze table. */
export interface Source {
  readonly kind: 'lines';
  /** `bronze.<name>`. */
  readonly relation: string;
  /** The POST route, e.g. `/data`. */
  readonly path: string;
  readonly description: string;
  readonly tags: readonly string[];
  /** How old its newest line (by `received_at`) may be; each undefined = no limit. */
  readonly freshness?: { readonly warnAfterMs?: number; readonly errorAfterMs?: number };
  /** How long its lines stay; undefined = for ever. */
  readonly retention?: Retention;
  readonly file: string;
}

/** How long rows of a table stay, as dataset.yml says. */
export interface Retention {
  readonly keepMs: number;
  /** `required`: a partition goes only when a verified archive holds its rows. */
  readonly archive: 'required' | 'no';
}

/** The time column whose months a table keeps in partitions of their own. */
export interface PartitionBy {
  readonly column: string;
  readonly granularity: 'month';
}

export type Materialized = 'view' | 'table' | 'incremental';
export type Strategy = 'append' | 'merge' | 'accumulate' | 'delete+insert';
export type OnSchemaChange = 'fail' | 'append_new_columns' | 'sync_all_columns';
export type Aggregate = 'sum' | 'min' | 'max' | 'count';

/** One SELECT with a header; it owns one table or view, named for its folder and file. */
export interface Model {
  /** `silver.stg_readings`: schema and name are lower-case identifiers that need no quotes. */
  readonly relation: string;
  /** Path of the file from the project's root, as shown in messages. */
  readonly file: string;
  readonly description: string;
  readonly materialized: Materialized;
  /** Undefined for a view and for a table. */
  readonly strategy?: Strategy;
  /** For a `table`: computed again at most this often, in milliseconds; undefined = in each run. */
  readonly refreshEveryMs?: number;
  readonly tags: readonly string[];
  /** What apply does when the columns of the SELECT are no longer those of the table. */
  readonly onSchemaChange: OnSchemaChange;
  /** For row-wise strategies: whether rows that make the SQL itself fail are put aside or fail the run. */
  readonly onDataError: 'quarantine' | 'fail';
  /** The inputs read by increment; several only for `delete+insert`. Empty for a view and for a table. */
  readonly incrementOn: readonly string[];
  /** Inputs taken as of the run, whose later changes recompute nothing. */
  readonly lookups: readonly string[];
  /** Empty when the model has no key. */
  readonly uniqueKey: readonly string[];
  /** For `delete+insert`: each touched output column with the plain column of each increment input it comes from. */
  readonly touchKey: readonly TouchColumn[];
  /** For `accumulate`: output column -> how stored and new values meet. */
  readonly accumulate: Readonly<Record<string, Aggregate>>;
  /** For `merge`: which of several rows of one key wins, the last in this order; empty = order of arrival. */
  readonly orderBy: readonly OrderTerm[];
  /** For `merge`: the columns that a newer row replaces; undefined = all but the key. */
  readonly mergeUpdateColumns?: readonly string[];
  readonly columns: readonly ColumnHeader[];
  /** Every data test of the header: those of the columns, then those of the model. */
  readonly dataTests: readonly DataTest[];
  readonly indexes: readonly (readonly string[])[];
  readonly partitionBy?: PartitionBy;
  /** The column by whose values Citus spreads the table over its servers, where there is Citus. */
  readonly distributedBy?: string;
  /** Of append and merge models with `partitionBy`; undefined = rows stay for ever. */
  readonly retention?: Retention;
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
  /** Where the header names the column; absent in datasets made by hand. */
  readonly place?: Place;
}

export interface OrderTerm {
  readonly column: string;
  readonly descending: boolean;
}

/** What every data test says beside what it looks for. */
interface TestTerms {
  /** One of its dataset, e.g. `not_null_silver_stg_readings_raw_id`; `name:` in the header gives another. */
  readonly name: string;
  /** The model, seed or view that is looked at. */
  readonly relation: string;
  readonly place: Place;
  /** `quarantine` for row rules only (not_null, accepted_values, in_range, matches) of row-wise models. */
  readonly onFail: 'error' | 'warn' | 'quarantine';
  /** A condition on the relation's rows, as written; it is one expression in the grammar of PostgreSQL. */
  readonly where?: string;
  /** More failing rows than this are a failure (`onFail: error`) ...; default 0. */
  readonly errorAbove: number;
  /** ... and more than this a warning; default 0. */
  readonly warnAbove: number;
}

export type DataTest = TestTerms &
  (
    | { readonly kind: 'not_null'; readonly column: string }
    | { readonly kind: 'unique'; readonly columns: readonly string[] }
    | { readonly kind: 'accepted_values'; readonly column: string; readonly values: readonly (string | number | boolean)[] }
    /** Both ends belong to the range. A text is a literal of the column's type, e.g. a date. */
    | { readonly kind: 'in_range'; readonly column: string; readonly min?: number | string; readonly max?: number | string }
    /** A regular expression of PostgreSQL that must match somewhere in the value. */
    | { readonly kind: 'matches'; readonly column: string; readonly pattern: string }
    | { readonly kind: 'relationships'; readonly column: string; readonly to: string; readonly field: string }
    /** The newest value of a timestamp column is at most this old. */
    | { readonly kind: 'freshness'; readonly column: string; readonly warnAfterMs?: number; readonly errorAfterMs?: number }
    /** How far one run may change the number of rows, as a share of what was there: 0.5 = by half. */
    | { readonly kind: 'row_count_change'; readonly maxIncrease?: number; readonly maxDecrease?: number }
  );

export type DataTestKind = DataTest['kind'];

/** A SELECT of `tests/`: its rows must not exist. */
export interface QueryTest {
  /** The file's name without `.sql`. */
  readonly name: string;
  readonly file: string;
  readonly description: string;
  readonly onFail: 'error' | 'warn';
  readonly errorAbove: number;
  readonly warnAbove: number;
  readonly tags: readonly string[];
  readonly query: Query;
}

/** A CSV file that owns the table `seeds.<file name>`; what reads it names it under `lookups`. */
export interface Seed {
  /** `seeds.device_types`. */
  readonly relation: string;
  readonly file: string;
  readonly description: string;
  readonly tags: readonly string[];
  /** In the order of the file's first line; types from `<name>.yml` beside it, else inferred from the values. */
  readonly columns: readonly (ColumnHeader & { readonly dataType: string })[];
  readonly uniqueKey: readonly string[];
  readonly dataTests: readonly DataTest[];
  /** An empty field without quotes is null. */
  readonly rows: readonly (readonly (string | null)[])[];
  readonly codeHash: string;
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
  /** True when the text names another relation than this one, e.g. the table whose shadow this is. */
  readonly renamed?: boolean;
}

/** A position in a file: both count from 1, columns in characters. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

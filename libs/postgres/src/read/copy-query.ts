/** A column of a statement's result. */
export interface ResultColumn {
  readonly name: string;
  /** OID of its type in pg_type. */
  readonly type: number;
}

/** What a COPY reads, and what must be known before it is made. */
export interface CopyQuery {
  /** `schema.name` of every relation the query reads, locked in this order: tables by name, then views. */
  readonly relations: readonly string[];
  /** One SELECT, values already in it as literals: COPY takes no parameters. */
  readonly query: string;
  /** One SELECT whose rows are asked first, in the snapshot that the COPY has too. */
  readonly before?: string;
  /**
   * One SELECT of one boolean, asked under the locks, in no later a snapshot than the COPY's: false when what is to be
   * read has not reached this server yet.
   */
  readonly arrived?: string | undefined;
  /** A result of more rows is refused. */
  readonly maxRows?: number;
  /** Without it the columns are asked each time. */
  readonly shape?: QueryShape;
}

/** What the columns of a query depend on, so that they can be remembered. */
export interface QueryShape {
  /** Queries made of one template differ in values only. */
  readonly template: object;
  /** One SELECT of one text, asked under the locks: while it gives the same, no relation has other columns. Null = not known. */
  readonly version: string;
}

/** The columns of templates, with the version they were of. */
export type KnownColumns = WeakMap<object, { readonly version: string; readonly columns: readonly ResultColumn[] }>;

/** The columns of a query, and the rows of `before`. */
export interface Described {
  readonly columns: readonly ResultColumn[];
  readonly before: readonly Record<string, unknown>[];
}

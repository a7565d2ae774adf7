/** One part of a paged endpoint's result: a top-level SELECT with a unique order of its own. */
export interface Arm {
  /** The columns of its ORDER BY; together unique, none of them null. */
  readonly keys: readonly SortKey[];
  /** Relations read in it whose rows come and never change: a page shows those of page one's moment. */
  readonly growing: readonly string[];
}

export interface SortKey {
  /** As it stands in SQL, e.g. `"r"."reading_time"`. */
  readonly column: string;
  readonly descending: boolean;
}

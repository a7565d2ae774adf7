import type { ChangeKind, DataTest, Materialized } from '@ingot/datasets';

/**
 * What apply does to one model:
 * `nothing`; `adopt` only its text is kept anew; `create` it is made, empty or as a view; `alter` in place: columns,
 * tests, indexes or descriptions; `replace view`; `rebuild` computed beside the live table and put in its place;
 * `drop from graph` its file is gone, its table stays.
 */
export type PlanAction = 'nothing' | 'adopt' | 'create' | 'alter' | 'replace view' | 'rebuild' | 'drop from graph';

export interface ColumnChange {
  readonly name: string;
  /** Undefined for a column that is new. */
  readonly before?: string;
  /** Undefined for a column that goes. */
  readonly after?: string;
}

export interface ModelPlan {
  readonly relation: string;
  /** Absent for a model whose file is gone. */
  readonly file?: string;
  readonly materialized: Materialized;
  readonly change: ChangeKind | 'removed';
  /** Header keys that differ. */
  readonly headerKeys: readonly string[];
  readonly action: PlanAction;
  /** Why, to follow the action in a sentence. */
  readonly reason: string;
  /** The changed or rebuilt models that it reads, directly or through others; empty when the cause is its own file. */
  readonly because: readonly string[];
  /** Columns that come, go or change their type, of a table that is there. */
  readonly columns: readonly ColumnChange[];
  /** For a rebuild: about how many rows of its inputs are read. */
  readonly backfillRows?: number;
  /** For a rebuild: `chunks` that are committed one by one, or one statement of the publishing transaction. */
  readonly backfill?: 'chunks' | 'one statement';
  /** What its table will be, where that is not plain. */
  readonly note?: string;
  /** Names of the data tests that look at the whole table before it is published. */
  readonly tests: readonly string[];
}

/** What apply is going to do, as data. */
export interface ApplyPlan {
  readonly dataset: string;
  /** False as long as no run has moved the watermark: every table is empty and is just made. */
  readonly hasRun: boolean;
  /** True when there is nothing to do at all. */
  readonly isEmpty: boolean;
  /** Every model in graph order, then those whose files are gone. */
  readonly models: readonly ModelPlan[];
  /** Seeds whose rows or columns change. */
  readonly seeds: readonly string[];
}

/** The rows a test looks at: apply checks the whole of what it has built. */
export function testNames(tests: readonly DataTest[]): string[] {
  return tests.map(({ name }) => name);
}

import type { RenderedQuery } from '@ingot/datasets';
import type { Increment } from '../increment.js';
import type { Floors } from '../retention/floors.js';
import type { Step } from '../step.js';

/** What the strategies need of the run, or of the chunk of a rebuild, that they are part of. */
export interface StepContext {
  readonly dataset: string;
  /** The number that goes into `_run_id`. */
  readonly runId: bigint;
  /** By relation: those of the sources, and of every model written so far in this run. */
  readonly increments: ReadonlyMap<string, Increment>;
  /** Where diverted rows go, as it stands in SQL: a table like ingot.quarantine. */
  readonly quarantine: string;
  /** By model: entries of ingot.quarantine that this run takes in as if they were new rows of the model's input. */
  readonly replays: ReadonlyMap<string, readonly string[]>;
  /** What retention has dropped of the dataset's models. */
  readonly floors: Floors;
  /** Sends one statement of a step; an error is told with its place in the model's file. */
  execute(step: Step, statement: Statement): Promise<StatementResult>;
  /** Does the work under a savepoint: when it throws, what it did to the database is undone, and the error thrown on. */
  attempt<T>(work: () => Promise<T>): Promise<T>;
}

export interface Statement {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** The model's own text in it, and how many characters stand before that. */
  readonly query?: { readonly rendered: RenderedQuery; readonly prefixLength: number };
  /** True when it reads nothing but an increment and tables of the session: sequential scans and sorts are discouraged then. */
  readonly incrementOnly: boolean;
}

export interface StatementResult {
  readonly rowCount: number;
  readonly rows: readonly Record<string, unknown>[];
}

export interface StepRows {
  readonly written: number;
  readonly deleted: number;
  /** Of row-wise steps. */
  readonly ledger?: RowLedger;
}

/** Where the input rows of a row-wise step went: `in` = `out` + `quarantined` + `filtered`, always. */
export interface RowLedger {
  /** Rows of the increment, and replayed ones. */
  readonly in: number;
  /** Those that gave at least one output row, all of which were written (or, for merge, met a newer row). */
  readonly out: number;
  readonly quarantined: number;
  /** Those that the SELECT gives no row for. */
  readonly filtered: number;
  /** How many of `in` came out of the quarantine. */
  readonly replayed: number;
}

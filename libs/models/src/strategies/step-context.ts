import type { RenderedQuery } from '@ingot/datasets';
import type { Increment } from '../increment.js';
import type { Step } from '../plan.js';

/** What the strategies need of the run they are part of. */
export interface StepContext {
  /** The number that goes into `_run_id`. */
  readonly runId: bigint;
  /** By relation: those of the sources, and of every model written so far in this run. */
  readonly increments: ReadonlyMap<string, Increment>;
  /** Sends one statement of a step; an error is told with its place in the model's file. */
  execute(step: Step, statement: Statement): Promise<StatementResult>;
}

export interface Statement {
  readonly text: string;
  /** The model's own text in it, and how many characters stand before that. */
  readonly query?: { readonly rendered: RenderedQuery; readonly prefixLength: number };
  /** True when it reads nothing but an increment and tables of the session: sequential scans are discouraged then. */
  readonly incrementOnly: boolean;
}

export interface StatementResult {
  readonly rowCount: number;
  readonly rows: readonly Record<string, unknown>[];
}

export interface StepRows {
  readonly written: number;
  readonly deleted: number;
}

import type { StepRecord } from '../run-ledger.js';
import type { BackfillProgress } from './shadow-build.js';

export interface Applied {
  /** What was done to each model, in graph order: `strategy` is its action in the plan; no model that stays as it was. */
  readonly steps: readonly StepRecord[];
  /** Seeds that were loaded. */
  readonly seeds: readonly string[];
}

export interface ApplyOptions {
  /** Computes new columns for the rows of before, too, and lets columns change where the header says `fail`. */
  readonly backfill?: boolean;
  /** Models that may be built without the lines that retention has dropped, by name. */
  readonly dropHistory?: readonly string[];
  /** Rows of its input that one committed chunk of a backfill reads. */
  readonly chunkRows?: number;
  /** The longest a read holds its locks: INGOT_READ_TX_SECONDS. */
  readonly readSeconds?: number;
  /** Called between two chunks, outside any transaction. */
  readonly onProgress?: (progress: BackfillProgress) => void | Promise<void>;
  /** Called when what was done is committed; never, when the database agreed with the files already. */
  readonly onApplied?: (applied: Applied) => void;
}

/** Some two seconds of work, so that what is lost by a kill is little and the server's oldest snapshot stays young. */
export const CHUNK_ROWS = 500_000;
export const READ_SECONDS = 10;

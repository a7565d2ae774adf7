import type { Problem } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
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
  /** Asked when changes are tried out and again before they are committed: a problem refuses them, and nothing is published. */
  readonly checkReaders?: CheckReaders;
  /** Called when what was done is committed; never, when the database agreed with the files already. */
  readonly onApplied?: (applied: Applied) => void;
}

/**
 * Asks, within the engine's transaction, what would be wrong with those who read the dataset, e.g. its endpoints.
 * @param nameOf where a relation stands at that moment; elsewhere than usual while changes are tried out
 */
export type CheckReaders = (client: Client | Connection, nameOf: (relation: string) => string) => Promise<readonly Problem[]>;

/** Some two seconds of work, so that what is lost by a kill is little and the server's oldest snapshot stays young. */
export const CHUNK_ROWS = 500_000;
export const READ_SECONDS = 10;

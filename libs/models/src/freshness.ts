/** Whether what is published covers every line acknowledged before the question was asked. */
export interface Freshness {
  readonly fresh: boolean;
  /** Why not, when it is not. */
  readonly reason?: StaleReason;
  /** When the watermark last moved, as far as this process knows. */
  readonly watermarkAt?: Date;
  /**
   * The dataset's last run, read after the question was asked: whoever takes his snapshot now reads what this run left, or
   * newer. Absent when the row was not read for this question. So is `publication`.
   */
  readonly runId?: bigint;
  /** The number of the dataset's last publication of changed files. */
  readonly publication?: bigint;
}

/**
 * `timeout`: the run that covers the lines did not end in time. `failing`: the last run failed. `backlog`: more lines
 * wait than one run takes. `not-applied`: the files of this process are not those of the database. `unavailable`: the
 * database could not be asked. `stopping`: this process is being shut down.
 */
export type StaleReason = 'timeout' | 'failing' | 'backlog' | 'not-applied' | 'unavailable' | 'stopping';

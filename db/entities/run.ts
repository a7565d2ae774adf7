import { Column, Entity, JoinColumn, ManyToOne, OneToMany, PrimaryColumn, type Relation } from 'typeorm';
import { bigInteger, bigIntegers, wholeNumber } from './numbers.js';

/** Why a run failed, and where in the files. */
export interface RunError {
  readonly message: string;
  readonly sqlstate: string | null;
  readonly model: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly detail: string | null;
  /** The data tests that failed; absent for a failure of another kind. */
  readonly tests?: readonly FailedTest[];
}

/** What a failing data test found. */
export interface FailedTest {
  readonly test: string;
  readonly relation?: string;
  readonly scope: string;
  readonly outcome: string;
  readonly failures: number;
  readonly samples: readonly unknown[];
  readonly message?: string;
  readonly durationMs: number;
}

/** What one step of a run did. */
@Entity({ schema: 'ingot', name: 'run_steps' })
export class RunStep {
  @PrimaryColumn({ name: 'run', type: 'bigint', transformer: wholeNumber })
  runRecord: number;

  @PrimaryColumn({ type: 'smallint' })
  position: number;

  @ManyToOne(() => Run, (run) => run.steps)
  @JoinColumn({ name: 'run' })
  run: Relation<Run>;

  @Column({ type: 'text' })
  model: string;

  @Column({ type: 'text' })
  strategy: string;

  @Column({ name: 'rows_written', type: 'bigint', transformer: wholeNumber })
  rowsWritten: number;

  @Column({ name: 'rows_deleted', type: 'bigint', transformer: wholeNumber })
  rowsDeleted: number;

  @Column({ name: 'duration_ms', type: 'double precision' })
  durationMs: number;

  /** Of row-wise steps that had something to do: rowsIn = rowsOut + quarantined + filtered. */
  @Column({ name: 'rows_in', type: 'bigint', nullable: true, transformer: wholeNumber })
  rowsIn: number | null;

  @Column({ name: 'rows_out', type: 'bigint', nullable: true, transformer: wholeNumber })
  rowsOut: number | null;

  @Column({ type: 'bigint', nullable: true, transformer: wholeNumber })
  quarantined: number | null;

  @Column({ type: 'bigint', nullable: true, transformer: wholeNumber })
  filtered: number | null;

  /** How many of rowsIn came out of the quarantine. */
  @Column({ type: 'bigint', nullable: true, transformer: wholeNumber })
  replayed: number | null;
}

/** What a data test found that a run carried out by query; of those that failed, the run's error tells. */
@Entity({ schema: 'ingot', name: 'test_results' })
export class RunTestResult {
  @PrimaryColumn({ name: 'run', type: 'bigint', transformer: wholeNumber })
  runRecord: number;

  @PrimaryColumn({ type: 'text' })
  test: string;

  @ManyToOne(() => Run, (run) => run.tests)
  @JoinColumn({ name: 'run' })
  run: Relation<Run>;

  /** Null for a SELECT of tests/. */
  @Column({ type: 'text', nullable: true })
  relation: string | null;

  @Column({ type: 'text' })
  scope: 'rows of the run' | 'whole table';

  @Column({ type: 'text' })
  outcome: 'passed' | 'warned';

  /** Rows that must not exist; of unique: keys that occur more than once. */
  @Column({ type: 'bigint', transformer: wholeNumber })
  failures: number;

  /** Up to 20 of them. */
  @Column({ type: 'jsonb' })
  samples: unknown[];

  @Column({ name: 'duration_ms', type: 'double precision' })
  durationMs: number;
}

/** One run of a dataset, one publication, or the uneventful runs of some minutes as one record. */
@Entity({ schema: 'ingot', name: 'runs' })
export class Run {
  @PrimaryColumn({ type: 'bigint', transformer: wholeNumber })
  id: number;

  @Column({ type: 'text' })
  dataset: string;

  /** A publication took no new row: tables that were computed anew took their places. */
  @Column({ type: 'text' })
  kind: 'run' | 'publication';

  /** The number in `_run_id` of the rows it wrote, of several runs the last; null when it was rolled back. */
  @Column({ name: 'run_id', type: 'bigint', nullable: true, transformer: wholeNumber })
  runId: number | null;

  /** Where the record stands for several runs: the first of their numbers. */
  @Column({ name: 'first_run_id', type: 'bigint', nullable: true, transformer: wholeNumber })
  firstRunId: number | null;

  /** How many runs the record stands for. */
  @Column({ type: 'integer' })
  runs: number;

  @Column({ type: 'text' })
  status: 'succeeded' | 'failed';

  /** Of a failure: how many times it came again while nothing succeeded. */
  @Column({ type: 'integer' })
  attempts: number;

  /** Of a publication: when its rebuild began. */
  @Column({ name: 'started_at', type: 'timestamptz' })
  startedAt: Date;

  @Column({ name: 'finished_at', type: 'timestamptz' })
  finishedAt: Date;

  /** Of the run, of the last attempt of one that failed, of several runs together; of a publication with all chunks of its rebuild; null in records of the first release. */
  @Column({ name: 'duration_ms', type: 'double precision', nullable: true })
  durationMs: number | null;

  /** New bronze rows it took. */
  @Column({ name: 'rows_in', type: 'bigint', transformer: wholeNumber })
  rowsIn: number;

  /** More was waiting than one run takes. */
  @Column({ type: 'boolean' })
  cut: boolean;

  /** Its transaction, on the scale of `ingest_xid`. */
  @Column({ type: 'bigint', nullable: true, transformer: bigInteger })
  xid: bigint | null;

  /** With snapshotXip the watermark it left. */
  @Column({ name: 'snapshot_xmax', type: 'bigint', nullable: true, transformer: bigInteger })
  snapshotXmax: bigint | null;

  @Column({ name: 'snapshot_xip', type: 'bigint', array: true, nullable: true, transformer: bigIntegers })
  snapshotXip: bigint[] | null;

  @Column({ name: 'code_hash', type: 'text', nullable: true })
  codeHash: string | null;

  @Column({ type: 'jsonb', nullable: true })
  error: RunError | null;

  @Column({ type: 'text', nullable: true })
  fingerprint: string | null;

  @OneToMany(() => RunStep, (step) => step.run)
  steps: RunStep[];

  @OneToMany(() => RunTestResult, (result) => result.run)
  tests: RunTestResult[];
}

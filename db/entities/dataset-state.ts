import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigInteger, bigIntegers, wholeNumber } from './numbers.js';

/** The one row of a dataset: what its runs have seen, and which code they ran. */
@Entity({ schema: 'ingot', name: 'datasets' })
export class DatasetState {
  @PrimaryColumn({ type: 'text' })
  name: string;

  /** Of the last run that committed; 0 before the first. */
  @Column({ name: 'run_id', type: 'bigint', transformer: wholeNumber })
  runId: number;

  /** With snapshotXip the watermark, on the scale of `ingest_xid`. */
  @Column({ name: 'snapshot_xmax', type: 'bigint', transformer: bigInteger })
  snapshotXmax: bigint;

  @Column({ name: 'snapshot_xip', type: 'bigint', array: true, transformer: bigIntegers })
  snapshotXip: bigint[];

  /** Counts what apply and rebuild have made of the published relations. */
  @Column({ type: 'bigint', transformer: wholeNumber })
  publication: number;

  @Column({ name: 'code_hash', type: 'text', nullable: true })
  codeHash: string | null;

  /** What apply has made, by relation. */
  @Column({ name: 'applied_code', type: 'jsonb', nullable: true })
  appliedCode: Record<string, unknown> | null;

  @Column({ name: 'applied_at', type: 'timestamptz', nullable: true })
  appliedAt: Date | null;

  @Column({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}

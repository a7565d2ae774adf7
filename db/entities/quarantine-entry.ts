import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigInteger, wholeNumber } from './numbers.js';

/** An input row that a model could not take. */
@Entity({ schema: 'ingot', name: 'quarantine' })
export class QuarantineEntry {
  @PrimaryColumn({ type: 'bigint', transformer: wholeNumber })
  id: number;

  @Column({ type: 'text' })
  dataset: string;

  @Column({ type: 'text' })
  model: string;

  /** The relation the row is of. */
  @Column({ type: 'text' })
  input: string;

  @Column({ name: 'input_row', type: 'jsonb' })
  inputRow: Record<string, unknown>;

  /** Where input is a bronze table: id and ingest_xid of the line. */
  @Column({ name: 'input_id', type: 'bigint', nullable: true, transformer: bigInteger })
  inputId: bigint | null;

  @Column({ name: 'input_xid', type: 'bigint', nullable: true, transformer: bigInteger })
  inputXid: bigint | null;

  /** Names of the data tests it failed; empty when the SQL itself failed. */
  @Column({ type: 'text', array: true })
  reasons: string[];

  @Column({ type: 'text', nullable: true })
  sqlstate: string | null;

  @Column({ type: 'text', nullable: true })
  message: string | null;

  @Column({ name: 'run_id', type: 'bigint', transformer: wholeNumber })
  runId: number;

  @Column({ name: 'code_hash', type: 'text' })
  codeHash: string;

  @Column({ name: 'first_at', type: 'timestamptz' })
  firstAt: Date;

  @Column({ type: 'timestamptz' })
  at: Date;

  @Column({ type: 'integer' })
  attempts: number;

  /** The next run takes it in again. */
  @Column({ type: 'boolean' })
  replay: boolean;
}

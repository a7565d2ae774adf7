import type { runDetailDocument, runDocument } from '@ingot/db';
import type { JsonDocument } from '@ingot/datasets';
import { Field } from '../../documented.js';

const COUNT = { type: 'integer', minimum: 0 } as const;
const DURATION = { type: 'number', minimum: 0, varies: true, examples: [12.5], description: 'Milliseconds.' } as const;
const INSTANT = { type: 'string', format: 'date-time', varies: true, examples: ['2026-11-21T12:37:05.000Z'] } as const;

class FailedTestAnswer {
  @Field({ type: 'string' })
  test: string;

  @Field({ type: 'string', optional: true, description: 'The model or seed; absent for a SELECT of tests/.' })
  relation?: string;

  @Field({ type: 'string' })
  scope: string;

  @Field({ type: 'string' })
  outcome: string;

  @Field({ ...COUNT, description: 'Rows that must not exist.' })
  failures: number;

  @Field({ type: 'array', description: 'Some of them.' })
  samples: unknown[];

  @Field({ type: 'string', optional: true })
  message?: string;

  @Field(DURATION)
  duration_ms: number;
}

/** Why a run failed, and where in the files. */
class RunErrorAnswer {
  @Field({ type: 'string' })
  message: string;

  @Field({ type: 'string', nullable: true })
  sqlstate: string | null;

  @Field({ type: 'string', examples: ['silver.stg_readings'] })
  model: string;

  @Field({ type: 'string', examples: ['sql/sensor/silver/stg_readings.sql'] })
  file: string;

  @Field({ type: 'integer', minimum: 1 })
  line: number;

  @Field({ type: 'integer', minimum: 1, description: 'In characters.' })
  column: number;

  @Field({ type: 'string', nullable: true, description: "The server's DETAIL." })
  detail: string | null;

  @Field({ of: [FailedTestAnswer], optional: true, description: 'The data tests that failed.' })
  tests?: FailedTestAnswer[];
}

/** One run of a dataset, one publication, or the uneventful runs of some minutes as one record. */
export class RunAnswer implements JsonDocument<ReturnType<typeof runDocument>> {
  @Field({ type: 'integer', minimum: 1, varies: true, examples: [42] })
  id: number;

  @Field({ type: 'string', examples: ['sensor'] })
  dataset: string;

  @Field({ type: 'string', enum: ['run', 'publication'], description: 'A publication took no new row: tables that were computed anew took the place of those of before.' })
  kind: 'run' | 'publication';

  @Field({ type: 'string', enum: ['succeeded', 'failed'] })
  status: 'succeeded' | 'failed';

  @Field({ type: 'integer', nullable: true, description: 'The number in _run_id of the rows it wrote; null when it was rolled back.' })
  run_id: number | null;

  @Field({ type: 'integer', nullable: true, description: 'Of a record of several runs: the first of their numbers; run_id is the last.' })
  first_run_id: number | null;

  @Field({ type: 'integer', minimum: 1, description: 'How many runs the record stands for.' })
  runs: number;

  @Field({ type: 'integer', minimum: 1, description: 'How often it failed in the same way.' })
  attempts: number;

  @Field(INSTANT)
  started_at: string;

  @Field(INSTANT)
  finished_at: string;

  @Field({ ...DURATION, nullable: true, description: 'Milliseconds, of all its runs together; of a publication with all chunks of its rebuild.' })
  duration_ms: number | null;

  @Field({ ...COUNT, description: 'New bronze rows it took.' })
  rows_in: number;

  @Field({ type: 'boolean', description: 'More was waiting than one run takes.' })
  cut: boolean;

  @Field({ type: 'string', nullable: true, varies: true, examples: ['8f14e45fceea167a'] })
  code_hash: string | null;

  @Field({ type: 'integer', nullable: true, varies: true, examples: [1042], description: 'Its transaction, on the scale of ingest_xid.' })
  xid: number | null;

  @Field({ type: 'integer', nullable: true, varies: true, examples: [1043], description: 'With snapshot_xip the watermark it left: lines of transactions below it are covered ...' })
  snapshot_xmax: number | null;

  @Field({ type: 'array', items: { type: 'integer' }, nullable: true, varies: true, examples: [[]], description: '... but for these.' })
  snapshot_xip: number[] | null;

  @Field({ of: RunErrorAnswer, nullable: true })
  error: RunErrorAnswer | null;
}

class StepAnswer {
  @Field({ type: 'integer', minimum: 1 })
  position: number;

  @Field({ type: 'string', examples: ['silver.stg_readings'] })
  model: string;

  @Field({ type: 'string', examples: ['append'] })
  strategy: string;

  @Field(COUNT)
  rows_written: number;

  @Field(COUNT)
  rows_deleted: number;

  @Field(DURATION)
  duration_ms: number;

  @Field({ ...COUNT, nullable: true, description: 'Of row-wise steps that had something to do: rows_in = rows_out + quarantined + filtered.' })
  rows_in: number | null;

  @Field({ ...COUNT, nullable: true })
  rows_out: number | null;

  @Field({ ...COUNT, nullable: true })
  quarantined: number | null;

  @Field({ ...COUNT, nullable: true, description: 'Input rows the SELECT gives nothing for.' })
  filtered: number | null;

  @Field({ ...COUNT, nullable: true, description: 'How many of rows_in came out of the quarantine.' })
  replayed: number | null;
}

class TestAnswer {
  @Field({ type: 'string', examples: ['not_null_silver_stg_readings_raw_id'] })
  test: string;

  @Field({ type: 'string', nullable: true, description: 'Null for a SELECT of tests/.' })
  relation: string | null;

  @Field({ type: 'string', examples: ['rows of the run'] })
  scope: string;

  @Field({ type: 'string', examples: ['passed'] })
  outcome: string;

  @Field({ ...COUNT, description: 'Rows that must not exist.' })
  failures: number;

  @Field({ type: 'array', description: 'Up to 20 of them.' })
  samples: unknown[];

  @Field(DURATION)
  duration_ms: number;
}

/** A run with its steps in order and what its data tests found. */
export class RunDetailAnswer extends RunAnswer implements JsonDocument<ReturnType<typeof runDetailDocument>> {
  @Field({ of: [StepAnswer] })
  steps: StepAnswer[];

  @Field({ of: [TestAnswer], description: 'Those that ran by query; of a failed run those that failed.' })
  tests: TestAnswer[];
}

export class RunsAnswer {
  @Field({ of: [RunAnswer], description: 'Newest first.' })
  runs: RunAnswer[];
}

import { Field } from '../../documented.js';

const COUNT = { type: 'integer', minimum: 0, varies: true, examples: [4] } as const;
const INSTANT = { type: 'string', format: 'date-time', varies: true, examples: ['2026-11-21T12:37:05.000Z'] } as const;
const NAMES = { type: 'array', items: { type: 'string' } } as const;

class ColumnAnswer {
  @Field({ type: 'string', examples: ['raw_id'] })
  name: string;

  @Field({ type: 'string', nullable: true, examples: ['bigint'], description: 'As the database has it, else as the files say it; null when neither does.' })
  data_type: string | null;

  @Field({ type: 'string', nullable: true })
  description: string | null;
}

class ColumnSourceAnswer {
  @Field({ type: 'string', examples: ['bronze.raw_readings'] })
  relation: string;

  @Field({ type: 'string', examples: ['id'] })
  column: string;

  @Field({ type: 'string', enum: ['same', 'computed', 'condition'], description: 'The value as it is, computed from it, or which rows there are depends on it.' })
  kind: string;
}

class ColumnDetailAnswer extends ColumnAnswer {
  @Field({ of: [ColumnSourceAnswer], description: 'The columns it comes from directly.' })
  from: ColumnSourceAnswer[];
}

class ModelTestAnswer {
  @Field({ type: 'string' })
  name: string;

  @Field({ type: 'string', examples: ['not_null'] })
  kind: string;

  @Field(NAMES)
  columns: readonly string[];

  @Field({ type: 'string', enum: ['error', 'warn', 'quarantine'] })
  on_fail: string;
}

class CodeAnswer {
  @Field({ type: 'string', description: 'Of its file: changes when it would write something else.', varies: true, examples: ['8f14e45fceea167a'] })
  hash: string;

  @Field({ type: 'string', nullable: true, varies: true, examples: ['8f14e45fceea167a'], description: 'Of what the database was made by.' })
  applied_hash: string | null;

  @Field({ type: 'string', enum: ['applied', 'changed', 'not applied'], description: 'changed and not applied want `ingot apply`.' })
  state: string;
}

class LastStepAnswer {
  @Field({ ...COUNT, examples: [42], description: 'The id of the record: GET /runs/:id.' })
  run: number;

  @Field({ ...COUNT, examples: [42] })
  run_id: number;

  @Field(INSTANT)
  finished_at: string;

  @Field(COUNT)
  rows_written: number;

  @Field(COUNT)
  rows_deleted: number;

  @Field({ type: 'number', minimum: 0, varies: true, examples: [1.5] })
  duration_ms: number;

  @Field({ ...COUNT, nullable: true, description: 'Null for a step that is not row by row.' })
  quarantined: number | null;
}

export class ModelAnswer {
  @Field({ type: 'string', examples: ['silver.stg_readings'] })
  name: string;

  @Field({ type: 'string', examples: ['sensor'] })
  dataset: string;

  @Field({ type: 'string', enum: ['view', 'table', 'incremental'] })
  kind: string;

  @Field({ type: 'string', nullable: true, enum: ['append', 'merge', 'accumulate', 'delete+insert', null], description: 'Of an incremental model.' })
  strategy: string | null;

  @Field({ type: 'string' })
  description: string;

  @Field({ type: 'string', examples: ['sql/sensor/silver/stg_readings.sql'] })
  file: string;

  @Field(NAMES)
  tags: readonly string[];

  @Field(NAMES)
  unique_key: readonly string[];

  @Field({ ...NAMES, description: 'The inputs read by increment.' })
  increment_on: readonly string[];

  @Field({ ...NAMES, description: 'Relations read directly.' })
  reads: readonly string[];

  @Field({ ...NAMES, description: 'Relations, endpoints and query tests that read it.' })
  read_by: readonly string[];

  @Field({ of: [ColumnAnswer] })
  columns: ColumnAnswer[];

  @Field({ of: [ModelTestAnswer], description: 'The data tests of its header.' })
  tests: ModelTestAnswer[];

  @Field({ of: CodeAnswer })
  code: CodeAnswer;

  @Field({ ...COUNT, nullable: true, description: "The planner's estimate; null for a view and before the first ANALYZE." })
  estimated_rows: number | null;

  @Field({ ...COUNT, nullable: true, examples: [81_920], description: 'On disk, with indexes; null for a view.' })
  bytes: number | null;

  @Field({ of: LastStepAnswer, nullable: true, description: 'What its last run did to it; null for a view, and before the first run.' })
  last_step: LastStepAnswer | null;

  @Field({ ...INSTANT, nullable: true, description: 'For a table: when it was last computed.' })
  refreshed_at: string | null;
}

export class ModelDetailAnswer extends ModelAnswer {
  @Field({ of: [ColumnDetailAnswer] })
  override columns: ColumnDetailAnswer[];

  @Field({ type: 'string', description: 'Its SELECT as written.' })
  sql: string;
}

export class ModelsAnswer {
  @Field({ of: [ModelAnswer], description: 'Each after what it reads.' })
  models: ModelAnswer[];
}

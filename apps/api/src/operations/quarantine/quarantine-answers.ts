import type { JsonDocument } from '@ingot/datasets';
import type { QuarantineGroup } from '@ingot/models';
import { Field } from '../../documented.js';

const ID = { type: 'integer', minimum: 1, varies: true, examples: [17] } as const;
const COUNT = { type: 'integer', minimum: 0 } as const;
const INSTANT = { type: 'string', format: 'date-time', varies: true, examples: ['2026-11-21T12:37:05.000Z'] } as const;

/** Entries of one model with the same reasons; where the SQL itself failed, it said the same about them but for values. */
class GroupAnswer implements JsonDocument<QuarantineGroup> {
  @Field({ type: 'string', examples: ['sensor'] })
  dataset: string;

  @Field({ type: 'string', examples: ['silver.stg_readings'] })
  model: string;

  @Field({ type: 'array', items: { type: 'string' }, description: 'Names of data tests, or the SQLSTATE of what the SQL said.' })
  reasons: string[];

  @Field({ type: 'string', nullable: true, description: 'What the SQL said about all of them, with … for values in which they differ; null for data tests.' })
  message: string | null;

  @Field({ ...COUNT, description: 'How many.' })
  entries: number;

  @Field({ ...COUNT, description: 'How many of them the next run takes in again.' })
  to_replay: number;

  @Field(INSTANT)
  first_at: string;

  @Field(INSTANT)
  last_at: string;

  @Field({ ...ID, description: 'Of the latest entry, to look at one.' })
  last_id: number;
}

export class GroupsAnswer {
  @Field({ of: [GroupAnswer], description: 'The most frequent first.' })
  groups: GroupAnswer[];
}

class PlaceAnswer {
  @Field({ type: 'string', examples: ['sql/sensor/silver/stg_readings.sql'] })
  file: string;

  @Field({ type: 'integer', minimum: 1 })
  line: number;

  @Field({ type: 'integer', minimum: 1, description: 'In characters.' })
  column: number;
}

class ReasonAnswer {
  @Field({ type: 'string', examples: ['SQLSTATE 22P02'] })
  name: string;

  @Field({ type: 'string', optional: true })
  message?: string;

  @Field({ of: PlaceAnswer, optional: true, description: 'Where the rule, or the model whose SQL failed, stands; absent when the files know neither any more.' })
  place?: PlaceAnswer;
}

/** One row kept aside. */
export class EntryAnswer {
  @Field(ID)
  id: number;

  @Field({ type: 'string', examples: ['sensor'] })
  dataset: string;

  @Field({ type: 'string', examples: ['silver.stg_readings'] })
  model: string;

  @Field({ type: 'string', examples: ['bronze.raw_readings'], description: 'The relation the row was read from.' })
  input: string;

  @Field({ type: 'object', additionalProperties: true, varies: true, examples: [{ id: 1, line: '1649941817 Voltage 1.34' }], description: 'All its columns, with the names that they have there.' })
  input_row: unknown;

  @Field({ of: [ReasonAnswer], description: 'Why: all of them.' })
  reasons: ReasonAnswer[];

  @Field({ ...ID, description: 'The run that put it here, or the last that tried it again.' })
  run_id: number;

  @Field({ type: 'string', varies: true, examples: ['8f14e45fceea167a'], description: "The model's code at that time." })
  code_hash: string;

  @Field(INSTANT)
  first_at: string;

  @Field(INSTANT)
  at: string;

  @Field({ type: 'integer', minimum: 1 })
  attempts: number;

  @Field({ type: 'boolean', description: 'The next run takes it in again.' })
  replay: boolean;
}

export class EntriesAnswer {
  @Field({ of: [EntryAnswer], description: 'Newest first.' })
  entries: EntryAnswer[];
}

class RefusedAnswer {
  @Field(ID)
  id: number;

  @Field({ type: 'string' })
  model: string;

  @Field({ type: 'string' })
  input: string;
}

export class ReplayAnswer {
  @Field({ ...COUNT, description: 'Entries that the next run takes in.' })
  requested: number;

  @Field({ of: [RefusedAnswer], description: 'Entries of a model that is gone, or that reads another input now: they stay.' })
  refused: RefusedAnswer[];
}

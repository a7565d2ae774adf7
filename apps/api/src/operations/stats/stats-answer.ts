import { Field } from '../../documented.js';

const COUNT = { type: 'integer', minimum: 0, varies: true, examples: [4] } as const;
const BYTES = { type: 'integer', minimum: 0, varies: true, examples: [81_920] } as const;
const INSTANT = { type: 'string', format: 'date-time', varies: true, examples: ['2026-11-21T12:37:05.000Z'] } as const;
const SECONDS = { type: 'number', minimum: 0, varies: true, examples: [0.2] } as const;

class StoredAnswer {
  @Field({ ...COUNT, description: 'Lines acknowledged, exactly: a repeat of an Idempotency-Key is none.' })
  lines: number;

  @Field({ ...COUNT, examples: [92], description: 'Of their text, without line ends.' })
  bytes: number;

  @Field({ ...INSTANT, nullable: true, description: 'Counting began then; null = with the first line.' })
  since: string | null;
}

class HeldAnswer {
  @Field({ ...COUNT, nullable: true, description: "The planner's estimate of the rows of its table; null before the first ANALYZE." })
  estimated_rows: number | null;

  @Field({ ...BYTES, description: 'On disk, with indexes.' })
  bytes: number;
}

class RejectedAnswer {
  @Field({ ...COUNT, description: 'POSTs refused because of their lines, by this process.' })
  requests: number;

  @Field({ ...COUNT, description: 'The lines at fault in them.' })
  lines: number;

  @Field({ ...INSTANT, nullable: true })
  last_at: string | null;

  @Field({ ...INSTANT, description: 'This process started then.' })
  since: string;
}

class CountedAnswer {
  @Field(COUNT)
  rows: number;

  @Field({ type: 'boolean', description: 'False = at least so many.' })
  exact: boolean;
}

class BacklogAnswer {
  @Field({ ...COUNT, description: 'Stored, and taken by no run yet.' })
  lines: number;

  @Field({ type: 'boolean', description: 'False = at least so many.' })
  exact: boolean;
}

class FreshnessAnswer {
  @Field({ ...INSTANT, nullable: true, description: 'When the newest line was received; null = no line yet.' })
  newest_at: string | null;

  @Field({ ...SECONDS, nullable: true })
  age_seconds: number | null;

  @Field({ type: 'string', enum: ['passed', 'warned', 'failed', 'error'], description: 'Against the limits in the file of the source; passed when there are none.' })
  outcome: string;

  @Field({ type: 'string', nullable: true })
  message: string | null;
}

class SourceAnswer {
  @Field({ type: 'string', examples: ['bronze.raw_readings'] })
  source: string;

  @Field({ type: 'string', examples: ['POST /data'] })
  route: string;

  @Field({ of: StoredAnswer })
  stored: StoredAnswer;

  @Field({ of: HeldAnswer })
  held: HeldAnswer;

  @Field({ of: RejectedAnswer })
  rejected: RejectedAnswer;

  @Field({ of: CountedAnswer, description: 'Its lines that lie in quarantine now.' })
  quarantined: CountedAnswer;

  @Field({ of: BacklogAnswer })
  backlog: BacklogAnswer;

  @Field({ ...SECONDS, description: 'How long the oldest line of the backlog has been waiting; 0 without a backlog.' })
  lag_seconds: number;

  @Field({ of: FreshnessAnswer })
  freshness: FreshnessAnswer;
}

class LastSuccessAnswer {
  @Field({ ...COUNT, examples: [42], description: 'GET /runs/:id tells more.' })
  id: number;

  @Field({ ...COUNT, examples: [42] })
  run_id: number;

  @Field(INSTANT)
  finished_at: string;

  @Field({ type: 'number', nullable: true, varies: true, examples: [12.5] })
  duration_ms: number | null;

  @Field({ ...COUNT, description: 'New bronze rows it took.' })
  rows_in: number;

  @Field({ type: 'boolean', description: 'More was waiting than one run takes.' })
  cut: boolean;
}

class LastFailureAnswer {
  @Field({ ...COUNT, examples: [41] })
  id: number;

  @Field(INSTANT)
  finished_at: string;

  @Field({ type: 'string' })
  model: string;

  @Field({ type: 'string' })
  message: string;

  @Field({ type: 'integer', minimum: 1, description: 'How often it failed in the same way.' })
  attempts: number;

  @Field({ type: 'boolean', description: 'No run has succeeded since.' })
  is_open: boolean;
}

class DatasetAnswer {
  @Field({ type: 'string', examples: ['sensor'] })
  dataset: string;

  @Field({ type: 'boolean', description: 'The files of this process are those that the database was made by.' })
  applied: boolean;

  @Field({ type: 'string', nullable: true, description: 'Why it is not kept up to date right now, as this process sees it.', enum: ['timeout', 'failing', 'backlog', 'not-applied', 'unavailable', 'stopping', null] })
  stands_still: string | null;

  @Field({ type: 'integer', nullable: true, varies: true, examples: [42], description: 'Of the last run or publication; null before the first.' })
  run_id: number | null;

  @Field({ ...INSTANT, nullable: true, description: 'When the watermark last moved.' })
  watermark_at: string | null;

  @Field({ of: LastSuccessAnswer, nullable: true })
  last_success: LastSuccessAnswer | null;

  @Field({ of: LastFailureAnswer, nullable: true })
  last_failure: LastFailureAnswer | null;

  @Field({ of: [SourceAnswer] })
  sources: SourceAnswer[];
}

/** How every dataset is doing. */
export class StatsAnswer {
  @Field(INSTANT)
  at: string;

  @Field({ of: [DatasetAnswer] })
  datasets: DatasetAnswer[];
}

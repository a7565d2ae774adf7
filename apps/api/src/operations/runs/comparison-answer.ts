import type { JsonDocument } from '@ingot/datasets';
import type { RunComparison } from '@ingot/models';
import { Field } from '../../documented.js';

class FigureAnswer {
  @Field({ type: 'number', nullable: true, varies: true, examples: [4] })
  a: number | null;

  @Field({ type: 'number', nullable: true, varies: true, examples: [8] })
  b: number | null;

  @Field({ type: 'number', nullable: true, varies: true, examples: [1], description: '(b - a) / a; null when there is nothing to divide by.' })
  change: number | null;
}

class StepComparisonAnswer {
  @Field({ type: 'string', examples: ['silver.stg_readings'] })
  model: string;

  @Field({ of: FigureAnswer, description: 'Rows written and deleted.' })
  rows: FigureAnswer;

  @Field({ of: FigureAnswer })
  duration_ms: FigureAnswer;
}

class AnomalyAnswer {
  @Field({ type: 'string', enum: ['rows_changed', 'slow', 'empty_success', 'quarantined', 'failed'] })
  kind: 'rows_changed' | 'slow' | 'empty_success' | 'quarantined' | 'failed';

  @Field({ type: 'string', optional: true, description: 'Absent when it is about the whole run.' })
  model?: string;

  @Field({ type: 'string' })
  detail: string;
}

/** Two runs side by side, for each run of a record that stands for several. */
export class ComparisonAnswer implements JsonDocument<RunComparison> {
  @Field({ type: 'integer', varies: true, examples: [1] })
  a: number;

  @Field({ type: 'integer', varies: true, examples: [2] })
  b: number;

  @Field({ type: 'boolean', description: 'Both ran the same code: rows differ because the data does.' })
  same_code: boolean;

  @Field({ of: FigureAnswer })
  rows_in: FigureAnswer;

  @Field({ of: FigureAnswer })
  duration_ms: FigureAnswer;

  @Field({ type: 'number', nullable: true, varies: true, examples: [12.5], description: 'Of the runs before b.' })
  median_ms: number | null;

  @Field({ of: [StepComparisonAnswer], description: "In the order of b's steps, then what only a had." })
  steps: StepComparisonAnswer[];

  @Field({ of: [AnomalyAnswer], description: 'What is odd about b.' })
  anomalies: AnomalyAnswer[];
}

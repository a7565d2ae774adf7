import { IsIn, IsOptional } from 'class-validator';
import { Field } from '../../documented.js';
import { PlainText, WholeNumber } from '../request-rules.js';

export class RunsQuery {
  @Field({ description: 'Only runs of this dataset.', examples: ['sensor'] })
  @PlainText()
  @IsOptional()
  dataset?: string;

  @Field({ description: 'Only those.', examples: ['succeeded'] })
  @IsIn(['succeeded', 'failed'], { message: 'must be succeeded or failed' })
  @IsOptional()
  status?: 'succeeded' | 'failed';

  @Field({ description: 'Only records older than the one with this id: the next page, as the header Link says it.' })
  @WholeNumber(1)
  @IsOptional()
  before?: number;

  @Field({ description: 'How many at most.', default: 20 })
  @WholeNumber(1, 500)
  @IsOptional()
  limit?: number;
}

export class RunParams {
  @Field({ description: 'Of the record, as GET /runs lists it.', examples: [1] })
  @WholeNumber(1)
  id: number;
}

export class CompareQuery {
  @Field({ description: 'Id of the earlier run.', examples: [1] })
  @WholeNumber(1)
  a: number;

  @Field({ description: 'Id of the later run.', examples: [2] })
  @WholeNumber(1)
  b: number;

  @Field({ description: 'How many runs before the later one say what is usual.', default: 20 })
  @WholeNumber(1, 1_000)
  @IsOptional()
  last?: number;
}

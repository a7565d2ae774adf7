import { IsIn, IsOptional } from 'class-validator';
import { Field } from '../../documented.js';
import { PlainText } from '../request-rules.js';

export class LineageQuery {
  @Field({ description: 'A model, source, seed or endpoint, or a column of one; everything when none is given.', examples: ['mart_daily_power.metric_value'] })
  @PlainText()
  @IsOptional()
  name?: string;

  @Field({ description: 'upstream = what it is made of, downstream = what is made of it; both when not given.', examples: ['upstream'] })
  @IsIn(['upstream', 'downstream'], { message: 'must be upstream or downstream' })
  @IsOptional()
  direction?: 'upstream' | 'downstream';
}

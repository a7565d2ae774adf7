import { IsOptional } from 'class-validator';
import { Field } from '../../documented.js';
import { PlainText } from '../request-rules.js';

export class ModelsQuery {
  @Field({ description: 'Only models of this dataset.', examples: ['sensor'] })
  @PlainText()
  @IsOptional()
  dataset?: string;
}

export class ModelParams {
  @Field({ description: 'With its schema, or without when only one model has that name.', examples: ['stg_readings'] })
  @PlainText()
  name: string;
}

import { ArrayMaxSize, ArrayNotEmpty, Equals, IsArray, IsInt, IsOptional, Max, Min } from 'class-validator';
import { Field } from '../../documented.js';
import { MOST, PlainText, RelationName, WholeNumber } from '../request-rules.js';

export class QuarantineQuery {
  @Field({ description: 'Only entries of this dataset.', examples: ['sensor'] })
  @PlainText()
  @IsOptional()
  dataset?: string;

  @Field({ description: 'Only entries of this model, also of one that is gone.', examples: ['silver.stg_readings'] })
  @RelationName()
  @IsOptional()
  model?: string;

  @Field({ description: 'The name of a data test they failed, or the SQLSTATE of what the SQL said.', examples: ['22P02'] })
  @PlainText()
  @IsOptional()
  reason?: string;
}

export class EntriesQuery extends QuarantineQuery {
  @Field({ description: 'Only entries older than the one with this id: the next page, as the header Link says it.' })
  @WholeNumber(1)
  @IsOptional()
  before?: number;

  @Field({ description: 'How many at most.', default: 20 })
  @WholeNumber(1, 500)
  @IsOptional()
  limit?: number;
}

export class EntryParams {
  @Field({ description: 'As the lists number it.', examples: [1] })
  @WholeNumber(1)
  id: number;
}

const IDS = 'must be a list of 1 to 10000 ids, each a whole number from 1';

/** Just one of ids, model and all. */
export class ReplayRequest {
  @Field({ description: 'Only entries of this dataset.', examples: ['sensor'] })
  @PlainText()
  @IsOptional()
  dataset?: string;

  @Field({ type: 'array', items: { type: 'integer', minimum: 1 }, minItems: 1, maxItems: 10_000, description: 'These entries.', examples: [[17, 18]] })
  @IsArray({ message: IDS })
  @ArrayNotEmpty({ message: IDS })
  @ArrayMaxSize(10_000, { message: IDS })
  @IsInt({ each: true, message: IDS })
  @Min(1, { each: true, message: IDS })
  @Max(MOST, { each: true, message: IDS })
  @IsOptional()
  ids?: number[];

  @Field({ description: 'All entries of this model.', examples: ['silver.stg_readings'] })
  @RelationName()
  @IsOptional()
  model?: string;

  @Field({ type: 'boolean', const: true, description: 'All entries.' })
  @Equals(true, { message: 'must be true or left out' })
  @IsOptional()
  all?: true;
}

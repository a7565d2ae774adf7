import type { DatasetLineage, JsonDocument, Trace } from '@ingot/datasets';
import { Field } from '../../documented.js';

type Kind = 'same' | 'computed' | 'condition';
const KINDS = { type: 'string', enum: ['same', 'computed', 'condition'] } as const;

class SourceColumnAnswer {
  @Field({ type: 'string', examples: ['bronze.raw_readings'] })
  relation: string;

  @Field({ type: 'string', examples: ['line'], description: '`*` for a row taken whole whose columns no file names.' })
  column: string;

  @Field({ ...KINDS, description: 'The value as it is, computed from it, or which rows there are depends on it.' })
  kind: Kind;
}

class LineageColumnAnswer {
  @Field({ type: 'string' })
  name: string;

  @Field({ type: 'string', optional: true, description: 'As the files say it; absent when they do not.' })
  data_type?: string;

  @Field({ of: [SourceColumnAnswer] })
  from: SourceColumnAnswer[];
}

class NodeAnswer {
  @Field({ type: 'string', examples: ['silver.stg_readings'], description: 'Of an endpoint its route, of a query test its file.' })
  name: string;

  @Field({ type: 'string', enum: ['source', 'seed', 'view', 'table', 'incremental', 'endpoint', 'test'] })
  kind: 'source' | 'seed' | 'view' | 'table' | 'incremental' | 'endpoint' | 'test';

  @Field({ type: 'string' })
  file: string;

  @Field({ type: 'array', items: { type: 'string' } })
  reads: string[];

  @Field({ of: [LineageColumnAnswer] })
  columns: LineageColumnAnswer[];

  @Field({ type: 'boolean', description: 'False when a `*` hides columns that only the database knows.' })
  complete: boolean;
}

class DatasetLineageAnswer implements JsonDocument<DatasetLineage> {
  @Field({ type: 'string', examples: ['sensor'] })
  dataset: string;

  @Field({ of: [NodeAnswer], description: 'Each after what it reads.' })
  nodes: NodeAnswer[];
}

class ReachedAnswer {
  @Field({ type: 'string' })
  node: string;

  @Field({ type: 'string', optional: true })
  column?: string;

  @Field({ ...KINDS, optional: true, description: 'Of the strongest way; absent between nodes as a whole.' })
  kind?: Kind;

  @Field({ type: 'integer', minimum: 1, description: 'Edges on the shortest way.' })
  distance: number;
}

/** Without a name `datasets`; with one the others. */
export class LineageAnswer implements Partial<JsonDocument<Trace>> {
  @Field({ of: [DatasetLineageAnswer], optional: true, description: 'Everything: when no name is given.' })
  datasets?: DatasetLineageAnswer[];

  @Field({ type: 'string', optional: true, description: 'What the name means.' })
  node?: string;

  @Field({ type: 'string', optional: true })
  column?: string;

  @Field({ of: [ReachedAnswer], optional: true, description: 'What it is made of, nearest first.' })
  upstream?: ReachedAnswer[];

  @Field({ of: [ReachedAnswer], optional: true, description: 'What is made of it, nearest first.' })
  downstream?: ReachedAnswer[];
}

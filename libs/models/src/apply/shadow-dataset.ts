import type { DataTest, Dataset, Model, Query, Seed } from '@ingot/datasets';
import { bareName, joinedName, schemaOf } from '../sql-names.js';

/** Where a dataset's shadows stand: one schema beside each of its own, so that tables and indexes keep their names. */
export interface Area {
  /** The schema's name begins so, e.g. `ingot_shadow_sensor`. */
  readonly prefix: string;
}

export function shadowArea(dataset: string): Area {
  return { prefix: `ingot_shadow_${dataset}` };
}

/** Where a plan tries things out in a transaction that it rolls back. */
export function trialArea(dataset: string): Area {
  return { prefix: `ingot_plan_${dataset}` };
}

/** Where the tables of before stand until nothing reads them any more, inside the publishing transaction. */
export function replacedArea(dataset: string): Area {
  return { prefix: `ingot_replaced_${dataset}` };
}

/** The schema beside one of the dataset's own. */
export function schemaIn(area: Area, schema: string): string {
  return joinedName(area.prefix, schema);
}

/** `silver.stg` -> `ingot_shadow_sensor_silver.stg`. */
export function relationIn(area: Area, relation: string): string {
  return `${schemaIn(area, schemaOf(relation))}.${bareName(relation)}`;
}

/**
 * The dataset with some of its relations in another area: everything that reads them, in SELECTs and headers, reads
 * them there. Positions in the files stay as they are, so errors name the author's text.
 * @param moved models and seeds that stand in the area
 */
export function inArea(dataset: Dataset, moved: ReadonlySet<string>, area: Area): Dataset {
  const named = (relation: string): string => (moved.has(relation) ? relationIn(area, relation) : relation);
  return {
    ...dataset,
    models: dataset.models.map((model) => modelIn(model, named)),
    seeds: dataset.seeds.map((seed): Seed => ({ ...seed, relation: named(seed.relation), dataTests: seed.dataTests.map((test) => testIn(test, named)) })),
    dataTests: dataset.dataTests.map((test) => ({ ...test, query: queryIn(test.query, named) })),
  };
}

function modelIn(model: Model, named: (relation: string) => string): Model {
  return {
    ...model,
    relation: named(model.relation),
    incrementOn: model.incrementOn.map(named),
    lookups: model.lookups.map(named),
    touchKey: model.touchKey.map(({ column, from }) => ({ column, from: Object.fromEntries(Object.entries(from).map(([relation, source]) => [named(relation), source])) })),
    dataTests: model.dataTests.map((test) => testIn(test, named)),
    query: queryIn(model.query, named),
  };
}

function testIn(test: DataTest, named: (relation: string) => string): DataTest {
  const moved = { ...test, relation: named(test.relation) };
  return moved.kind === 'relationships' ? { ...moved, to: named(moved.to) } : moved;
}

function queryIn(query: Query, named: (relation: string) => string): Query {
  const mentions = query.mentions.map((mention) => {
    const relation = named(mention.relation);
    return relation === mention.relation ? mention : { ...mention, relation, renamed: true };
  });
  return { ...query, mentions };
}

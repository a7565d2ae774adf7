import type { Dataset, Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { Step } from '../step.js';
import { columnName } from '../sql-names.js';

/** The reason in quarantine of a row whose month is gone. */
export const BEYOND_RETENTION = 'beyond_retention';

/** By model: the first day that is kept, `2030-01-01`; what lies before it was dropped. */
export type Floors = ReadonlyMap<string, string>;

/** What retention has dropped of a dataset's models. Asks nothing where no model has months. */
export async function readFloors(client: Client | Connection, { name, models }: Pick<Dataset, 'name' | 'models'>): Promise<Floors> {
  if (!models.some(({ partitionBy }) => partitionBy !== undefined)) return new Map();
  const { rows } = await client.query<{ relation: string; below: string }>(`select relation, to_char(below, 'YYYY-MM-DD') as below from ingot.partition_floors where dataset = $1`, [name]);
  return new Map(rows.map(({ relation, below }) => [relation, below]));
}

/**
 * The step with one rule more: a late row of a month that was dropped goes to quarantine. It would stand alone where its
 * whole month was, and what reads the table would take it for all there is.
 */
export function withFloor(step: Step, floors: Floors): Step {
  const { model, rowWise } = step;
  const below = floors.get(model.relation);
  if (below === undefined || rowWise === undefined || model.partitionBy === undefined) return step;
  const rule = {
    kind: 'in_range' as const,
    name: BEYOND_RETENTION,
    relation: model.relation,
    column: model.partitionBy.column,
    min: below,
    place: { file: model.file, line: 1, column: 1 },
    onFail: 'quarantine' as const,
    errorAbove: 0,
    warnAbove: 0,
  };
  return { ...step, rowWise: { ...rowWise, rules: [...rowWise.rules, rule] } };
}

/**
 * A condition for touched keys that may be computed anew: the rows of a key lie in one month, and when that month is gone
 * the key keeps the values it had. Undefined when nothing was dropped.
 * @param input the relation whose columns the condition is on
 */
export function notBelowFloors(model: Model, input: string, floors: Floors, models: ReadonlyMap<string, string>): string | undefined {
  const conditions = model.incrementOn.flatMap((relation) => {
    const below = floors.get(relation);
    if (below === undefined) return [];
    return model.touchKey.flatMap(({ from }) => {
      const [own, column] = [from[relation], from[input]];
      if (own === undefined || own !== models.get(relation) || column === undefined) return [];
      return [`(${columnName(column)} >= '${below}' or ${columnName(column)} is null)`];
    });
  });
  return conditions.length === 0 ? undefined : conditions.join(' and ');
}

import type { Dataset } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { Look } from './look.js';
import { relationIn, shadowArea } from './shadow-dataset.js';

/** What a rebuild finds out too late to have planned for: these models have other rows than the plan took them to have. */
export class UnevenRows extends Error {
  override readonly name = 'UnevenRows';

  constructor(readonly relations: readonly string[]) {
    super(`${relations.join(', ')}: other rows are put aside than before`);
  }
}

/**
 * Models of which only columns come or go, so that what reads them was left alone, but whose shadow puts other input
 * rows aside than the live table has: then it has other rows, and its readers count some that are gone or miss some.
 * @param isFull false as long as the shadow may be behind the live table: what it has not taken it has not put aside
 * @param history as historyOf gives it: an entry whose line is gone stays, whatever the shadow does
 */
export async function findUneven(client: Client | Connection, dataset: Dataset, { decisions }: Look, history: ReadonlyMap<string, bigint | null>, isFull: boolean): Promise<string[]> {
  const uneven: string[] = [];
  for (const { model, fate, rebuild } of decisions) {
    if (fate.kind !== 'columns' || !rebuild) continue;
    const [input] = model.incrementOn;
    const lowest = input === undefined ? null : (history.get(input) ?? null);
    // A line is known by its id and xid, a row of a model by all it says.
    const entry = 'input_id, input_xid, case when input_id is null then input_row end as input_row';
    const built = `select ${entry} from ingot.shadow_quarantine where dataset = $1 and model = $2`;
    const live = `select ${entry} from ingot.quarantine where dataset = $1 and model = $3 and (input_xid is null or $4::bigint is null or input_xid >= $4::bigint)`;
    const { rowCount } = await client.query(
      `(${built} except all ${live})${isFull ? ` union all (${live} except all ${built})` : ''} limit 1`,
      [dataset.name, relationIn(shadowArea(dataset.name), model.relation), model.relation, lowest?.toString() ?? null],
    );
    if (rowCount !== 0) uneven.push(model.relation);
  }
  return uneven;
}

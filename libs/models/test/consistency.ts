import type { Dataset } from '@ingot/datasets';
import type { QueryResultRow } from 'pg';

interface Database {
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
}

/** For each model whose rows differ from what its SELECT gives when it is run as it stands: how many differ. */
export async function differences(db: Database, dataset: Dataset): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { relation, query } of dataset.models) {
    const columns = (
      await db.query<{ name: string }>(
        `select quote_ident(attname) as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped and attname <> '_run_id' order by attnum`,
        [relation],
      )
    ).map(({ name }) => name);
    const stored = `select ${columns.join(', ')} from ${relation}`;
    const computed = `select ${columns.join(', ')} from (${query.text}) as q`;
    const [row] = await db.query<{ n: number }>(
      `select count(*)::int as n from ((${stored} except all (${computed})) union all (${computed} except all (${stored}))) as d`,
    );
    if (row?.n !== 0) found[relation] = row?.n ?? -1;
  }
  return found;
}

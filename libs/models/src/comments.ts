import type { Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import pg, { type Client } from 'pg';
import { columnName, relationName } from './sql-names.js';

/** Puts the header's descriptions on the relation and its columns; what is as it should be is not touched. */
export async function syncComments(client: Client | Connection, model: Pick<Model, 'relation' | 'materialized' | 'description' | 'columns'>): Promise<void> {
  const { rows } = await client.query<{ column: string | null; comment: string | null }>(
    `select null as "column", obj_description($1::regclass, 'pg_class') as comment
     union all
     select attname, col_description(attrelid, attnum) from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
    [relationName(model.relation)],
  );
  const present = new Map(rows.map(({ column, comment }) => [column, comment]));
  const wanted = new Map<string | null, string | null>([[null, model.description === '' ? null : model.description]]);
  for (const { name, description } of model.columns) wanted.set(name, description ?? null);
  for (const [column, comment] of wanted) {
    if (present.get(column) === comment) continue;
    const what = column === null ? `${model.materialized === 'view' ? 'view' : 'table'} ${relationName(model.relation)}` : `column ${relationName(model.relation)}.${columnName(column)}`;
    await client.query(`comment on ${what} is ${comment === null ? 'null' : pg.escapeLiteral(comment)}`);
  }
}

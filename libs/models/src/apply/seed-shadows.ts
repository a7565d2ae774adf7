import type { Dataset, Seed } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { columnName, relationName } from '../sql-names.js';

/** Makes and fills the tables of seeds in an area, for the shadows that read them. */
export async function makeSeedShadows(client: Client | Connection, moved: Dataset, relations: readonly string[]): Promise<void> {
  for (const seed of moved.seeds) if (relations.includes(seed.relation)) await makeOne(client, seed);
}

async function makeOne(client: Client | Connection, { relation, columns, rows }: Seed): Promise<void> {
  const table = relationName(relation);
  await client.query(`create table ${table} (${columns.map(({ name, dataType }) => `${columnName(name)} ${dataType}`).join(', ')})`);
  const values = columns.map(({ dataType }, i) => `(r ->> ${i})::${dataType}`).join(', ');
  await client.query(`insert into ${table} select ${values} from jsonb_array_elements($1::jsonb) as r`, [JSON.stringify(rows)]);
}

import type { Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { relationName } from './sql-names.js';

/** Whether this database can spread tables over several servers. */
export async function hasCitus(client: Client | Connection): Promise<boolean> {
  return ((await client.query(`select from pg_extension where extname = 'citus'`)).rowCount ?? 0) > 0;
}

/**
 * Spreads the empty table of a model with `distributed_by` over the servers of Citus, by the values of that column; where
 * there is no Citus the table stays whole. Only tables that row-wise models write: bronze, the watermark, sums and gold are
 * on the coordinator, whose transaction ids are the ones that runs count by. A watermark over a distributed bronze was seen
 * to lose rows.
 */
export async function distribute(client: Client | Connection, { relation, distributedBy }: Pick<Model, 'relation' | 'distributedBy'>): Promise<void> {
  if (distributedBy === undefined || !(await hasCitus(client))) return;
  await client.query('select pg_catalog.create_distributed_table($1::text::regclass, $2)', [relationName(relation), distributedBy]);
}

/** What becomes of `distributed_by`, to follow the model's name in a plan; undefined without one. */
export function distributionNote({ distributedBy }: Pick<Model, 'distributedBy'>, citus: boolean): string | undefined {
  if (distributedBy === undefined) return undefined;
  return citus ? `spread over the servers of Citus by ${distributedBy}` : `distributed_by ${distributedBy}: this database has no extension citus, so the table stays whole`;
}

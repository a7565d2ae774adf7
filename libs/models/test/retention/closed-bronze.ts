import { listPartitions } from '../../src/bronze-partitions.js';
import { closedPartitions } from '../../src/retention/closed-partitions.js';
import type { Dataset } from '@ingot/datasets';
import type { LiveProject } from '../apply/live-project.js';

/**
 * Ends the partition of bronze.raw that is being written to, as if a day had passed, and runs until every mark is past it.
 * @param days how long ago its lines were received
 * @returns its name
 */
export async function closePartition(project: Pick<LiveProject, 'db' | 'client' | 'runAll'>, dataset: Dataset, days = 0): Promise<string> {
  const { db, client } = project;
  const counter = async (): Promise<bigint> => BigInt((await db.query<{ now: string }>('select pg_snapshot_xmax(pg_current_snapshot())::text::bigint + xid_base as now from ingot.cluster'))[0]!.now);
  const now = await counter();
  const current = (await listPartitions(client, 'bronze.raw')).ranges.find(({ lower, upper }) => (lower === null || lower <= now) && now < upper)!;
  await db.query('begin');
  await db.query(`alter table bronze.raw detach partition bronze.${current.name}`);
  const cut = (await counter()) + 1n;
  await db.query(`alter table bronze.raw attach partition bronze.${current.name} for values from (${current.lower === null ? 'minvalue' : `'${current.lower}'`}) to ('${cut}')`);
  await db.query(`create table bronze.raw_p${cut} partition of bronze.raw for values from ('${cut}') to ('${current.upper}')`);
  await db.query(`update bronze.${current.name} set received_at = now() - make_interval(days => $1)`, [days]);
  await db.query('commit');
  // Transactions in other databases of the server hold the watermark back, too.
  for (;;) {
    await db.query('select txid_current()');
    await project.runAll(dataset);
    if ((await closedPartitions(client, dataset.name, 'bronze.raw')).some(({ name }) => name === current.name)) return current.name;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

import type { Dataset, Model } from '@ingot/datasets';
import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { tryPlanLock } from '../apply/plan-row.js';
import { listPartitions, type Partition } from '../bronze-partitions.js';
import { tryLock } from '../dataset-lock.js';
import { relationName } from '../sql-names.js';
import { closedPartitions, factsOf, isPlanOpen } from './closed-partitions.js';
import { checksumOf } from './line-checksum.js';
import { listMonths, partitionOf, type MonthPartition } from './months.js';
import { lockPatiently } from './patient-lock.js';

type Session = Client | Connection;

/** The archive and the table say different things: nothing is dropped. */
export class ArchiveMismatch extends Error {
  override readonly name = 'ArchiveMismatch';
}

/** Takes tables whole, with nobody running, computing anew or restoring meanwhile. */
export async function lockAlone(client: Session, dataset: string, tables: readonly string[]): Promise<void> {
  await lockPatiently(client, tables, async () => (await tryLock(client, dataset)) && (await tryPlanLock(client, dataset)) && !(await isPlanOpen(client, dataset)));
}

/**
 * Drops a closed partition of a bronze table.
 *
 * Where an archive is asked for, the rows are compared with it once more, in the transaction that drops them and under a
 * lock that keeps everybody from writing to the partition, which nobody does.
 * @returns false when it may not go: it is not closed, or was dropped already
 * @throws ArchiveMismatch; 55P03 when somebody always worked with the table
 */
export async function dropBronzePartition(client: Session, dataset: string, relation: string, partition: Partition, needsArchive: boolean): Promise<boolean> {
  const table = relationName(`bronze.${partition.name}`);
  return inTransaction(client, 'isolation level read committed', async () => {
    const facts = await factsOf(client, relation, partition);
    if (needsArchive) {
      if (facts.archive === undefined) return false;
      await client.query(`set local lock_timeout = '1s'; lock table only ${table} in share mode; set local lock_timeout = 0`);
      const { rows, checksum } = await checksumOf(client, table);
      if (rows !== facts.rows || checksum !== facts.archive.checksum) {
        throw new ArchiveMismatch(`bronze.${partition.name} holds ${rows} lines with the checksum ${checksum}, its archive ${facts.archive.file} ${facts.rows} with ${facts.archive.checksum}: archive it again`);
      }
    }
    const { rest } = await listPartitions(client, relation);
    await lockAlone(client, dataset, [relationName(relation), table, ...(rest === undefined ? [] : [relationName(`bronze.${rest}`)])]);
    // What was true before the lock may have changed while it was waited for.
    if (!(await closedPartitions(client, dataset, relation)).some(({ name, upper }) => name === partition.name && upper === partition.upper)) return false;
    await client.query(`alter table ${relationName(relation)} detach partition ${table}; drop table ${table}`);
    await client.query('update ingot.bronze_partitions set dropped_at = now(), keep_until = null where relation = $1 and upper = $2', [relation, partition.upper.toString()]);
    return true;
  });
}

/**
 * Drops a month of a model's table. From then on its late rows are put aside, and what is kept of what was read before
 * is another one: pages and caches begin anew.
 * @throws 55P03 when somebody always worked with the table
 */
export async function dropMonth(client: Session, { name: dataset }: Pick<Dataset, 'name'>, { relation }: Pick<Model, 'relation'>, { name, to }: MonthPartition): Promise<void> {
  await inTransaction(client, 'isolation level read committed', async () => {
    const table = partitionOf(relation, name);
    const rest = (await listMonths(client, relation))?.rest;
    if (rest === undefined) return;
    await lockAlone(client, dataset, [relationName(relation), table, partitionOf(relation, rest)]);
    await client.query(`alter table ${relationName(relation)} detach partition ${table}; drop table ${table}`);
    await client.query(
      `insert into ingot.partition_floors as f (dataset, relation, below) values ($1, $2, $3)
       on conflict (dataset, relation) do update set below = greatest(f.below, excluded.below), dropped_at = now()`,
      [dataset, relation, to],
    );
    await client.query('update ingot.datasets set publication = publication + 1 where name = $1', [dataset]);
  });
}

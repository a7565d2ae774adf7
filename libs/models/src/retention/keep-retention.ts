import type { Dataset, Model, Source } from '@ingot/datasets';
import { inTransaction, sqlState, SQLSTATE, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { Partition } from '../bronze-partitions.js';
import { tryPlanLock } from '../apply/plan-row.js';
import { kindOf } from '../catalog.js';
import { tryLock } from '../dataset-lock.js';
import { closedPartitions, factsOf, type PartitionFacts } from './closed-partitions.js';
import { ArchiveMismatch, dropBronzePartition, dropMonth } from './drop-partition.js';
import { keepMonths } from './fill-months.js';
import { listMonths } from './months.js';

type Session = Client | Connection;

export interface RetentionReport {
  /** Partitions of months that were made. */
  readonly monthsMade: readonly string[];
  /** Partitions whose time was over, `bronze.raw_p17`, `silver.stg_p2030_01`. */
  readonly dropped: readonly string[];
  /** Partitions whose time is over, and that wait for an archive. */
  readonly unarchived: readonly string[];
  /** Tables that were in use; the next call goes on. */
  readonly putOff: readonly string[];
  /** What differs from its archive and therefore stays, in words. */
  readonly mismatches: readonly string[];
}

type Report = { -readonly [Key in keyof RetentionReport]: string[] };

/**
 * Makes the months that tables lack and drops what is past retention, by files that are applied. One instance at a
 * time does it, under the dataset's lock; nobody waits for it longer than some ms, see lockPatiently().
 */
export async function keepRetention(client: Session, dataset: Dataset): Promise<RetentionReport> {
  const report: Report = { monthsMade: [], dropped: [], unarchived: [], putOff: [], mismatches: [] };
  const patiently = async (relation: string, work: () => Promise<void>): Promise<void> => {
    try {
      if ((await kindOf(client, relation)) === 'table') await work();
    } catch (error) {
      if (error instanceof ArchiveMismatch) report.mismatches.push(error.message);
      else if (sqlState(error) === SQLSTATE.lockNotAvailable) report.putOff.push(relation);
      else throw error;
    }
  };
  for (const model of dataset.models) {
    if (model.partitionBy === undefined) continue;
    await patiently(model.relation, async () => {
      await inTransaction(client, 'isolation level read committed', async () => {
        // Rows that move are hidden from who has an older snapshot: not in the rest any more, by the bounds, and not yet in
        // the month. A chunk of a rebuild would leave them out for good; a run finds the row changed, and starts again.
        if (!(await tryLock(client, dataset.name)) || !(await tryPlanLock(client, dataset.name))) return;
        const made = await keepMonths(client, model);
        if (made.length > 0) await client.query('update ingot.datasets set publication = publication where name = $1', [dataset.name]);
        report.monthsMade.push(...made);
      });
      await dropExpiredMonths(client, dataset, model, report);
    });
  }
  for (const source of dataset.sources) await patiently(source.relation, () => dropExpiredLines(client, dataset.name, source, report));
  return report;
}

async function dropExpiredMonths(client: Session, dataset: Dataset, model: Model, report: Report): Promise<void> {
  if (model.retention === undefined) return;
  const { rows } = await client.query<{ cutoff: string }>(`select to_char(now() - make_interval(secs => $1), 'YYYY-MM-DD') as cutoff`, [model.retention.keepMs / 1_000]);
  for (const month of (await listMonths(client, model.relation))?.months ?? []) {
    if (month.to > rows[0]!.cutoff) break;
    await dropMonth(client, dataset, model, month);
    report.dropped.push(`silver.${month.name}`);
  }
}

async function dropExpiredLines(client: Session, dataset: string, { relation, retention }: Source, report: Report): Promise<void> {
  if (retention === undefined) return;
  for (const { partition, facts } of await expiredPartitions(client, dataset, relation, retention.keepMs)) {
    const isRequired = retention.archive === 'required';
    if (isRequired && facts.archive === undefined) {
      report.unarchived.push(`bronze.${partition.name}`);
      return; // what is younger stays too: there are no gaps in what is kept
    }
    if (!(await dropBronzePartition(client, dataset, relation, partition, isRequired))) return;
    report.dropped.push(`bronze.${partition.name}`);
  }
}

/**
 * The oldest partitions of a bronze table whose newest line is older than so long, without a gap. An empty one goes with
 * the next that has lines: alone it would only make the table look as if lines had been dropped.
 */
export async function expiredPartitions(client: Session, dataset: string, relation: string, keepMs: number): Promise<{ partition: Partition; facts: PartitionFacts }[]> {
  const { rows } = await client.query<{ now: Date }>('select now() as now');
  const now = rows[0]!.now.getTime();
  const expired: { partition: Partition; facts: PartitionFacts }[] = [];
  for (const partition of await closedPartitions(client, dataset, relation)) {
    const facts = await factsOf(client, relation, partition);
    const isYoung = facts.receivedTo !== null && !(facts.receivedTo.getTime() < now - keepMs);
    if (isYoung || (facts.keepUntil !== null && facts.keepUntil.getTime() > now)) break;
    expired.push({ partition, facts });
  }
  while (expired.at(-1)?.facts.rows === 0) expired.pop();
  return expired;
}

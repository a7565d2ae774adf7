import type { Dataset } from '@ingot/datasets';
import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { attachPartition, dayWidth, listPartitions, makeAhead } from './bronze-partitions.js';
import { isApplied } from './apply.js';
import { dropIdlePlan } from './apply/plan-row.js';
import { tryLock, withLock } from './dataset-lock.js';
import { absorbDefault } from './default-partition.js';
import { mergeRuns } from './run-history/merge-runs.js';
import { keepRetention, type RetentionReport } from './retention/keep-retention.js';
import { sumUpFlushes } from './stats/source-counts.js';
import { relationName } from './sql-names.js';
import { keepVacuumAway } from './vacuum-settings.js';
import { readState } from './watermark.js';

export interface MaintenanceOptions {
  /** Days that records of finished runs stay. */
  readonly historyDays: number;
}

export interface MaintenanceReport extends RetentionReport {
  readonly partitionsMade: readonly string[];
  /** Ranges made of a default partition that held rows: the counter overtook the partitions made ahead. An alarm. */
  readonly absorbed: readonly string[];
  /** True when a rebuild that nobody has gone on with for a day was dropped, with what it had built. */
  readonly shadowsDropped: boolean;
  readonly flushesDeleted: number;
  readonly keysDeleted: number;
  readonly runsDeleted: number;
  /** Records of uneventful runs that were added to another. */
  readonly runsMerged: number;
}

const NOTHING_LEFT: RetentionReport = { monthsMade: [], dropped: [], unarchived: [], putOff: [], mismatches: [] };

const LOCK_TIMEOUT_MS = 200; // a flush holds its partitions for some 10 ms; what waits longer waits for the next tick
const BATCH = 5_000;
/** Far beyond twice the time a flush may take, so that nobody settles an unclear COMMIT by a row that is gone. */
const FLUSH_HOURS = 2;
const KEY_HOURS = 24;

/**
 * What keeps a dataset's operational tables in shape: partitions ahead of the counter, old rows of the ledgers removed
 * in small batches. Partitions are left alone while another session works on the dataset.
 * @throws 55P03 when a table was in use; the next call goes on
 */
export async function maintain(client: Client | Connection, dataset: Dataset, options: MaintenanceOptions): Promise<MaintenanceReport> {
  const report = { ...NOTHING_LEFT, partitionsMade: [] as string[], absorbed: [] as string[], shadowsDropped: false, flushesDeleted: 0, keysDeleted: 0, runsDeleted: 0, runsMerged: 0 };
  for (const { relation } of dataset.sources) {
    const { rows } = await client.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [relationName(relation)]);
    if (rows[0]?.exists !== true) continue;
    const state = await readState(client, dataset.name);
    if (state === undefined) continue;
    const now = state.now.xmax;
    const width = await dayWidth(client, dataset.name, now);
    // Under the lock for all of its transactions: two of them at once left a CHECK on the new default partition.
    const absorbed = await withLock(client, dataset.name, () => absorbDefault(client, relation, now, width, LOCK_TIMEOUT_MS));
    if (absorbed !== undefined) report.absorbed.push(absorbed.name);
    report.partitionsMade.push(...(await partitionsAhead(client, dataset.name, relation, now, width)));
  }
  report.shadowsDropped = await dropIdlePlan(client, dataset);
  if (await isApplied(client, dataset)) {
    Object.assign(report, await keepRetention(client, dataset));
    await keepVacuumAway(client, dataset);
  }
  report.flushesDeleted = await deleteFlushes(client, dataset);
  report.keysDeleted = await deleteInBatches(client, `ingot.idempotency_keys`, `created_at < now() - interval '${KEY_HOURS} hours'`);
  report.runsDeleted = await deleteInBatches(
    client,
    'ingot.runs',
    `dataset = $1 and finished_at < now() - make_interval(days => $2) and id < (select max(id) from ingot.runs where dataset = $1)`,
    [dataset.name, options.historyDays],
  );
  report.runsMerged = await mergeRuns(client, dataset.name);
  return report;
}

/** Each in a transaction of its own, between runs: attaching needs the default partition, which a run reads. */
async function partitionsAhead(client: Client | Connection, dataset: string, relation: string, now: bigint, width: bigint): Promise<string[]> {
  const missing = makeAhead(relation, await listPartitions(client, relation), now, width);
  const made: string[] = [];
  for (const partition of missing) {
    const attached = await inTransaction(client, '', async () => {
      if (!(await tryLock(client, dataset))) return false;
      await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await attachPartition(client, relation, partition);
      return true;
    });
    if (!attached) break;
    made.push(partition.name);
  }
  return made;
}

/** Flush rows that are counted and that the watermark is past. Their ids are of version 7, so they sort by the time they were made. */
async function deleteFlushes(client: Client | Connection, dataset: Dataset): Promise<number> {
  const counted = await sumUpFlushes(client, dataset.sources.map(({ relation }) => relation));
  const state = await readState(client, dataset.name);
  if (state === undefined || counted === undefined) return 0;
  const seen = state.seen.xip[0] ?? state.seen.xmax;
  const lowest = seen < counted ? seen : counted;
  const { rows } = await client.query<{ ms: string }>(`select floor(extract(epoch from now() - interval '${FLUSH_HOURS} hours') * 1000)::bigint as ms`);
  const before = `${BigInt(rows[0]!.ms).toString(16).padStart(12, '0')}00000000000000000000`;
  return deleteInBatches(client, 'bronze.flushes', `flush_id < $1::uuid and ingest_xid < $2 and source = any($3)`, [before, lowest.toString(), dataset.sources.map(({ relation }) => relation)]);
}

async function deleteInBatches(client: Client | Connection, table: string, where: string, values: unknown[] = []): Promise<number> {
  for (let total = 0; ; ) {
    const { rowCount } = await client.query(`delete from ${table} where ctid = any(array(select ctid from ${table} where ${where} limit ${BATCH}))`, values);
    total += rowCount ?? 0;
    if ((rowCount ?? 0) < BATCH) return total;
  }
}

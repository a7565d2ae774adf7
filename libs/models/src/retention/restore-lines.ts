import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { tryPlanLock } from '../apply/plan-row.js';
import { bounds, listPartitions, partitionName, type Partition } from '../bronze-partitions.js';
import { bareName, columnName, joinedName, relationName } from '../sql-names.js';
import { readState } from '../watermark.js';
import { differingLines, checksumOf, type LineSums } from './line-checksum.js';
import { lockAlone } from './drop-partition.js';
import { isPlanOpen, type PartitionArchive } from './closed-partitions.js';
import { withRelationLock } from './relation-lock.js';
import { insertLines, type ArchivedLine } from './staged-lines.js';

type Session = Client | Connection;

/** Why an archive cannot be taken back, in a sentence for people; nothing was changed. */
export class RestoreRefused extends Error {
  override readonly name = 'RestoreRefused';
}

/** Lines of one partition that left, and where their archive is. */
export interface ArchivedPartition extends LineSums, Pick<PartitionArchive, 'file' | 'sha256'> {
  /** The bronze table. */
  readonly relation: string;
  readonly lower: bigint | null;
  readonly upper: bigint;
}

export interface Restored {
  readonly partition: string;
  readonly added: number;
  /** Lines that were there already. */
  readonly there: number;
}

const RANGE_CHECK = 'ingest_xid_range';
const PLAN_OPEN = 'tables are being computed anew, or were and are to be gone on with: restore when `ingot apply` has ended';
const NOT_REMEMBERED = 'this database does not remember an archive of just these lines, as after a backup from before them was restored: its runs may never have counted them, and would not from now on';

/**
 * Brings the lines of an archived partition back as they were, under their old numbers and transaction ids: the watermark
 * is past them, so no run takes them again, and a rebuild counts them as before. They stay until keepMs from now.
 *
 * They are gathered in a table of their own, a batch at a time, compared with what the archive says, and only then
 * attached, in a transaction of some milliseconds. Cut off at any moment, nothing of it is to be seen, and the next call
 * begins anew. Lines whose number is there already are left as they are.
 * @param batches all lines of the archive; what it throws ends the restore
 * @throws RestoreRefused; 55P03 when somebody always worked with the table
 */
export async function restoreLines(client: Session, dataset: string, archived: ArchivedPartition, batches: AsyncIterable<readonly ArchivedLine[]>, keepMs: number): Promise<Restored> {
  return withRestoreLock(client, archived.relation, async () => {
    const existing = await placeOf(client, dataset, archived);
    const isKnown = await isRemembered(client, archived);
    if (existing === undefined && !isKnown) throw new RestoreRefused(NOT_REMEMBERED);
    const staged = relationName(`bronze.${joinedName(bareName(archived.relation), 'restoring')}`);
    await refuseForeign(client, staged);
    await client.query(`drop table if exists ${staged}; create table ${staged} (like ${relationName(archived.relation)} including defaults including constraints including indexes)`);
    try {
      for await (const lines of batches) await insertLines(client, staged, lines);
      const { rows, checksum } = await checksumOf(client, staged);
      if (rows !== archived.rows || checksum !== archived.checksum) throw new RestoreRefused(`the archive gave ${rows} lines with the checksum ${checksum}; it says ${archived.rows} with ${archived.checksum}`);
      await checkRange(client, staged, archived);
      return existing === undefined ? await attach(client, dataset, staged, archived, keepMs) : await fillUp(client, dataset, staged, existing, { ...archived, isKnown }, keepMs);
    } finally {
      await client.query(`drop table if exists ${staged}`).catch(() => undefined); // a lost session leaves it to the next call
    }
  });
}

/**
 * Where the lines belong: into a partition that is there (returned), or in front of the oldest one.
 * @throws RestoreRefused
 */
async function placeOf(client: Session, dataset: string, { relation, lower, upper }: ArchivedPartition): Promise<Partition | undefined> {
  const state = await readState(client, dataset);
  if (state === undefined) throw new RestoreRefused(`the dataset ${dataset} was never applied to this database: run \`ingot apply\` first`);
  if (await isPlanOpen(client, dataset)) throw new RestoreRefused(PLAN_OPEN);
  const seen = state.seen.xip[0] ?? state.seen.xmax;
  if (upper > seen) throw new RestoreRefused('these lines are younger than what the runs of this database have seen, so the next run would take them as new ones: let the dataset run first, or use --replay');
  const { ranges } = await listPartitions(client, relation);
  const same = ranges.find((range) => range.lower === lower && range.upper === upper);
  if (same !== undefined) return same;
  const oldest = ranges[0];
  if (oldest === undefined || oldest.lower === upper) return undefined;
  if (oldest.lower === null || oldest.lower < upper) throw new RestoreRefused(`the range of this archive is taken by ${ranges.find((range) => range.upper > (lower ?? range.upper - 1n))?.name ?? oldest.name}, which is another partition`);
  throw new RestoreRefused(`between these lines and bronze.${oldest.name}, the oldest that is there, others are missing: restore the youngest first`);
}

/**
 * Whether this database itself had counted out and archived these lines. Its number is not enough: a backup that was
 * restored has the same one, and the same transaction ids for other lines.
 */
async function isRemembered(client: Session, { relation, upper, rows, checksum }: ArchivedPartition): Promise<boolean> {
  const known = await client.query('select from ingot.bronze_partitions where relation = $1 and upper = $2 and rows = $3 and checksum = $4', [relation, upper.toString(), rows, checksum]);
  return known.rowCount !== 0;
}

/** What another restore has left is dropped; a source may bear the same name. */
async function refuseForeign(client: Session, staged: string): Promise<void> {
  const { rowCount } = await client.query(`select from pg_class where oid = to_regclass($1) and (relkind <> 'r' or relispartition)`, [staged]);
  if (rowCount !== 0) throw new RestoreRefused(`lines are gathered in ${staged}, which is a table of another source`);
}

/** A checksum over lines does not say that they are of this partition. */
async function checkRange(client: Session, staged: string, { lower, upper }: ArchivedPartition): Promise<void> {
  const { rowCount } = await client.query(`select from ${staged} where ingest_xid >= $1 or ingest_xid < coalesce($2::bigint, ingest_xid) limit 1`, [upper.toString(), lower?.toString() ?? null]);
  if (rowCount !== 0) throw new RestoreRefused('the archive holds lines of other transactions than its manifest says');
}

async function attach(client: Session, dataset: string, staged: string, archived: ArchivedPartition, keepMs: number): Promise<Restored> {
  const { relation, lower, upper } = archived;
  const name = partitionName(relation, lower);
  const parent = relationName(relation);
  // Checked beforehand, so that attaching reads no row.
  await client.query(`alter table ${staged} add constraint ${RANGE_CHECK} check (ingest_xid < '${upper}'${lower === null ? '' : ` and ingest_xid >= '${lower}'`})`);
  await inTransaction(client, 'isolation level read committed', async () => {
    const { rest } = await listPartitions(client, relation);
    await lockAlone(client, dataset, rest === undefined ? [staged] : [relationName(`bronze.${rest}`)]);
    if ((await listPartitions(client, relation)).ranges[0]?.lower !== upper) throw new RestoreRefused('the partitions of the table have changed meanwhile: try again');
    await client.query(`alter table ${staged} rename to ${columnName(name)}; alter table ${parent} attach partition ${relationName(`bronze.${name}`)} for values ${bounds(lower, upper)}; alter table ${relationName(`bronze.${name}`)} drop constraint ${RANGE_CHECK}`);
    await register(client, archived, name, keepMs);
  });
  await client.query(`analyze ${relationName(`bronze.${name}`)}`);
  return { partition: `bronze.${name}`, added: archived.rows, there: 0 };
}

async function fillUp(client: Session, dataset: string, staged: string, { name }: Partition, archived: ArchivedPartition & { readonly isKnown: boolean }, keepMs: number): Promise<Restored> {
  const table = relationName(`bronze.${name}`);
  return inTransaction(client, 'isolation level read committed', async () => {
    if (!(await tryPlanLock(client, dataset)) || (await isPlanOpen(client, dataset))) throw new RestoreRefused(PLAN_OPEN); // it may be past these lines
    // Whoever would drop it, or fill it up too, waits.
    await client.query(`set local lock_timeout = '1s'; lock table only ${table} in share row exclusive mode; set local lock_timeout = 0`);
    const differing = await differingLines(client, staged, table);
    if (differing > 0) throw new RestoreRefused(`${differing} lines stand in bronze.${name} under the numbers of lines of the archive, and say something else`);
    const { rowCount } = await client.query(`insert into ${table} select s.* from ${staged} as s where not exists (select from ${table} as t where t.id = s.id)`);
    await register(client, archived, name, keepMs);
    const added = rowCount ?? 0;
    if (added > 0 && !archived.isKnown) throw new RestoreRefused(NOT_REMEMBERED);
    return { partition: `bronze.${name}`, added, there: archived.rows - added };
  });
}

/** The ledger says of the partition what it says of every closed one; numbers given from now on are above its own. */
async function register(client: Session, { relation, lower, upper, checksum, file, sha256 }: ArchivedPartition, name: string, keepMs: number): Promise<void> {
  const table = relationName(`bronze.${name}`);
  await client.query(
    `insert into ingot.bronze_partitions as p (relation, name, lower, upper, rows, received_from, received_to, checksum, archive_file, archive_sha256, archived_at, keep_until)
     select $1, $2, $3, $4, count(*), min(received_at), max(received_at), $5, $6, $7, now(), now() + make_interval(secs => $8) from ${table}
     on conflict (relation, upper) do update set name = excluded.name, lower = excluded.lower, rows = excluded.rows, received_from = excluded.received_from, received_to = excluded.received_to,
       checksum = excluded.checksum, archive_file = excluded.archive_file, archive_sha256 = excluded.archive_sha256, archived_at = coalesce(p.archived_at, excluded.archived_at), keep_until = excluded.keep_until, dropped_at = null`,
    [relation, name, lower?.toString() ?? null, upper.toString(), checksum, file, sha256, keepMs / 1_000],
  );
  await client.query(`select setval('bronze.raw_id', id) from (select max(id) as id from ${table}) as highest, bronze.raw_id as s where id > s.last_value`);
}

/**
 * One restore of a table at a time.
 * @throws RestoreRefused
 */
export function withRestoreLock<T>(client: Session, relation: string, work: () => Promise<T>): Promise<T> {
  return withRelationLock(client, 'restore', relation, () => new RestoreRefused(`another process restores lines of ${relation} just now`), work);
}

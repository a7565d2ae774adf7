import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { readMarks } from '../apply/shadow-mark.js';
import { listPartitions, type Partition } from '../bronze-partitions.js';
import { relationName } from '../sql-names.js';
import { readState } from '../watermark.js';

type Session = Client | Connection;

/** What is known of a closed partition: no row comes to it any more, so it is counted once. */
export interface PartitionFacts {
  readonly rows: number;
  /** By the database's clock; null when it is empty. */
  readonly receivedFrom: Date | null;
  readonly receivedTo: Date | null;
  /** The archive that was found to hold exactly its rows. */
  readonly archive?: PartitionArchive;
  /** Restored, and to stay until then. */
  readonly keepUntil: Date | null;
}

export interface PartitionArchive {
  readonly file: string;
  /** Of the file, in hex. */
  readonly sha256: string;
  /** Of its rows, as checksumOf() gives it. */
  readonly checksum: string;
}

/**
 * The partitions of a bronze table that every mark of its dataset is past, oldest first: their transactions had all ended
 * when the watermark was taken, so no run, no rebuild and no writer has to do with them any more. None while a rebuild
 * is under way or was cut off: it may still read all of them.
 */
export async function closedPartitions(client: Session, dataset: string, relation: string): Promise<Partition[]> {
  const state = await readState(client, dataset);
  if (state === undefined || (await isPlanOpen(client, dataset))) return [];
  const marks = [state.seen, ...[...(await readMarks(client, dataset)).values()].map(({ seen }) => seen)];
  const lowest = marks.map(({ xmax, xip }) => xip[0] ?? xmax).reduce((a, b) => (a < b ? a : b));
  return (await listPartitions(client, relation)).ranges.filter(({ upper }) => upper <= lowest);
}

/** Whether somebody computes tables of the dataset anew, or was cut off and will go on. */
export async function isPlanOpen(client: Session, dataset: string): Promise<boolean> {
  return (await client.query('select from ingot.plans where dataset = $1', [dataset])).rowCount !== 0;
}

interface FactsRow {
  rows: string;
  received_from: Date | null;
  received_to: Date | null;
  checksum: string | null;
  archive_file: string | null;
  archive_sha256: string | null;
  keep_until: Date | null;
}

const FACTS = 'rows, received_from, received_to, checksum, archive_file, archive_sha256, keep_until';

/** The facts of a closed partition; reads it whole the first time. */
export async function factsOf(client: Session, relation: string, { name, lower, upper }: Partition): Promise<PartitionFacts> {
  const known = await client.query<FactsRow>(`select ${FACTS} from ingot.bronze_partitions where relation = $1 and upper = $2 and dropped_at is null`, [relation, upper.toString()]);
  if (known.rows[0] !== undefined) return read(known.rows[0]);
  const counted = await client.query<FactsRow>(
    `insert into ingot.bronze_partitions (relation, name, lower, upper, rows, received_from, received_to)
     select $1, $2, $3, $4, count(*), min(received_at), max(received_at) from ${relationName(`bronze.${name}`)}
     on conflict (relation, upper) do update set name = excluded.name, lower = excluded.lower, rows = excluded.rows, received_from = excluded.received_from, received_to = excluded.received_to,
       checksum = null, archive_file = null, archive_sha256 = null, archived_at = null, keep_until = null, dropped_at = null
     returning ${FACTS}`,
    [relation, name, lower?.toString() ?? null, upper.toString()],
  );
  return read(counted.rows[0]!);
}

function read(row: FactsRow): PartitionFacts {
  const { checksum, archive_file: file, archive_sha256: sha256 } = row;
  const archive = checksum === null || file === null || sha256 === null ? {} : { archive: { file, sha256, checksum } };
  return { rows: Number(row.rows), receivedFrom: row.received_from, receivedTo: row.received_to, keepUntil: row.keep_until, ...archive };
}

/** Keeps that an archive holds exactly the rows of a partition, which was counted before. */
export async function recordArchive(client: Session, relation: string, { upper }: Partition, { file, sha256, checksum, rows }: PartitionArchive & { rows: number }): Promise<void> {
  await client.query('update ingot.bronze_partitions set archive_file = $3, archive_sha256 = $4, checksum = $5, rows = $6, archived_at = now() where relation = $1 and upper = $2', [relation, upper.toString(), file, sha256, checksum, rows]);
}

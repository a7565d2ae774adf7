import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';

/** A line as an archive holds it. */
export interface ArchivedLine {
  readonly id: bigint;
  /** Microseconds since 1970. */
  readonly receivedAt: bigint;
  readonly ingestXid: bigint;
  readonly device: string | null;
  readonly precision: string | null;
  readonly line: string;
}

/** Microseconds as an instant, without a float in between. */
const INSTANT = `timestamptz 'epoch' + (at / 1000000) * interval '1 second' + (at % 1000000) * interval '1 microsecond'`;

/**
 * Adds lines to a table like a bronze table, as they are.
 * @param table as it stands in SQL
 */
export async function insertLines(client: Client | Connection, table: string, lines: readonly ArchivedLine[]): Promise<void> {
  await client.query(
    `insert into ${table} (id, received_at, ingest_xid, device, "precision", line)
     select id, ${INSTANT}, xid, device, "precision", line from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[]) as l (id, at, xid, device, "precision", line)`,
    [lines.map(({ id }) => id), lines.map(({ receivedAt }) => receivedAt), lines.map(({ ingestXid }) => ingestXid), lines.map(({ device }) => device), lines.map(({ precision }) => precision), lines.map(({ line }) => line)],
  );
}

/**
 * Adds lines to a bronze table as new ones of this transaction, with numbers of their own; when they were received stays.
 * @param table as it stands in SQL
 */
export async function insertAsNew(client: Client | Connection, table: string, lines: readonly ArchivedLine[]): Promise<void> {
  await client.query(
    `insert into ${table} (received_at, device, "precision", line)
     select ${INSTANT}, device, "precision", line from unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) with ordinality as l (at, device, "precision", line, n) order by n`,
    [lines.map(({ receivedAt }) => receivedAt), lines.map(({ device }) => device), lines.map(({ precision }) => precision), lines.map(({ line }) => line)],
  );
}

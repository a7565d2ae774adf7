import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';

/**
 * A line of a bronze table as one text, as SQL over its columns; two lines have the same text only when they are equal.
 * Whoever reads an archive makes the same text of it. Lengths are of UTF-8.
 */
const LINE_TEXT = `concat(id, '|', (extract(epoch from received_at) * 1000000)::bigint, '|', ingest_xid, '|', coalesce(octet_length(convert_to(device, 'UTF8')), -1), '|', coalesce(octet_length(convert_to("precision", 'UTF8')), -1), '|', device, "precision", line)`;

/** The first eight bytes of its SHA-256 as a number. */
const LINE_HASH = `('x' || encode(substring(sha256(convert_to(${LINE_TEXT}, 'UTF8')) from 1 for 8), 'hex'))::bit(64)::bigint`;

export interface LineSums {
  readonly rows: number;
  /** The sum over the lines of what their texts hash to: the order of lines is nothing. */
  readonly checksum: string;
}

/**
 * Count and checksum of all lines of one table, by reading it whole.
 * @param table as it stands in SQL
 */
export async function checksumOf(client: Client | Connection, table: string): Promise<LineSums> {
  const { rows } = await client.query<{ rows: string; checksum: string }>(`select count(*) as rows, coalesce(sum(${LINE_HASH}::numeric), 0)::text as checksum from only ${table}`);
  return { rows: Number(rows[0]!.rows), checksum: rows[0]!.checksum };
}

/** Lines of `staged` that stand in `table` under their id with something else, as a number. */
export async function differingLines(client: Client | Connection, staged: string, table: string): Promise<number> {
  const text = (alias: string): string => `(select ${LINE_TEXT} from (select ${alias}.*) as l)`;
  const { rows } = await client.query<{ n: string }>(`select count(*) as n from ${staged} as s join ${table} as t using (id) where ${text('s')} <> ${text('t')}`);
  return Number(rows[0]!.n);
}

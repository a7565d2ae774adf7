import type { Client } from 'pg';
import { inTransaction, type Connection } from '@ingot/postgres';
import { bounds, listPartitions, partitionName } from './bronze-partitions.js';
import { columnName, relationName } from './sql-names.js';

const RANGE_CHECK = 'ingest_xid_range';

/**
 * Turns a default partition that holds rows into the next range, and attaches a new empty default: no row moves. As
 * long as it holds rows, no partition that would take one of them can be attached.
 * @param now the counter, shifted as `ingest_xid` is
 * @param width of a partition; the new range ends two of them above everything
 * @returns the range made, undefined when the default partition is empty
 * @throws 55P03 when a table was in use for longer than lockTimeoutMs; the next call goes on
 */
export async function absorbDefault(client: Client | Connection, relation: string, now: bigint, width: bigint, lockTimeoutMs: number): Promise<{ name: string; lower: bigint; upper: bigint } | undefined> {
  const { ranges, rest } = await listPartitions(client, relation);
  const last = ranges.at(-1);
  if (rest === undefined || last === undefined) return undefined;
  const old = relationName(`bronze.${rest}`);
  const { rows } = await client.query<{ highest: string | null }>(`select max(ingest_xid) as highest from ${old}`);
  const highest = rows[0]?.highest ?? null;
  if (highest === null) return undefined;
  const lower = last.upper;
  const upper = (BigInt(highest) > now ? BigInt(highest) : now) + 2n * width;
  const patient = `set local lock_timeout = ${Math.trunc(lockTimeoutMs)}`;
  // Three transactions, so that the rows are checked without holding writers up; what an attempt cut short has left is
  // dropped first.
  await inTransaction(client, '', () => client.query(`${patient};
    alter table ${old} drop constraint if exists ${RANGE_CHECK};
    alter table ${old} add constraint ${RANGE_CHECK} check (ingest_xid >= '${lower}'::bigint and ingest_xid < '${upper}'::bigint) not valid`));
  await inTransaction(client, '', () => client.query(`${patient}; alter table ${old} validate constraint ${RANGE_CHECK}`));
  const name = partitionName(relation, lower);
  await inTransaction(client, '', () => client.query(`${patient};
    alter table ${relationName(relation)} detach partition ${old};
    alter table ${old} rename to ${columnName(name)};
    alter table ${relationName(relation)} attach partition ${relationName(`bronze.${name}`)} for values ${bounds(lower, upper)};
    alter table ${relationName(`bronze.${name}`)} drop constraint ${RANGE_CHECK};
    create table ${old} (like ${relationName(relation)} including defaults including constraints including indexes);
    alter table ${relationName(relation)} attach partition ${old} default`));
  return { name, lower, upper };
}

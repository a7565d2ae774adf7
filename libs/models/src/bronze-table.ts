import type { Client } from 'pg';
import type { Connection } from '@ingot/postgres';
import { ApplyError } from './apply-error.js';
import { attachPartition, listPartitions, makeAhead, FIRST_WIDTH } from './bronze-partitions.js';
import { bareName, columnName, joinedName, relationName } from './sql-names.js';

const LONGEST_SOURCE = 40; // leaves room for `_p` and a bound of 19 digits in the names of its partitions

/**
 * Makes the bronze table of a source with its first partitions, or nothing when it is there.
 *
 * `id` has no unique index and `ingest_xid` no b-tree: either halves the rate of COPY; the BRIN costs little and is
 * 200 kB at 8 M rows. The sequence is shared, because an identity column of an attached partition hands out 1 again; each
 * session takes its numbers 64 at a time, and flushes give up what is left of them before they begin.
 * @throws ApplyError when a name is too long for its partitions
 */
export async function makeBronzeTable(client: Client | Connection, relation: string, file: string): Promise<void> {
  const name = bareName(relation);
  if (name.length > LONGEST_SOURCE) throw new ApplyError([{ file, line: 1, column: 1, message: `${relation}: the name of a source may have ${LONGEST_SOURCE} characters, its partitions need the rest` }]);
  const { rows } = await client.query<{ exists: boolean; base: string; now: string }>(
    `select to_regclass($1) is not null as exists, xid_base as base, pg_snapshot_xmax(pg_current_snapshot())::text::bigint + xid_base as now from ingot.cluster`,
    [relationName(relation)],
  );
  const { exists, base, now } = rows[0]!;
  if (!exists) {
    await client.query(`
      create table ${relationName(relation)} (
        id bigint not null default nextval('bronze.raw_id'),
        received_at timestamptz not null default now(),
        ingest_xid bigint not null default (txid_current() + (${BigInt(base)})),
        device text,
        "precision" text,
        line text not null
      ) partition by range (ingest_xid);
      create index ${columnName(joinedName(name, 'ingest_xid_idx'))} on ${relationName(relation)} using brin (ingest_xid) with (autosummarize = on);
      create table ${relationName(`bronze.${defaultPartition(relation)}`)} partition of ${relationName(relation)} default`);
  }
  const partitions = await listPartitions(client, relation);
  for (const partition of makeAhead(relation, partitions, BigInt(now), FIRST_WIDTH)) await attachPartition(client, relation, partition);
}

export function defaultPartition(relation: string): string {
  return `${bareName(relation)}_default`;
}

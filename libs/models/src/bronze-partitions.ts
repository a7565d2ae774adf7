import type { Client } from 'pg';
import type { Connection } from '@ingot/postgres';
import { bareName, relationName } from './sql-names.js';

/** A partition of a bronze table: rows with `lower <= ingest_xid < upper`. */
export interface Partition {
  /** Without its schema. */
  readonly name: string;
  /** Null = no lower end: the first partition. */
  readonly lower: bigint | null;
  readonly upper: bigint;
}

export interface Partitions {
  /** By their bounds, ascending; each begins where the one before ends. */
  readonly ranges: readonly Partition[];
  /** Holds what no range takes; it should stay empty. Without its schema; undefined when there is none. */
  readonly rest?: string;
}

/** Width in transaction ids as long as no rate is known: 17 minutes at 1,000 transactions a second. */
export const FIRST_WIDTH = 1_000_000n;
const SMALLEST_WIDTH = 100_000n;
/** How many partitions wait whole above the counter. */
const AHEAD = 2;

export async function listPartitions(client: Client | Connection, relation: string): Promise<Partitions> {
  const { rows } = await client.query<{ name: string; bound: string }>(
    `select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bound
     from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
     where i.inhparent = $1::regclass`,
    [relationName(relation)],
  );
  const ranges: Partition[] = [];
  let rest: string | undefined;
  for (const { name, bound } of rows) {
    const range = /^FOR VALUES FROM \((MINVALUE|'(-?\d+)')\) TO \('(-?\d+)'\)$/.exec(bound);
    if (range !== null) ranges.push({ name, lower: range[2] === undefined ? null : BigInt(range[2]), upper: BigInt(range[3]!) });
    else if (bound === 'DEFAULT') rest = name;
    else throw new Error(`bronze.${name}: cannot read its partition bound ${bound}`);
  }
  ranges.sort((a, b) => (a.upper < b.upper ? -1 : 1));
  return { ranges, ...(rest === undefined ? {} : { rest }) };
}

/** The partitions missing until two wait whole above the counter; none when there are enough. */
export function makeAhead(relation: string, { ranges }: Partitions, now: bigint, width: bigint): Partition[] {
  const missing: Partition[] = [];
  let end = ranges.at(-1)?.upper;
  let ahead = ranges.filter(({ lower }) => lower !== null && lower > now).length;
  if (end === undefined) {
    missing.push(partition(relation, null, (end = now + width)));
  }
  while (ahead < AHEAD) {
    const lower: bigint = end;
    end = (lower > now ? lower : now) + width;
    missing.push(partition(relation, lower, end));
    if (lower > now) ahead++;
  }
  return missing;
}

function partition(relation: string, lower: bigint | null, upper: bigint): Partition {
  return { name: partitionName(relation, lower), lower, upper };
}

/** Named for its lower bound: `raw_readings_p3000731`, `raw_readings_first`. */
export function partitionName(relation: string, lower: bigint | null): string {
  return `${bareName(relation)}_${lower === null ? 'first' : `p${String(lower).replace('-', 'm')}`}`;
}

/**
 * Makes a partition as a plain table, then attaches it. Inside the caller's transaction.
 * @throws 55P03 when the caller has set a lock_timeout and somebody reads or writes the default partition meanwhile
 */
export async function attachPartition(client: Client | Connection, relation: string, { name, lower, upper }: Partition): Promise<void> {
  const table = relationName(`bronze.${name}`);
  await client.query(`
    create table ${table} (like ${relationName(relation)} including defaults including constraints including indexes);
    alter table ${relationName(relation)} attach partition ${table} for values ${bounds(lower, upper)}`);
}

export function bounds(lower: bigint | null, upper: bigint): string {
  return `from (${lower === null ? 'minvalue' : `'${lower}'`}) to ('${upper}')`;
}

/**
 * How many transaction ids make a day, by the dataset's oldest run of the last 24 hours.
 * @param now the counter, shifted as `ingest_xid` is
 */
export async function dayWidth(client: Client | Connection, dataset: string, now: bigint): Promise<bigint> {
  const { rows } = await client.query<{ xid: string; seconds: number }>(
    `select xid, extract(epoch from now() - finished_at)::float8 as seconds from ingot.runs
     where dataset = $1 and xid is not null and finished_at > now() - interval '1 day'
     order by finished_at limit 1`,
    [dataset],
  );
  const oldest = rows[0];
  if (oldest === undefined || oldest.seconds < 60) return FIRST_WIDTH;
  const width = BigInt(Math.ceil((Number(now - BigInt(oldest.xid)) / oldest.seconds) * 86_400));
  return width > SMALLEST_WIDTH ? width : SMALLEST_WIDTH;
}

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Client } from 'pg';
import type { Connection } from '@ingot/postgres';

/** Who works on a dataset. */
export interface LockHolder {
  /** What it does, e.g. `ingot run`: the name of its session. */
  readonly name: string;
  /** The machine and the process there; absent for a session that did not say. */
  readonly host?: string;
  readonly pid?: number;
  readonly since: Date;
}

/** The key of a dataset's advisory lock. Runs, apply and maintenance hold it; it only says who works. */
function lockKey(dataset: string): bigint {
  return createHash('sha256').update(`ingot dataset ${dataset}`).digest().readBigInt64BE(0);
}

// A session's name may have 63 bytes, and whoever waits wants to know where the holder is.
const SELF = `@${hostname().replaceAll(/[^\w.-]/g, '').slice(0, 30)}:${process.pid}`;
const NAMED = /^(?<name>.*) @(?<host>[\w.-]*):(?<pid>\d+)$/;

/** The session says where its process is for as long as it holds the lock; $2: until the transaction ends. */
const SIGN = `case when got then set_config('application_name', left(regexp_replace(current_setting('application_name'), ' @.*', ''), 20) || ' ${SELF}', $2::boolean) end`;

/** Takes the lock until the transaction ends, unless somebody else has it. */
export async function tryLock(client: Client | Connection, dataset: string): Promise<boolean> {
  const { rows } = await client.query<{ got: boolean }>(`select got, ${SIGN} from pg_try_advisory_xact_lock($1) as got`, [lockKey(dataset).toString(), true]);
  return rows[0]?.got === true;
}

/**
 * Does something of several transactions under the lock, unless somebody else has it: then it returns undefined.
 * The session holds the lock meanwhile, so the work may itself take it for a transaction.
 */
export async function withLock<T>(client: Client | Connection, dataset: string, work: () => Promise<T>): Promise<T | undefined> {
  const key = lockKey(dataset).toString();
  const { rows } = await client.query<{ got: boolean; name: string }>(
    `select got, name, ${SIGN} from pg_try_advisory_lock($1) as got, current_setting('application_name') as name`,
    [key, false],
  );
  if (rows[0]?.got !== true) return undefined;
  try {
    return await work();
  } finally {
    await client.query(`select pg_advisory_unlock($1), set_config('application_name', $2, false)`, [key, rows[0].name]);
  }
}

/**
 * Does something under the lock, waiting for whoever has it first. Outside any transaction: one that waits inside itself
 * has a snapshot older than what it waited for.
 */
export async function withAwaitedLock<T>(client: Client | Connection, dataset: string, work: () => Promise<T>): Promise<T> {
  const key = lockKey(dataset).toString();
  await client.query('select pg_advisory_lock($1)', [key]);
  try {
    return await work();
  } finally {
    await client.query('select pg_advisory_unlock($1)', [key]).catch(() => undefined); // a lost session holds nothing
  }
}

/** Takes the lock until the transaction ends, waiting for whoever has it. */
export async function waitForLock(client: Client | Connection, dataset: string): Promise<void> {
  await client.query(`select ${SIGN} from (select pg_advisory_xact_lock($1) is not null as got) as taken`, [lockKey(dataset).toString(), true]);
}

/** Who has the lock just now; undefined when nobody has. */
export async function findHolder(client: Client | Connection, dataset: string): Promise<LockHolder | undefined> {
  // pg_locks shows the two halves of a key, without a sign.
  const key = BigInt.asUintN(64, lockKey(dataset));
  const { rows } = await client.query<{ name: string; since: Date }>(
    `select application_name as name, coalesce(xact_start, state_change, backend_start, now()) as since
     from pg_locks as l join pg_stat_activity as a using (pid)
     where locktype = 'advisory' and l.granted and objsubid = 1 and classid = $1::oid and objid = $2::oid
       and l.database = (select oid from pg_database where datname = current_database())
     order by since limit 1`,
    [(key >> 32n).toString(), (key & 0xffff_ffffn).toString()],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const { name, host, pid } = NAMED.exec(row.name)?.groups ?? { name: row.name };
  return { name: name ?? '', since: row.since, ...(host === undefined ? {} : { host, pid: Number(pid) }) };
}

import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { attachPartition, FIRST_WIDTH, listPartitions, makeAhead } from './bronze-partitions.js';
import { withLock } from './dataset-lock.js';
import { absorbDefault } from './default-partition.js';
import { relationName } from './sql-names.js';

/** The stored snapshots speak of another cluster's transaction ids. */
export class ClusterIdentityError extends Error {
  override readonly name = 'ClusterIdentityError';
}

interface Identity {
  /** Of the cluster whose transaction ids the watermarks speak of; null when the row is missing. */
  readonly stored: string | null;
  readonly actual: string;
}

const LOCK_TIMEOUT_MS = 10_000;

/**
 * Compares the server with the one the watermarks were written on. Point-in-time recovery and failover to a physical
 * standby keep the identifier; a dump restored elsewhere does not.
 * @throws ClusterIdentityError with one line
 */
export async function checkCluster(client: Client | Connection): Promise<void> {
  const { stored, actual } = await readIdentity(client);
  if (stored === actual) return;
  throw new ClusterIdentityError(
    `This database was restored from another PostgreSQL cluster (system identifier ${stored ?? 'missing'}, this one is ${actual}): its watermarks do not fit this server's transaction ids yet. Run \`ingot migrate\`, which moves them.`,
  );
}

/**
 * After a dump was restored on another cluster: shifts the scale of `ingest_xid`, so that every transaction to come lies
 * above all that is stored, and every stored watermark stays exact as it is (a dump is one snapshot). To be called before
 * a line is accepted. Nothing to do is fine, and so are two at once.
 * @param say told what was done
 * @returns the new base; undefined when the cluster is the known one
 * @throws 55P03 when a bronze table was in use for ten seconds: nothing is changed
 */
export async function adoptCluster(client: Client | Connection, say: (line: string) => void = () => undefined): Promise<bigint | undefined> {
  const { stored, actual } = await readIdentity(client);
  if (stored === actual) return undefined;
  const shifted = await inTransaction(client, 'isolation level read committed', () => shift(client));
  if (shifted === undefined) return undefined;
  // A default partition that holds rows takes several transactions. Where somebody works already, maintenance does it.
  if (shifted.overfull.length > 0) {
    await underLocks(client, shifted.datasets, async () => {
      for (const relation of shifted.overfull) {
        await absorbDefault(client, relation, shifted.now, FIRST_WIDTH, LOCK_TIMEOUT_MS);
        await inTransaction(client, '', () => makePartitions(client, relation, shifted.now));
      }
    });
  }
  say(`restored from another PostgreSQL cluster: transaction ids are shifted by ${shifted.base} from now on`);
  return shifted.base;
}

interface Shifted {
  readonly base: bigint;
  /** The counter on the new scale. */
  readonly now: bigint;
  readonly datasets: readonly string[];
  /** Tables whose default partition holds rows, so that no partition could be made beside it. */
  readonly overfull: readonly string[];
}

async function shift(client: Client | Connection): Promise<Shifted | undefined> {
  const { rows: found } = await client.query<Identity>(`${IDENTITY} for update of c`);
  if (found[0] === undefined) throw new ClusterIdentityError('ingot.cluster has no row: the database is damaged, or its dump was not restored whole');
  if (found[0].stored === found[0].actual) return undefined; // another starter was faster
  await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
  const datasets = await client.query<{ name: string }>('select name from ingot.datasets order by name for update');
  const tables = await bronzeTables(client);
  // Whoever still writes with the old base ends first; the rows are looked at by a statement that begins afterwards.
  if (tables.length > 0) await client.query(`lock table ${tables.map(({ relation }) => relationName(relation)).join(', ')} in access exclusive mode`);
  const highest = await highestXid(client, tables);
  const { rows } = await client.query<{ base: string; now: string }>(
    `update ingot.cluster set system_identifier = (select system_identifier from pg_control_system()), xid_base = $1::bigint + 1 - pg_snapshot_xmin(pg_current_snapshot())::text::bigint
     returning xid_base as base, pg_snapshot_xmax(pg_current_snapshot())::text::bigint + xid_base as now`,
    [highest.toString()],
  );
  const base = BigInt(rows[0]!.base);
  for (const { relation } of tables) await client.query(`alter table ${relationName(relation)} alter column ingest_xid set default (txid_current() + (${base}))`);
  await raiseLineIds(client, tables);
  const now = BigInt(rows[0]!.now);
  const overfull: string[] = [];
  for (const { relation } of tables.filter(({ partitioned }) => partitioned)) if (!(await makePartitions(client, relation, now))) overfull.push(relation);
  return { base, now, datasets: datasets.rows.map(({ name }) => name), overfull };
}

const IDENTITY = 'select c.system_identifier as stored, s.system_identifier as actual from ingot.cluster as c cross join pg_control_system() as s';

async function readIdentity(client: Client | Connection): Promise<Identity> {
  const { rows } = await client.query<Identity>(IDENTITY);
  return rows[0] ?? { stored: null, actual: 'unknown' };
}

interface BronzeTable {
  readonly relation: string;
  readonly partitioned: boolean;
  readonly hasId: boolean;
}

/** Every table whose rows carry the transaction that wrote them: those of the sources, and the flush ledger. */
async function bronzeTables(client: Client | Connection): Promise<BronzeTable[]> {
  const { rows } = await client.query<BronzeTable>(
    `select 'bronze.' || c.relname as relation, c.relkind = 'p' as partitioned,
       exists (select from pg_attribute where attrelid = c.oid and attname = 'id' and not attisdropped) as "hasId"
     from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attname = 'ingest_xid' and not a.attisdropped
     where c.relnamespace = 'bronze'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
     order by 1`,
  );
  return rows;
}

/** Of the rows and of the marks, of shadows too: what is stored above it would be taken for seen, or seen twice. */
async function highestXid(client: Client | Connection, tables: readonly BronzeTable[]): Promise<bigint> {
  const arms = tables.map(({ relation }) => `select max(ingest_xid) as xid from ${relationName(relation)}`);
  const { rows } = await client.query<{ highest: string }>(
    `select coalesce(max(xid), 0) as highest from (${[...arms, 'select max(snapshot_xmax) from ingot.datasets', 'select max(mark_xmax) from ingot.shadows', 'select max(mark_xmax) from ingot.source_counts'].join(' union all ')}) as stored`,
  );
  return BigInt(rows[0]!.highest);
}

/** A copy made table by table may have left the sequence behind its rows. */
async function raiseLineIds(client: Client | Connection, tables: readonly BronzeTable[]): Promise<void> {
  const withId = tables.filter(({ hasId }) => hasId);
  if (withId.length === 0) return;
  const arms = withId.map(({ relation }) => `select max(id) as id from ${relationName(relation)}`).join(' union all ');
  await client.query(`select setval('bronze.raw_id', id) from (select max(id) as id from (${arms}) as tables) as highest, bronze.raw_id as s where id >= s.last_value`);
}

/** False, and nothing made, when the default partition holds rows. */
async function makePartitions(client: Client | Connection, relation: string, now: bigint): Promise<boolean> {
  const partitions = await listPartitions(client, relation);
  const { rows } = partitions.rest === undefined ? { rows: [] } : await client.query(`select from ${relationName(`bronze.${partitions.rest}`)} limit 1`);
  if (rows.length > 0) return false;
  for (const partition of makeAhead(relation, partitions, now, FIRST_WIDTH)) await attachPartition(client, relation, partition);
  return true;
}

/** Two that empty one default partition at once would leave a CHECK on the new one. */
async function underLocks(client: Client | Connection, [name, ...others]: readonly string[], work: () => Promise<void>): Promise<void> {
  if (name === undefined) return work();
  await withLock(client, name, () => underLocks(client, others, work));
}

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Dataset } from '@ingot/datasets';
import { inTransaction, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { columnName } from '../sql-names.js';
import { schemaIn, shadowArea } from './shadow-dataset.js';

/** Somebody else is bringing files of this dataset to the database. */
export class PlanHeldError extends Error {
  override readonly name = 'PlanHeldError';
}

const LOWEST_RUN_ID = -(2n ** 62n);

/** What goes into `_run_id` of the rows of a chunk: below every run, in the order of the chunks. */
export function runIdOf(chunk: bigint): bigint {
  return LOWEST_RUN_ID + chunk;
}

function lockKey(dataset: string): string {
  return createHash('sha256').update(`ingot plan ${dataset}`).digest().readBigInt64BE(0).toString();
}

/**
 * One plan at a time for a dataset: does the work while this session holds the plan's lock, which ends with the session.
 * @throws PlanHeldError that says who holds it
 */
export async function withPlanLock<T>(client: Client | Connection, dataset: string, work: () => Promise<T>): Promise<T> {
  const { rows } = await client.query<{ got: boolean }>('select pg_try_advisory_lock($1) as got', [lockKey(dataset)]);
  if (rows[0]?.got !== true) throw await heldBy(client, dataset);
  try {
    return await work();
  } finally {
    await client.query('select pg_advisory_unlock($1)', [lockKey(dataset)]).catch(() => undefined); // a lost session holds nothing
  }
}

/**
 * Makes sure that no plan is under way that was made against what this transaction changes.
 * @throws PlanHeldError
 */
export async function takePlanLock(client: Client | Connection, dataset: string): Promise<void> {
  if (!(await tryPlanLock(client, dataset))) throw await heldBy(client, dataset);
}

/** Keeps plans from being begun until the transaction ends; false when one is under way. */
export async function tryPlanLock(client: Client | Connection, dataset: string): Promise<boolean> {
  const { rows } = await client.query<{ got: boolean }>('select pg_try_advisory_xact_lock($1) as got', [lockKey(dataset)]);
  return rows[0]?.got === true;
}

async function heldBy(client: Client | Connection, dataset: string): Promise<PlanHeldError> {
  const { rows } = await client.query<{ host: string; pid: number; started_at: Date }>('select host, pid, started_at from ingot.plans where dataset = $1', [dataset]);
  const [holder] = rows;
  const who = holder === undefined ? '' : ` by process ${holder.pid} on ${holder.host}, since ${holder.started_at.toISOString()}`;
  return new PlanHeldError(`another plan for ${dataset} is under way${who}; wait for it, or end that process and apply again: it goes on where it was`);
}

/** A plan's row, as this session works on it. */
export interface PlanRow {
  /** The last chunk committed. */
  readonly chunk: bigint;
  readonly startedAt: Date;
  /** True when an earlier session had begun it. */
  readonly resumed: boolean;
}

/**
 * Takes over the plan of this identity that was cut off, or begins it: what another plan has left is dropped.
 * @param relations those that get a shadow with a mark; marks that are there stay
 * @param makeShadows makes the empty tables that are missing in the shadows' area, in the same transaction
 */
export async function openPlan(client: Client | Connection, dataset: Dataset, identity: string, relations: readonly string[], makeShadows: (resumed: boolean) => Promise<void>): Promise<PlanRow> {
  return inTransaction(client, 'isolation level read committed', async () => {
    const { rows } = await client.query<{ identity: string; chunk: string; started_at: Date }>('select identity, chunk, started_at from ingot.plans where dataset = $1 for update', [dataset.name]);
    const own = [hostname(), process.pid];
    const resumed = rows[0]?.identity === identity;
    if (resumed) await client.query('update ingot.plans set host = $2, pid = $3, updated_at = now() where dataset = $1', [dataset.name, ...own]);
    else {
      await dropPlan(client, dataset);
      await client.query('insert into ingot.plans (dataset, identity, host, pid) values ($1, $2, $3, $4)', [dataset.name, identity, ...own]);
      for (const schema of schemasOf(dataset)) await client.query(`create schema ${columnName(schema)}`);
    }
    await client.query('insert into ingot.shadows (dataset, relation) select $1, unnest($2::text[]) on conflict do nothing', [dataset.name, relations]);
    await makeShadows(resumed);
    return resumed ? { chunk: BigInt(rows[0]!.chunk), startedAt: rows[0]!.started_at, resumed } : { chunk: 0n, startedAt: new Date(), resumed };
  });
}

/** Keeps that a chunk was written, in its transaction. */
export async function countChunk(client: Client | Connection, dataset: string, chunk: bigint): Promise<void> {
  await client.query('update ingot.plans set chunk = $2, updated_at = clock_timestamp() where dataset = $1', [dataset, chunk.toString()]);
}

/** Drops the shadows of a plan and forgets it, inside the caller's transaction. */
export async function dropPlan(client: Client | Connection, dataset: Dataset): Promise<void> {
  for (const schema of schemasOf(dataset)) await client.query(`drop schema if exists ${columnName(schema)} cascade`);
  await client.query('delete from ingot.shadow_quarantine where dataset = $1', [dataset.name]);
  await client.query('delete from ingot.plans where dataset = $1', [dataset.name]);
}

const IDLE = '24 hours';

/**
 * Drops the shadows of a plan that nobody has worked on for a day: they hold back what retention may drop.
 * @returns true when there was one
 */
export async function dropIdlePlan(client: Client | Connection, dataset: Dataset): Promise<boolean> {
  const { rowCount } = await client.query(`select from ingot.plans where dataset = $1 and updated_at < now() - interval '${IDLE}'`, [dataset.name]);
  if (rowCount === 0) return false;
  return inTransaction(client, 'isolation level read committed', async () => {
    if (!(await tryPlanLock(client, dataset.name))) return false; // a long statement of a plan that is alive
    await dropPlan(client, dataset);
    return true;
  });
}

function schemasOf(dataset: Dataset): string[] {
  const area = shadowArea(dataset.name);
  return ['silver', 'gold', 'seeds'].map((schema) => schemaIn(area, schema));
}

/** What is built and what it is built over, as text that differs when either does. */
export function identityOf(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}


import type { Connection } from '@ingot/postgres';
import pg, { type Client } from 'pg';
import { TO_REPLAY } from './quarantine/replays.js';
import { relationName } from './sql-names.js';
import { stateOf, stateText, unseenRows, type DatasetState, type Snapshot, type StateRow } from './watermark.js';

/**
 * True when a committed row of the bronze tables is outside `seen`, or when an entry of the dataset is to be replayed.
 * One message; it takes no row lock and no transaction id and writes no WAL. `seen` must have been read before: a
 * watermark read after the rows could cover rows that the probe did not see.
 *
 * Without `enable_seqscan = off` an analysed table is read whole: 2.8 s at 40 M rows (PostgreSQL 15). As it is, 0.5 to
 * 1.2 ms at 1.5 M rows, up to 3.6 ms while two other test suites run on the same two cores (PostgreSQL 18).
 */
export async function hasUnseen(client: Client | Connection, sources: readonly string[], seen: Snapshot, dataset?: string): Promise<boolean> {
  const exists = unseenText(sources, seen, dataset);
  if (exists === undefined) return false;
  const results = await inOneMessage(client, [CHEAP_PLAN, exists]);
  return (results.at(-2)?.rows[0] as UnseenRow | undefined)?.unseen === true;
}

/**
 * The same, with the dataset's row as it is now, read before the rows are: the row says which run and publication a
 * reader finds at least who takes his snapshot afterwards.
 * @param seen a watermark of the dataset, of now or before: what an older one covers a newer one covers too
 */
export async function lookAtDataset(client: Client | Connection, dataset: string, sources: readonly string[], seen: Snapshot): Promise<{ state: DatasetState | undefined; unseen: boolean }> {
  const exists = unseenText(sources, seen, dataset);
  const results = await inOneMessage(client, [stateText(dataset), CHEAP_PLAN, ...(exists === undefined ? [] : [exists])]);
  return { state: stateOf(results[1]?.rows[0] as StateRow | undefined), unseen: exists !== undefined && (results.at(-2)?.rows[0] as UnseenRow | undefined)?.unseen === true };
}

interface UnseenRow {
  readonly unseen: boolean;
}

const CHEAP_PLAN = 'set local enable_seqscan = off; set local max_parallel_workers_per_gather = 0';

function unseenText(sources: readonly string[], seen: Snapshot, dataset: string | undefined): string | undefined {
  const arms = sources.map((source) => `exists (select from ${relationName(source)} where ${unseenRows('ingest_xid', seen)})`);
  if (dataset !== undefined) arms.push(`exists (select from ingot.quarantine where ${TO_REPLAY.replace('$1', () => pg.escapeLiteral(dataset))})`);
  return arms.length === 0 ? undefined : `select ${arms.join(' or ')} as unseen`;
}

/** A read-only transaction of READ COMMITTED: each statement has a snapshot of its own. One result each, from `begin` on. */
async function inOneMessage(client: Client | Connection, statements: readonly string[]): Promise<{ rows: unknown[] }[]> {
  try {
    return (await client.query(['begin read only', ...statements, 'commit'].join('; '))) as unknown as { rows: unknown[] }[];
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

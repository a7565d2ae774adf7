import { setTimeout as sleep } from 'node:timers/promises';
import { sqlState, SQLSTATE, type SessionOptions } from '@ingot/postgres';
import type { Client } from 'pg';
import { insertFlush, isUnclear, isWorthRepeating, writeRows, type Flush } from './flush.js';
import { withSession } from './writer.js';

/** `stored`: it committed, by its first attempt or by a later one. `fenced`: it did not and no longer can. */
export type Settlement = 'stored' | 'fenced';

const RETRY_MS = 100;
/** How long an insert may wait before the transaction it waits for is ended: a COMMIT under way gets that long. */
const PATIENCE_MS = 50;

/**
 * Runs a flush whose outcome is unclear again under the same id, for requests that still wait.
 * The flush row settles it: its key waits for an attempt that still runs, and refuses one that committed.
 * @param until performance.now() at which to give up
 * @returns undefined when it is still unclear by then
 * @throws a definite error of an attempt that had the id: nothing of the flush is stored, or ever will be
 */
export function rerun(session: SessionOptions, flush: Flush, until: number): Promise<Settlement | undefined> {
  let isOurs = false;
  const attempt = (): Promise<Settlement> =>
    withSession(session, until, async (client) => {
      isOurs = false;
      await client.query('begin isolation level read committed');
      if (!(await claim(session, client, flush, flush.lines, until))) return committedOrFenced(client, flush);
      isOurs = true;
      await writeRows(client, flush);
      return 'stored';
    });
  // Until the id is ours, an error (a disk that is full, a database made read-only) says nothing about the attempt that
  // may have committed: taken for "nothing is stored" it had clients send stored lines again.
  return repeatUntil(until, attempt, (error) => !isOurs || isUnclear(error) || isWorthRepeating(error));
}

/**
 * Makes sure that a flush nobody waits for can no longer commit, by taking its id.
 * @returns undefined when the database could not be asked by `until`
 */
export function fence(session: SessionOptions, flush: Flush, until: number): Promise<Settlement | undefined> {
  const attempt = (): Promise<Settlement> =>
    withSession(session, until, async (client) => {
      await client.query('begin isolation level read committed');
      if (!(await claim(session, client, flush, -1, until))) return committedOrFenced(client, flush);
      await client.query('commit');
      return 'fenced';
    });
  return repeatUntil(until, attempt, () => true);
}

/** Tries until it is clear; an error that repeating does not cure is thrown. */
async function repeatUntil(until: number, attempt: () => Promise<Settlement>, isCurable: (error: unknown) => boolean): Promise<Settlement | undefined> {
  while (performance.now() < until) {
    try {
      return await attempt();
    } catch (error) {
      if (!isCurable(error)) throw error;
      await sleep(Math.min(RETRY_MS, Math.max(0, until - performance.now())));
    }
  }
  return undefined;
}

/**
 * Inserts the flush row, ending the transaction that holds its id.
 * @returns false when the id is taken: an attempt committed, or a fence
 */
async function claim(session: SessionOptions, client: Client, flush: Flush, lines: number, until: number): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const waiting = new AbortController();
  const helper = endBlockers(session, rows[0]?.pid ?? 0, waiting.signal, until).catch(() => undefined); // without help it waits longer
  try {
    await client.query(insertFlush(flush, lines));
    return true;
  } catch (error) {
    if (sqlState(error) !== SQLSTATE.uniqueViolation) throw error;
    return false;
  } finally {
    waiting.abort();
    await helper; // later waits of this session are for other transactions, which nobody may end
  }
}

/** Who blocks is asked and ended in one statement: a pid remembered from before may belong to somebody else by then. */
async function endBlockers(session: SessionOptions, pid: number, done: AbortSignal, until: number): Promise<void> {
  const pause = (): Promise<unknown> => sleep(PATIENCE_MS, undefined, { signal: done }).catch(() => undefined);
  await pause();
  if (done.aborted) return;
  await withSession(session, until, async (helper) => {
    while (!done.aborted) {
      await helper.query(
        `select pg_terminate_backend(blocker) from pg_stat_activity as waiting, unnest(pg_blocking_pids(waiting.pid)) as blocker
         where waiting.pid = $1 and waiting.wait_event = 'transactionid'`,
        [pid],
      );
      await pause();
    }
  });
}

/**
 * The id is taken; by whom? The row is updated and that committed before anybody is told: with synchronous replication
 * the commit of a terminated backend is visible before the standby has it, and this COMMIT waits for the standby.
 */
async function committedOrFenced(client: Client, { id }: Flush): Promise<Settlement> {
  await client.query('rollback');
  const { rows } = await client.query<{ lines: number }>('update bronze.flushes set lines = lines where flush_id = $1 returning lines', [id]);
  const lines = rows[0]?.lines;
  if (lines === undefined) throw new Error(`flush ${id} is taken and gone`);
  return lines === -1 ? 'fenced' : 'stored';
}

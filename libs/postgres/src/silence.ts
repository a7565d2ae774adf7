import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection, ConnectionPool } from './pool.js';
import { closeAtOnce } from './read/cancel.js';
import { withConnection } from './transaction.js';

// A connection whose packets are dropped gives no error: a sent query is repeated by the kernel for some 15 minutes, and
// keepalives rest meanwhile. So whoever waits for an answer sets the limit.

/** How long a statement that costs nothing may take. Also: how long a watch waits for its own answer. */
const FIRST_ANSWER_MS = 2_000;
const WATCH_EVERY_MS = 2_000;

/** The server gave no answer, and the connection was closed. Counts as an error of the connection. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  constructor(what: string, options?: { cause?: unknown }) {
    super(`Connection terminated: ${what}`, options);
  }
}

/**
 * Lends a connection of the pool for at most `limitMs`; then it is closed at once, and so are the pool's idle ones,
 * which most likely died with it.
 * @throws NoAnswerError at the limit; else what the work throws
 */
export async function withConnectionFor<T>(pool: ConnectionPool, limitMs: number, work: (client: Connection) => Promise<T>): Promise<T> {
  return withConnection(pool, (client) => answerWithin(pool, client, limitMs, work(client)));
}

/**
 * Lends a connection of the pool for work that may rightly take minutes. Every few seconds the server is asked on
 * another one: a session that is gone, or that has waited for us between two looks while we wait for it, is ended on
 * both sides, so that its locks are free. While the server answers nobody, the work goes on waiting.
 * @param work is never without a statement under way for seconds
 * @throws NoAnswerError; else what the work throws
 */
export async function withWatchedConnection<T>(pool: ConnectionPool, work: (client: Connection) => Promise<T>): Promise<T> {
  return withConnection(pool, async (client) => {
    const backend = await answerWithin(pool, client, FIRST_ANSWER_MS, backendOf(client));
    const over = new AbortController();
    let lost: string | undefined;
    void watch(pool, backend, over.signal).then((found) => {
      lost = found;
      if (found !== undefined) closeAtOnce(client);
    });
    try {
      return await work(client);
    } catch (error) {
      throw lost === undefined ? error : new NoAnswerError(lost, { cause: error });
    } finally {
      over.abort();
    }
  });
}

/** Closes the idle connections of a pool. */
export function closeIdle(pool: ConnectionPool): void {
  for (let left = pool.idleCount; left > 0; left--) {
    pool.connect().then(
      (client) => {
        closeAtOnce(client);
        client.release(true);
      },
      () => undefined, // the pool is closed, or somebody else has taken it
    );
  }
}

async function answerWithin<T>(pool: ConnectionPool, client: Connection, limitMs: number, answer: Promise<T>): Promise<T> {
  let silent: NoAnswerError | undefined;
  const timer = setTimeout(() => {
    silent = new NoAnswerError(`no answer within ${limitMs} ms`);
    closeAtOnce(client);
    closeIdle(pool);
  }, limitMs);
  try {
    return await answer;
  } catch (error) {
    throw silent ?? error;
  } finally {
    clearTimeout(timer);
  }
}

/** A server process: its number may be given out again, so its start belongs to it. */
interface Backend {
  readonly pid: number;
  readonly startedAt: string;
}

async function backendOf(client: Connection): Promise<Backend> {
  const { rows } = await client.query<Backend>(`select pid, backend_start::text as "startedAt" from pg_stat_get_activity(pg_backend_pid())`);
  if (rows[0] === undefined) throw new NoAnswerError('the server does not know its own session');
  return rows[0];
}

/** Resolves with what is wrong with the session, or with undefined once the signal is aborted. */
async function watch(pool: ConnectionPool, backend: Backend, over: AbortSignal): Promise<string | undefined> {
  // Two looks with the same moment in between: a process that was itself held up reads its answers before the second.
  let idleSince: string | undefined;
  for (;;) {
    await sleep(WATCH_EVERY_MS, undefined, { signal: over, ref: false }).catch(() => undefined);
    if (over.aborted) return undefined;
    try {
      const found = await withConnectionFor(pool, FIRST_ANSWER_MS, (client) => stateOf(client, backend));
      if (over.aborted) return undefined;
      if (found === undefined) return 'the server has ended the session';
      if (found.idleSince !== null && found.idleSince === idleSince) {
        await withConnectionFor(pool, FIRST_ANSWER_MS, (client) => end(client, backend)).catch(() => undefined); // its idle timeout ends it else
        return 'the server waits for a statement that has been sent, or its answer was lost';
      }
      idleSince = found.idleSince ?? undefined;
    } catch {
      // nobody can be asked: the next look
    }
  }
}

async function stateOf(client: Connection, { pid, startedAt }: Backend): Promise<{ idleSince: string | null } | undefined> {
  const { rows } = await client.query<{ idleSince: string | null }>(
    `select case when state like 'idle%' then state_change::text end as "idleSince" from pg_stat_get_activity($1) where backend_start::text = $2`,
    [pid, startedAt],
  );
  return rows[0];
}

async function end(client: Connection, { pid, startedAt }: Backend): Promise<void> {
  await client.query('select pg_terminate_backend(pid) from pg_stat_get_activity($1) where backend_start::text = $2', [pid, startedAt]);
}

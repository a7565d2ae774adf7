import { AsyncResource } from 'node:async_hooks';
import pRetry from 'p-retry';
import { closePool, createPool, transactionSettings, type Connection, type ConnectionPool, type SessionOptions } from '../pool.js';
import { closeIdle, NoAnswerError } from '../silence.js';
import { isPoolExhausted, isTransient, SQLSTATE, sqlState } from '../sqlstate.js';
import type { KnownColumns } from './copy-query.js';
import { CopyRead, OutgrownError, type CopyRequest, type SharedRoom } from './copy-read.js';
import { LargeReads, type LargeRead, type LargeReadUsage } from './large-reads.js';
import { ReadBreaker, type BreakerOptions, type BreakerState } from './read-breaker.js';
import { ReadError } from './read-error.js';
import { ReadReport, type ReadLog } from './read-report.js';
import { prepareSpoolFolder } from './spool/spool-file.js';
import { SpoolSpace, type SpoolOptions, type SpoolUsage } from './spool/spool-space.js';

export interface ReadOptions extends Omit<SessionOptions, 'settings'> {
  min: number;
  max: number;
  /** How long a read waits for a free connection, and a large one for its turn, in milliseconds. */
  acquireTimeoutMs: number;
  /** How long a read may hold its transaction, in seconds. */
  transactionSeconds: number;
  /** Statements slower than this, in milliseconds, are logged as warnings. */
  slowMs: number;
  log: ReadLog;
  /** How often a read is tried on what is transient; 3 when it is not given. */
  attempts?: number;
  /** Memory, disk and turns of large answers that are another repository's too. */
  room?: SharedRoom;
  /** Large answers that may be under way at a time. */
  largeReads?: number;
  /** Where, and how much, answers that clients have not taken are kept. */
  spool?: Partial<SpoolOptions>;
  /** For tests: how the breaker counts. */
  breaker?: Partial<BreakerOptions>;
}

/** What the reads of a process hold at the moment, for metrics. */
export interface ReadStatus {
  readonly breaker: BreakerState;
  readonly pool: { readonly total: number; readonly idle: number; readonly waiting: number; readonly max: number };
  readonly large: LargeReadUsage;
  readonly spool: SpoolUsage;
}

const ATTEMPTS = 3;
// 30 to 60 ms, then 60 to 120 ms: with a database that refuses connections the answer is out in under 250 ms.
const FIRST_PAUSE_MS = 30;
// A publish waits for a table at most one second longer than a read may hold it; a read that queues behind waits for
// both, so its own limit lies above.
const ABOVE_A_PUBLISH_MS = 2_000;
const LARGE_READS = 16;

/**
 * The one way in for reads: a bounded pool, a breaker before the database, three attempts on what is transient, and
 * every statement timed under its name. A large read holds up nobody: it may have half of the connections, and what
 * its client is slow to take waits on disk.
 */
export class ReadRepository {
  readonly pool: ConnectionPool;
  /** To be given to a repository that shares it. */
  readonly room: SharedRoom;
  private readonly breaker: ReadBreaker;
  private readonly transactionSettings: string | undefined;
  private readonly known: KnownColumns = new WeakMap();
  private readonly open = new Set<CopyRead>();
  private closed?: Promise<void>;

  constructor(private readonly options: ReadOptions) {
    const { log, max, transactionSeconds } = options;
    const settings = {
      // A parallel append hands out rows of its arms as workers find them; the order of `arm union all arm` would be lost.
      enable_parallel_append: 'off',
      idle_in_transaction_session_timeout: String(transactionSeconds * 1000 + 5_000),
    };
    this.transactionSettings = options.pooled === true ? transactionSettings(settings) : undefined;
    this.pool = createPool({
      ...options,
      settings: { ...settings, default_transaction_read_only: 'on', statement_timeout: String(transactionSeconds * 1000) },
      onError: (error) => log.warn({ err: error }, 'an idle read connection broke'),
    });
    this.room = options.room ?? {
      space: new SpoolSpace(options.spool),
      large: new LargeReads({ streams: options.largeReads ?? LARGE_READS, connections: Math.max(1, Math.floor(max / 2)) }),
    };
    this.breaker = new ReadBreaker(options.breaker, (state) => {
      if (state === 'open') log.error({}, 'reads stopped: the database keeps failing');
      if (state === 'closed') log.warn({}, 'reads go on: the database answers again');
    });
  }

  get status(): ReadStatus {
    const { totalCount: total, idleCount: idle, waitingCount: waiting } = this.pool;
    return { breaker: this.breaker.state, pool: { total, idle, waiting, max: this.options.max }, large: this.room.large.usage, spool: this.room.space.usage };
  }

  /**
   * Makes the spool folder usable: exists, can be written to, holds nothing of processes that are gone.
   * @throws the error of the file system
   */
  prepare(): Promise<void> {
    return prepareSpoolFolder(this.room.space.options.folder);
  }

  /**
   * Starts a COPY TO STDOUT as engine rule: locks first, then a fresh snapshot. Resolves when the result is complete, or
   * has outgrown memory and may be large; until then nothing is given out, and it may be tried again.
   * @throws ReadError; BehindError; or the server's own error when the statement is at fault
   */
  async copyOut(request: CopyRequest): Promise<CopyRead> {
    try {
      return await this.attempts(request);
    } catch (error) {
      if (!(error instanceof OutgrownError)) throw error;
    }
    // It gave its connection back, so that small reads can have it, and starts anew when it is its turn.
    const leave = await this.room.large.take(this.options.acquireTimeoutMs, request.signal);
    try {
      return await this.attempts(request, leave);
    } catch (error) {
      leave.done();
      throw error;
    }
  }

  /** Waits for the statements under way, at most the time a read may last; then ends the answers that are left. */
  close(): Promise<void> {
    this.breaker.close();
    this.closed ??= closePool(this.pool).then(() => this.endAnswers());
    return this.closed;
  }

  private async endAnswers(): Promise<void> {
    const ended = [...this.open].map((read) => new Promise((resolve) => read.once('close', resolve)));
    this.open.forEach((read) => read.destroy(new ReadError('unavailable', 'reads are closed')));
    await Promise.all(ended);
  }

  private async attempts(request: CopyRequest, leave?: LargeRead): Promise<CopyRead> {
    try {
      return await pRetry(() => this.breaker.run(() => this.attempt(request, leave)), {
        retries: (this.options.attempts ?? ATTEMPTS) - 1,
        minTimeout: FIRST_PAUSE_MS,
        factor: 2,
        randomize: true,
        signal: request.signal,
        shouldRetry: ({ error }) => worthAnotherAttempt(error),
        onFailedAttempt: ({ error, attemptNumber }) => this.options.log.debug({ err: error, statement: request.name, attempt: attemptNumber }, 'read attempt failed'),
      });
    } catch (error) {
      throw request.signal?.aborted === true ? new ReadError('abandoned', 'the client went away', { cause: error }) : toReadError(error);
    }
  }

  /** @throws OutgrownError, ReadError, or the server's own error when the statement is at fault */
  private async attempt(request: CopyRequest, leave?: LargeRead): Promise<CopyRead> {
    try {
      return await this.read(request, leave);
    } catch (error) {
      if ((error as { cause?: unknown }).cause instanceof NoAnswerError) closeIdle(this.pool); // the next attempt gets a new connection
      throw toReadError(error);
    }
  }

  private async read(request: CopyRequest, leave?: LargeRead): Promise<CopyRead> {
    const report = new ReadReport(this.options.log, this.options.slowMs, request.name);
    const client = await this.acquire(request.signal).catch((error: Error) => {
      report.refused(error);
      throw error;
    });
    const transactionMs = this.options.transactionSeconds * 1000;
    const limits = { transactionMs, lockMs: transactionMs + ABOVE_A_PUBLISH_MS, ...(this.transactionSettings === undefined ? {} : { settings: this.transactionSettings }) };
    const read = new CopyRead(client, request, limits, this.known, this.room, leave);
    this.open.add(read);
    read.once('close', () => this.open.delete(read));
    read.once('answered', () => this.breaker.answered());
    read.once('returned', AsyncResource.bind(() => report.returned(read))); // told by the socket; the log line belongs to the request
    read.once('error', (error) => report.broke(read, error));
    return read.start();
  }

  private async acquire(signal?: AbortSignal): Promise<Connection> {
    try {
      const client = await this.pool.connect();
      if (signal?.aborted !== true) return client;
      client.release();
      throw new ReadError('abandoned', 'the client went away');
    } catch (error) {
      if (isPoolExhausted(error)) {
        throw new ReadError('pool exhausted', `all ${this.options.max} read connections were busy for ${this.options.acquireTimeoutMs} ms`, { cause: error });
      }
      throw error;
    }
  }
}

/** A lock that was not to be had has been waited for longer than a publish lasts: not again. */
function worthAnotherAttempt(error: unknown): boolean {
  return error instanceof ReadError && error.code === 'unavailable' && error.cause !== undefined && sqlState(error.cause) !== SQLSTATE.lockNotAvailable;
}

/** What an error means to whoever reads: a ReadError, or itself when the statement or we are at fault. */
export function toReadError(error: unknown): unknown {
  if (error instanceof ReadError) return error;
  const { code } = error as { code?: unknown };
  if (code === 'ESHUTDOWN') return new ReadError('unavailable', 'reads are closed', { cause: error });
  if (code === 'EOPENBREAKER') return new ReadError('breaker open', 'the database keeps failing; reads are stopped for a moment', { cause: error });
  if (sqlState(error) === SQLSTATE.queryCanceled) return new ReadError('too slow', 'the statement took too long', { cause: error });
  if (isTransient(error)) return new ReadError('unavailable', 'the database is not available', { cause: error });
  return error;
}

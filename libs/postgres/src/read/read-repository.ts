import CircuitBreaker from 'opossum';
import pRetry from 'p-retry';
import { createPool, type Connection, type ConnectionPool, type SessionOptions } from '../pool.js';
import { closeIdle, NoAnswerError } from '../silence.js';
import { isConnectionError, isTransient, SQLSTATE, sqlState } from '../sqlstate.js';
import { CopyRead, type CopyRequest } from './copy-read.js';
import { ReadError } from './read-error.js';

export interface ReadOptions extends Omit<SessionOptions, 'settings'> {
  min: number;
  max: number;
  /** How long a read waits for a free connection, in milliseconds. */
  acquireTimeoutMs: number;
  /** How long a read may hold its transaction, in seconds. */
  transactionSeconds: number;
  /** Statements slower than this, in milliseconds, are logged as warnings. */
  slowMs: number;
  log: ReadLog;
  /** For tests: how the breaker counts. */
  breaker?: Partial<BreakerOptions>;
}

/** The part of a pino logger that is used here. */
export interface ReadLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

interface BreakerOptions {
  /** Attempts within the window before the breaker may open. */
  volumeThreshold: number;
  errorThresholdPercentage: number;
  /** How long it stays open before one attempt is let through, in milliseconds. */
  resetTimeout: number;
}

const ATTEMPTS = 3;
// 30 to 60 ms, then 60 to 120 ms: with a database that refuses connections the answer is out in under 250 ms.
const FIRST_PAUSE_MS = 30;
const BREAKER: BreakerOptions = { volumeThreshold: 10, errorThresholdPercentage: 50, resetTimeout: 2_000 };
// A publish waits for a table at most one second longer than a read may hold it; a read that queues behind waits for
// both, so its own limit lies above.
const ABOVE_A_PUBLISH_MS = 2_000;

/**
 * The one way in for reads: a bounded pool, a breaker before the database, three attempts on what is transient, and
 * every statement timed under its name.
 */
export class ReadRepository {
  readonly pool: ConnectionPool;
  private readonly breaker: CircuitBreaker<[() => Promise<CopyRead>], CopyRead>;
  private closed?: Promise<void>;

  constructor(private readonly options: ReadOptions) {
    this.pool = createPool({
      ...options,
      settings: {
        default_transaction_read_only: 'on',
        // A parallel append hands out rows of its arms as workers find them; the order of `arm union all arm` would be lost.
        enable_parallel_append: 'off',
        statement_timeout: String(options.transactionSeconds * 1000),
        idle_in_transaction_session_timeout: String(options.transactionSeconds * 1000 + 5_000),
      },
      onError: (error) => options.log.warn({ err: error }, 'an idle read connection broke'),
    });
    this.breaker = new CircuitBreaker((attempt: () => Promise<CopyRead>) => attempt(), {
      ...BREAKER,
      ...options.breaker,
      timeout: false, // statements have limits of their own
      errorFilter: (error: unknown) => !saysDatabaseIsIll(error),
    });
    this.breaker.on('open', () => options.log.error({}, 'reads stopped: the database keeps failing'));
    this.breaker.on('close', () => options.log.warn({}, 'reads go on: the database answers again'));
  }

  /**
   * Starts a COPY TO STDOUT as engine rule: locks first, then a fresh snapshot. Resolves at its first byte.
   * @throws ReadError; or the server's own error when the statement is at fault
   */
  async copyOut(request: CopyRequest): Promise<CopyRead> {
    try {
      return await pRetry(() => this.breaker.fire(() => this.attempt(request)), {
        retries: ATTEMPTS - 1,
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

  /** Waits for the reads under way, at most the time a read may last. */
  close(): Promise<void> {
    this.breaker.shutdown();
    this.closed ??= this.pool.end();
    return this.closed;
  }

  /** @throws ReadError, or the server's own error when the statement is at fault */
  private async attempt(request: CopyRequest): Promise<CopyRead> {
    try {
      return await this.read(request);
    } catch (error) {
      if ((error as { cause?: unknown }).cause instanceof NoAnswerError) closeIdle(this.pool); // the next attempt gets a new connection
      throw toReadError(error);
    }
  }

  private async read(request: CopyRequest): Promise<CopyRead> {
    const client = await this.acquire();
    if (request.signal?.aborted === true) {
      client.release();
      throw new ReadError('abandoned', 'the client went away');
    }
    const transactionMs = this.options.transactionSeconds * 1000;
    const read = new CopyRead(client, request, { transactionMs, lockMs: transactionMs + ABOVE_A_PUBLISH_MS });
    read.once('settled', () => this.report(request.name, read));
    return read.start();
  }

  private async acquire(): Promise<Connection> {
    try {
      return await this.pool.connect();
    } catch (error) {
      if (/timeout exceeded when trying to connect/.test((error as Error).message)) {
        throw new ReadError('pool exhausted', `all ${this.options.max} read connections were busy for ${this.options.acquireTimeoutMs} ms`, { cause: error });
      }
      throw error;
    }
  }

  private report(name: string, read: CopyRead): void {
    const { lockMs, firstByteMs, totalMs, rows, bytes } = read.times;
    const round = (value?: number): number | undefined => (value === undefined ? undefined : Math.round(value * 10) / 10);
    const fields = { statement: name, ms: round(totalMs), lock_ms: round(lockMs), first_byte_ms: round(firstByteMs), rows, bytes, err: read.errored ?? undefined };
    const brokenOff = read.errored !== null && firstByteMs !== undefined && (read.errored as Partial<ReadError>).code !== 'abandoned';
    if (brokenOff) this.options.log.warn(fields, 'statement broke off'); // the client has a part of it; nobody else will tell
    else if ((totalMs ?? 0) >= this.options.slowMs) this.options.log.warn(fields, 'slow statement');
    else this.options.log.debug(fields, 'statement');
  }
}

/** Only what speaks of the server itself opens the breaker: not a client's value, a full pool, a lock or a long query. */
function saysDatabaseIsIll(error: unknown): boolean {
  if (!(error instanceof ReadError)) return /^(58|XX)/.test(sqlState(error) ?? '');
  return error.code === 'unavailable' && (error.cause === undefined || isConnectionError(error.cause) || /^53/.test(sqlState(error.cause) ?? ''));
}

/** A lock that was not to be had has been waited for longer than a publish lasts: not again. */
function worthAnotherAttempt(error: unknown): boolean {
  return error instanceof ReadError && error.code === 'unavailable' && error.cause !== undefined && sqlState(error.cause) !== SQLSTATE.lockNotAvailable;
}

function toReadError(error: unknown): unknown {
  if (error instanceof ReadError) return error;
  const { code } = error as { code?: unknown };
  if (code === 'ESHUTDOWN') return new ReadError('unavailable', 'reads are closed', { cause: error });
  if (code === 'EOPENBREAKER') return new ReadError('breaker open', 'the database keeps failing; reads are stopped for a moment', { cause: error });
  if (sqlState(error) === SQLSTATE.queryCanceled) return new ReadError('too slow', 'the statement took too long', { cause: error });
  if (isTransient(error)) return new ReadError('unavailable', 'the database is not available', { cause: error });
  return error;
}

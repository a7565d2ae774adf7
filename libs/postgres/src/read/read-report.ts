import { channel } from 'node:diagnostics_channel';
import { OutgrownError, type CopyRead } from './copy-read.js';
import { ReadError } from './read-error.js';

/** The part of a pino logger that is used here. */
export interface ReadLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Names of `diagnostics_channel`s. One message for each attempt of a read, of type ReadStatement: at its start, in the
 * context of the request, and the same object again when its connection is back.
 */
export const READ_CHANNELS = { start: 'ingot:read:start', end: 'ingot:read' } as const;

export interface ReadStatement {
  /** E.g. `sensor/data`. */
  readonly statement: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** From here on: at the end. How long it waited for a connection. */
  waitMs?: number;
  /** How long it had the connection; so are the other times counted. */
  ms?: number;
  lockMs?: number;
  firstByteMs?: number;
  rows?: number;
  bytes?: number;
  /** Of them, those that went by way of the disk. */
  spooledBytes?: number;
  /** `postponed`: it turned out large and is made again when there is leave; `abandoned`: the client went away. */
  outcome?: 'complete' | 'failed' | 'abandoned' | 'postponed';
  error?: Error;
}

const started = channel(READ_CHANNELS.start);
const ended = channel(READ_CHANNELS.end);

/** Logs one attempt of a read, and tells those who measure. */
export class ReadReport {
  private readonly message: ReadStatement;
  private readonly startedAt = performance.now();

  constructor(
    private readonly log: ReadLog,
    private readonly slowMs: number,
    statement: string,
  ) {
    this.message = { statement, startedAt: Date.now() };
    if (started.hasSubscribers) started.publish(this.message);
  }

  /** There was no connection to be had. */
  refused(error: Error): void {
    Object.assign(this.message, { waitMs: performance.now() - this.startedAt, outcome: isAbandoned(error) ? 'abandoned' : 'failed', error });
    if (ended.hasSubscribers) ended.publish(this.message);
  }

  /** The connection is back. */
  returned(read: CopyRead): void {
    const { lockMs, firstByteMs, totalMs = 0, rows, bytes, spooledBytes } = read.times;
    const { statement } = this.message;
    const outcome = outcomeOf(read);
    const error = read.errored ?? undefined;
    const waitMs = performance.now() - this.startedAt - totalMs;
    Object.assign(this.message, { waitMs, ms: totalMs, lockMs, firstByteMs, rows, bytes, spooledBytes, outcome, error });
    if (ended.hasSubscribers) ended.publish(this.message);
    const fields = { statement, ms: round(totalMs), lock_ms: round(lockMs), first_byte_ms: round(firstByteMs), rows, bytes, spooled_bytes: spooledBytes, err: error };
    if (outcome === 'failed' && read.hasStarted) this.log.warn(fields, 'statement broke off'); // the client has a part of it; nobody else will tell
    else if (totalMs >= this.slowMs) this.log.warn(fields, 'slow statement');
    else this.log.debug(fields, outcome === 'postponed' ? 'a large read waits its turn' : 'statement');
  }

  /** The answer broke off when its rows had been read already: the disk is full, or fails. */
  broke(read: CopyRead, error: Error): void {
    if (read.isComplete && !isAbandoned(error)) this.log.warn({ statement: this.message.statement, err: error }, 'answer broke off after its rows were read');
  }
}

function outcomeOf(read: CopyRead): ReadStatement['outcome'] {
  if (read.isComplete) return 'complete';
  if (read.errored instanceof OutgrownError) return 'postponed';
  return read.errored === null || isAbandoned(read.errored) ? 'abandoned' : 'failed';
}

/** `ERR_STREAM_PREMATURE_CLOSE` is what a pipeline says when its other end, the client, has closed. */
function isAbandoned(error: Error): boolean {
  return (error instanceof ReadError && error.code === 'abandoned') || (error as { code?: unknown }).code === 'ERR_STREAM_PREMATURE_CLOSE' || error.name === 'AbortError';
}

const round = (value?: number): number | undefined => (value === undefined ? undefined : Math.round(value * 10) / 10);

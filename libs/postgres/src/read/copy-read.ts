import { Readable } from 'node:stream';
import type { Connection } from '../pool.js';
import type { CopyQuery, Described, KnownColumns, ResultColumn } from './copy-query.js';
import { CopyStatement, type CopyLimits, type StatementTimes } from './copy-statement.js';
import type { LargeRead, LargeReads } from './large-reads.js';
import { ReadError } from './read-error.js';
import { Spool } from './spool/spool.js';
import { SMALL_BYTES, type SpoolSpace } from './spool/spool-space.js';

export interface CopyRequest extends CopyQuery {
  /** For log lines and metrics, e.g. `sensor/data`. */
  readonly name: string;
  /**
   * Makes the COPY statement once the columns of the query are known, and the rows of `before`. What it throws reaches
   * the caller of copyOut() as it is.
   */
  readonly copy: (columns: readonly ResultColumn[], rowsOfBefore: Described['before']) => string;
  /** Aborted when the client is gone. */
  readonly signal?: AbortSignal;
}

/** What a read shares with the others of its process. */
export interface SharedRoom {
  readonly space: SpoolSpace;
  readonly large: LargeReads;
}

/** The result is large, and there is no leave to be: nothing was given out, the read may be made again with leave. */
export class OutgrownError extends Error {
  override readonly name = 'OutgrownError';
}

const CHUNK_BYTES = 128 * 1024;

/**
 * A COPY as a stream of bytes. It runs as fast as the database goes, whatever the reader does: what he has not
 * taken is kept, and the connection goes back when the last row has arrived. Emits `answered` when the server has
 * answered to BEGIN, and `returned` when the connection is back or closed.
 */
export class CopyRead extends Readable {
  /** Of the query; known once start() has resolved. */
  columns: readonly ResultColumn[] = [];
  private readonly spool: Spool;
  private readonly statement: CopyStatement;
  private started = false;
  private complete = false;
  private wanted = false;
  private taking = false;

  /** @param leave to be large, when it was waited for; without, start() asks for it when the result turns out large */
  constructor(
    client: Connection,
    private readonly request: CopyRequest,
    limits: CopyLimits,
    known: KnownColumns,
    private readonly room: SharedRoom,
    private leave?: LargeRead,
  ) {
    super({ highWaterMark: CHUNK_BYTES });
    this.statement = new CopyStatement(client, limits, known, {
      answered: () => this.emit('answered'),
      overdue: (reason) => this.destroy(reason),
      returned: () => this.emit('returned'),
    });
    this.spool = new Spool(room.space, { readable: () => this.pump(), writable: () => this.statement.resume(), failed: (error) => this.destroy(error) });
    this.on('error', () => undefined); // whoever reads has a listener too; before that, start() rejects with it
  }

  /** What the statement has cost so far, and how many of its bytes went by way of the disk. */
  get times(): StatementTimes & { spooledBytes: number } {
    return { ...this.statement.times, spooledBytes: this.spool.spooledBytes };
  }

  /** True from the moment start() resolves: some of the answer may be out. */
  get hasStarted(): boolean {
    return this.started;
  }

  /** True when all rows have arrived; the reader may have more to take. */
  get isComplete(): boolean {
    return this.complete;
  }

  /**
   * Resolves when the result is complete, or has grown large and has leave to be: whatever fails earlier can still be
   * answered with an error.
   * @throws OutgrownError, ReadError, the server's own error
   */
  async start(): Promise<this> {
    const { signal, copy } = this.request;
    const gone = (): void => void this.destroy(new ReadError('abandoned', 'the client went away'));
    signal?.addEventListener('abort', gone, { once: true });
    this.once('close', () => signal?.removeEventListener('abort', gone));
    try {
      if (signal?.aborted === true) gone();
      const { columns, before } = await this.unlessDestroyed(this.statement.lockAndDescribe(this.request));
      this.columns = columns;
      await this.unlessDestroyed(this.copy(copy(columns, before)));
      return this;
    } catch (error) {
      this.destroy(error as Error);
      throw this.failure(); // the first one: when the stream is destroyed, what waits on the connection fails as well
    }
  }

  override _read(): void {
    this.wanted = true;
    this.pump();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.statement.giveBack(() => this.failure());
    if (this.started) this.leave?.done(); // before that, whoever waited for it still has it
    void this.spool.close().then(() => done(error));
  }

  private copy(statement: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.statement.copy(statement, {
        data: (chunk) => {
          this.keep(chunk);
          if (this.statement.times.bytes > SMALL_BYTES && this.mayBeLarge()) resolve();
        },
        end: () => {
          this.complete = this.started = true;
          this.once('returned', () => this.leave?.copied());
          this.pump();
          resolve();
        },
        error: (error) => {
          reject(error);
          this.destroy(error);
        },
      });
    });
  }

  private mayBeLarge(): boolean {
    if (this.destroyed) return false;
    this.leave ??= this.room.large.tryTake();
    if (this.leave === undefined) this.destroy(new OutgrownError('a large result needs leave'));
    else this.started = true;
    return this.started;
  }

  private keep(chunk: Buffer): void {
    if (!this.spool.append(chunk)) this.statement.pause();
  }

  /** Hands on what is kept, as long as the reader wants it. */
  private pump(): void {
    while (this.wanted && !this.taking && !this.destroyed) {
      const next = this.spool.take();
      if (next === undefined) return this.endWhenEmpty();
      if (Buffer.isBuffer(next)) this.wanted = this.push(next);
      else this.pumpLater(next);
    }
  }

  private pumpLater(next: Promise<Buffer>): void {
    this.taking = true;
    next.then(
      (chunk) => {
        this.taking = false;
        if (this.destroyed) return;
        this.wanted = this.push(chunk);
        this.pump();
      },
      (error: Error) => this.destroy(error),
    );
  }

  private endWhenEmpty(): void {
    if (!this.complete || !this.spool.isEmpty) return;
    this.wanted = false;
    void this.spool.close(); // the last bytes may stay in this stream for long
    this.push(null);
  }

  private async unlessDestroyed<T>(work: Promise<T>): Promise<T> {
    work.catch(() => undefined); // rejected by the closed connection when the stream was destroyed first
    return this.destroyed ? Promise.reject(this.failure()) : Promise.race([work, this.destruction()]);
  }

  private destruction(): Promise<never> {
    return new Promise((_, reject) => this.once('close', () => this.complete || reject(this.failure())));
  }

  private failure(): Error {
    return this.errored ?? new ReadError('abandoned', 'the stream was closed');
  }
}

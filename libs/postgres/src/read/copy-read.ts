import { Readable } from 'node:stream';
import { to as copyTo, type CopyToStreamQuery } from 'pg-copy-streams';
import type { QueryResult } from 'pg';
import type { Connection } from '../pool.js';
import { NoAnswerError } from '../silence.js';
import { cancelStatement, closeAtOnce } from './cancel.js';
import { ReadError } from './read-error.js';

/** A column of a statement's result. */
export interface ResultColumn {
  readonly name: string;
  /** OID of its type in pg_type. */
  readonly type: number;
}

/** What stands around the bytes of a COPY. */
export interface Frame {
  /** Bytes to leave out at the start, 0 or 1: the separator before the first row. */
  readonly drop: 0 | 1;
  readonly head: string;
  readonly tail: string;
}

export interface CopyRequest {
  /** For log lines and metrics, e.g. `sensor/data`. */
  readonly name: string;
  /** `schema.name` of every relation the query reads, locked in this order: tables by name, then views. */
  readonly relations: readonly string[];
  /** One SELECT, values already in it as literals: COPY takes no parameters. */
  readonly query: string;
  /** Makes the COPY statement once the columns of the query are known. */
  readonly copy: (columns: readonly ResultColumn[]) => string;
  readonly frame: Frame;
  /** Aborted when the client is gone. */
  readonly signal?: AbortSignal;
}

export interface CopyLimits {
  /** How long LOCK TABLE may wait, in milliseconds. */
  readonly lockMs: number;
  /** How long the transaction may last once it has its locks, in milliseconds. */
  readonly transactionMs: number;
}

/** What a read has cost so far, in milliseconds from the connection's loan, and what it gave. */
export interface CopyTimes {
  lockMs?: number;
  firstByteMs?: number;
  totalMs?: number;
  rows: number;
  bytes: number;
}

// Beyond the server's own limit: only a server that does not answer at all gets this far.
const SERVER_SILENT_MS = 1_000;
/** BEGIN and COMMIT of a read wait for nobody. */
const BEGIN_MS = 2_000;
const COMMIT_MS = 1_000;
const CHUNK_BYTES = 256 * 1024;

/**
 * One COPY on one lent connection, as a stream of framed bytes. The connection goes back when the last row has
 * arrived; when the stream ends in any other way the statement is cancelled and the connection closed.
 */
export class CopyRead extends Readable {
  readonly times: CopyTimes = { rows: 0, bytes: 0 };
  private source?: CopyToStreamQuery;
  private timer?: NodeJS.Timeout;
  private lent = true;
  private readonly startedAt = performance.now();

  constructor(
    private readonly client: Connection,
    private readonly request: CopyRequest,
    private readonly limits: CopyLimits,
  ) {
    super({ highWaterMark: CHUNK_BYTES });
    this.on('error', () => undefined); // whoever reads has a listener too; before that, start() rejects with it
  }

  /**
   * Resolves at the first byte, or at the end of an empty result, so that everything that fails earlier can still be
   * answered with an error.
   */
  async start(): Promise<this> {
    const gone = (): void => void this.destroy(new ReadError('abandoned', 'the client went away'));
    this.request.signal?.addEventListener('abort', gone, { once: true });
    this.once('close', () => this.request.signal?.removeEventListener('abort', gone));
    try {
      if (this.request.signal?.aborted === true) gone();
      const columns = await this.unlessDestroyed(this.lockAndDescribe());
      await this.unlessDestroyed(this.copy(this.request.copy(columns)));
      return this;
    } catch (error) {
      this.destroy(error as Error);
      throw error;
    }
  }

  override _read(): void {
    this.source?.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.giveBack(error ?? new ReadError('abandoned', 'the stream was closed'));
    done(error);
  }

  /**
   * BEGIN and limits first, by themselves: a dead connection shows within 2 s (and 0.1 to 0.3 ms are lost on a live
   * one), whereas a lock may rightly take longer. Then locks and the query without rows, for its columns. A COPY is never the first to
   * touch a table: its snapshot would be older than its lock. Seen: a COPY that waited for a publish gave 0 rows where
   * 10 were right. The columns are asked under the lock, each time (0.3 ms for GET /data): a type remembered from before a
   * publish would be rendered the wrong way.
   */
  private async lockAndDescribe(): Promise<ResultColumn[]> {
    const { relations, query } = this.request;
    const { lockMs, transactionMs } = this.limits;
    const silent = 'the database does not answer';
    this.cutAfter(BEGIN_MS, new ReadError('unavailable', silent, { cause: new NoAnswerError(`no answer to BEGIN within ${BEGIN_MS} ms`) }));
    await this.client.query(`begin read only; set local lock_timeout = ${lockMs}; set local statement_timeout = ${lockMs + SERVER_SILENT_MS / 2}`);
    if (this.destroyed) throw new ReadError('abandoned', 'the stream was closed');
    this.cutAfter(lockMs + SERVER_SILENT_MS, new ReadError('unavailable', silent));
    const locked = [...new Set(relations)].map((relation) => relation.split('.').map(quoteIdentifier).join('.'));
    const statements = [
      ...(locked.length > 0 ? [`lock table ${locked.join(', ')} in access share mode`] : []),
      `set local statement_timeout = ${transactionMs}`,
      `select * from (\n${query}\n) described limit 0`,
    ];
    const results = (await this.client.query(statements.join(';\n'))) as unknown as QueryResult[];
    this.times.lockMs = this.elapsed();
    return (results.at(-1)?.fields ?? []).map((field) => ({ name: field.name, type: field.dataTypeID }));
  }

  private copy(statement: string): Promise<void> {
    this.cutAfter(this.limits.transactionMs + SERVER_SILENT_MS / 2, new ReadError('too slow', `the read took longer than ${this.limits.transactionMs / 1000} s`));
    const { frame } = this.request;
    const source = this.client.query(copyTo(statement, { highWaterMark: CHUNK_BYTES }));
    this.source = source;
    return new Promise((resolve, reject) => {
      source.on('data', (chunk: Buffer) => {
        const first = this.times.bytes === 0;
        this.times.bytes += chunk.length;
        if (first) {
          this.times.firstByteMs = this.elapsed();
          this.frame(frame.head);
        }
        if (!this.push(first ? chunk.subarray(frame.drop) : chunk)) source.pause();
        resolve();
      });
      source.on('end', () => {
        this.finish(source);
        if (this.times.bytes === 0) this.frame(frame.head);
        this.frame(frame.tail);
        this.push(null);
        resolve();
      });
      source.on('error', (error: Error) => {
        reject(error);
        this.destroy(error);
      });
    });
  }

  /** The last row is here. The connection goes back after COMMIT, without keeping the reader waiting. */
  private finish(source: CopyToStreamQuery): void {
    if (!this.lent) return;
    this.lent = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => closeAtOnce(this.client), COMMIT_MS); // the COMMIT is rejected with it
    this.client.query('commit').then(
      () => {
        this.settle(source.rowCount);
        this.client.release();
      },
      (error: Error) => {
        this.settle(source.rowCount);
        this.client.release(error);
      },
    );
  }

  private giveBack(reason: Error): void {
    if (!this.lent) return;
    this.lent = false;
    this.settle(0);
    cancelStatement(this.client);
    closeAtOnce(this.client);
    this.client.release(reason);
  }

  private frame(text: string): void {
    if (text !== '') this.push(text);
  }

  private settle(rows: number): void {
    clearTimeout(this.timer);
    this.times.rows = rows;
    this.times.totalMs = this.elapsed();
    this.emit('settled');
  }

  private cutAfter(milliseconds: number, reason: ReadError): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.destroy(reason), milliseconds);
  }

  private async unlessDestroyed<T>(work: Promise<T>): Promise<T> {
    work.catch(() => undefined); // rejected by the closed connection when the stream was destroyed first
    return this.destroyed ? Promise.reject(this.errored ?? new Error('destroyed')) : Promise.race([work, this.destruction()]);
  }

  private destruction(): Promise<never> {
    return new Promise((_, reject) => this.once('close', () => reject(this.errored ?? new ReadError('abandoned', 'the stream was closed'))));
  }

  private elapsed(): number {
    return performance.now() - this.startedAt;
  }
}

const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

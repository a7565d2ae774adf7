import { to as copyTo, type CopyToStreamQuery } from 'pg-copy-streams';
import pg, { type QueryResult } from 'pg';
import type { Connection } from '../pool.js';
import { NoAnswerError } from '../silence.js';
import { isConnectionError } from '../sqlstate.js';
import { cancelStatement, closeAtOnce } from './cancel.js';
import type { CopyQuery, Described, KnownColumns, ResultColumn } from './copy-query.js';
import { ReadError } from './read-error.js';

export interface CopyLimits {
  /** How long LOCK TABLE may wait, in milliseconds. */
  readonly lockMs: number;
  /** How long the transaction may last once it has its locks, in milliseconds. */
  readonly transactionMs: number;
  /** Statements sent with BEGIN, where a session's own settings may not reach the server. */
  readonly settings?: string;
}

/** What a statement has cost so far, in milliseconds from the connection's loan until it is back, and what it gave. */
export interface StatementTimes {
  lockMs?: number;
  firstByteMs?: number;
  totalMs?: number;
  rows: number;
  bytes: number;
}

export interface StatementEvents {
  /** The server has answered to BEGIN: it is well. */
  readonly answered: () => void;
  /** A limit is passed; the answer is to call giveBack(). */
  readonly overdue: (reason: ReadError) => void;
  /** The connection is back, or closed. */
  readonly returned: () => void;
}

/** This server is behind: it has not replayed what the read must show. Nothing was given out. */
export class BehindError extends Error {
  override readonly name = 'BehindError';
}

export interface CopyConsumer {
  readonly data: (chunk: Buffer) => void;
  readonly end: () => void;
  readonly error: (error: Error) => void;
}

// Beyond the server's own limit: only a server that does not answer at all gets this far.
const SERVER_SILENT_MS = 1_000;
/** BEGIN and ROLLBACK of a read wait for nobody. */
const BEGIN_MS = 2_000;
const END_MS = 1_000;
const CHUNK_BYTES = 256 * 1024;
const SILENT = 'the database does not answer';

/** One COPY in one read-only transaction on one lent connection, which it gives back whatever happens. */
export class CopyStatement {
  readonly times: StatementTimes = { rows: 0, bytes: 0 };
  private source?: CopyToStreamQuery;
  private timer?: NodeJS.Timeout;
  private lent = true;
  /** A statement is under way. */
  private busy = false;
  private readonly startedAt = performance.now();
  private overdueAt?: number;

  constructor(
    private readonly client: Connection,
    private readonly limits: CopyLimits,
    private readonly known: KnownColumns,
    private readonly events: StatementEvents,
  ) {}

  /**
   * BEGIN and limits first, by themselves: a dead connection shows within 2 s (and 0.1 to 0.3 ms are lost on a live
   * one), whereas a lock may rightly take longer. Then locks, and the query without rows for its columns. A COPY is never
   * the first to touch a table: its snapshot would be older than its lock. Seen: a COPY that waited for a publish gave 0
   * rows where 10 were right. The columns are asked under the lock, or known to be those of the last time: a type
   * remembered from before a publish would be rendered the wrong way. To ask for them costs the server 0.5 ms, as much as
   * the COPY of a small GET /data.
   *
   * On a standby the same holds: LOCK TABLE in this mode is allowed there, a publish's exclusive lock is replayed before
   * its renames and let go of with its COMMIT, so whoever has the lock sees all of the publish or nothing of it.
   * @throws ReadError `too many rows`, `abandoned`; BehindError; the server's error
   */
  async lockAndDescribe(asked: CopyQuery): Promise<Described> {
    const { query, before, maxRows, shape } = asked;
    await this.begin(before === undefined ? '' : 'isolation level repeatable read '); // LOCK takes no snapshot: what is asked behind it does
    const version = await this.lock(asked);
    this.cutWhenOverdue(); // what is asked now takes of the COPY's time
    const known = shape === undefined ? undefined : this.known.get(shape.template);
    const remembered = known?.version === version ? known?.columns : undefined;
    const results = await this.ask([
      ...(maxRows === undefined ? [] : [`select from (\n${query}\n) counted offset ${maxRows} limit 1`]),
      ...(remembered === undefined ? [`select * from (\n${query}\n) described limit 0`] : []),
      ...(before === undefined ? [] : [before]),
    ]);
    this.times.lockMs = this.elapsed();
    const first = before === undefined ? undefined : results.pop();
    const columns = remembered ?? columnsOf(results.pop());
    if (maxRows !== undefined && results.pop()?.rowCount === 1) throw new ReadError('too many rows', `The answer has more than ${maxRows} rows`);
    if (shape !== undefined && version !== undefined) this.known.set(shape.template, { version, columns });
    return { columns, before: (first?.rows ?? []) as Record<string, unknown>[] };
  }

  private async begin(level: string): Promise<void> {
    const { lockMs, settings } = this.limits;
    this.cutAfter(BEGIN_MS, () => new ReadError('unavailable', SILENT, { cause: new NoAnswerError(`no answer to BEGIN within ${BEGIN_MS} ms`) }));
    await this.ask([`begin ${level}read only`, ...(settings === undefined ? [] : [settings]), `set local lock_timeout = ${lockMs}`, `set local statement_timeout = ${lockMs + SERVER_SILENT_MS / 2}`]);
    this.events.answered();
  }

  /** Returns the version of the query's shape. */
  private async lock({ relations, arrived, shape }: CopyQuery): Promise<string | undefined> {
    const { lockMs, transactionMs } = this.limits;
    this.cutAfter(lockMs + SERVER_SILENT_MS, () => new ReadError('unavailable', SILENT));
    const locked = [...new Set(relations)].map((relation) => relation.split('.').map(pg.escapeIdentifier).join('.'));
    const answers = await this.ask([
      ...(locked.length > 0 ? [`lock table ${locked.join(', ')} in access share mode`] : []),
      `set local statement_timeout = ${transactionMs}`,
      ...(arrived === undefined ? [] : [arrived]),
      ...(shape === undefined ? [] : [shape.version]),
    ]);
    const version = shape === undefined ? undefined : firstValue(answers.pop());
    if (arrived !== undefined && firstValue(answers.pop()) !== true) throw new BehindError('the server has not replayed what is to be read');
    return typeof version === 'string' ? version : undefined;
  }

  /**
   * Runs the COPY; after its last byte the connection goes back by itself. The transaction ends in the same message, by
   * ROLLBACK: COMMIT would keep what a function called by the query has set for whoever reads next.
   */
  copy(statement: string, consumer: CopyConsumer): void {
    this.cutWhenOverdue();
    this.busy = true;
    const source = copyTo(`${statement}; rollback`, { highWaterMark: CHUNK_BYTES });
    let [ended, answered] = [false, false];
    const giveBack = (): void => void (ended && answered && this.settle(source.rowCount));
    Object.assign(source, {
      handleReadyForQuery: () => {
        answered = true;
        giveBack();
      },
    });
    this.source = this.client.query(source);
    source.on('data', (chunk: Buffer) => {
      this.times.firstByteMs ??= this.elapsed();
      this.times.bytes += chunk.length;
      consumer.data(chunk);
    });
    source.on('error', consumer.error);
    source.on('end', () => {
      if (!this.lent) return;
      this.lent = false;
      ended = true;
      source.off('error', consumer.error).on('error', (error) => this.settle(source.rowCount, error));
      this.closeIfSilent();
      consumer.end(); // the reader is not kept waiting for the answer to ROLLBACK
      giveBack();
    });
  }

  pause(): void {
    this.source?.pause();
  }

  resume(): void {
    this.source?.resume();
  }

  /** Ends the read before its time: a statement under way is cancelled in the server, and the connection closed. */
  giveBack(reason: () => Error): void {
    if (!this.lent) return;
    this.lent = false;
    if (!this.busy) return this.endTransaction();
    cancelStatement(this.client);
    closeAtOnce(this.client);
    this.settle(0, reason());
  }

  private endTransaction(): void {
    this.closeIfSilent();
    this.client.query('rollback').then(
      () => this.settle(0),
      (error: Error) => this.settle(0, error),
    );
  }

  /** What waits for an answer is rejected then. */
  private closeIfSilent(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => closeAtOnce(this.client), END_MS);
  }

  /** One message of several statements: one result each. */
  private async ask(statements: readonly string[]): Promise<QueryResult[]> {
    if (statements.length === 0) return [];
    this.busy = true;
    try {
      const results: QueryResult | QueryResult[] = await this.client.query(statements.join(';\n'));
      this.busy = false;
      if (!this.lent) throw new ReadError('abandoned', 'the stream was closed'); // the connection is somebody else's now
      return Array.isArray(results) ? results : [results];
    } catch (error) {
      this.busy = isConnectionError(error); // else the server has answered, and can be asked to roll back
      throw error;
    }
  }

  private settle(rows: number, failure?: Error): void {
    clearTimeout(this.timer);
    this.times.rows = rows;
    this.times.totalMs = this.elapsed();
    this.client.release(failure);
    this.events.returned();
  }

  /** From the first call on the transaction has its locks, and its time runs. */
  private cutWhenOverdue(): void {
    const { transactionMs } = this.limits;
    this.overdueAt ??= this.elapsed() + transactionMs + SERVER_SILENT_MS / 2;
    this.cutAfter(this.overdueAt - this.elapsed(), () => new ReadError('too slow', `the read took longer than ${transactionMs / 1000} s`));
  }

  /** @param reason made when it is needed: an error with its stack for each of these is 4 % of a small read's time */
  private cutAfter(milliseconds: number, reason: () => ReadError): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.events.overdue(reason()), milliseconds);
  }

  private elapsed(): number {
    return performance.now() - this.startedAt;
  }
}

function columnsOf(described: QueryResult | undefined): ResultColumn[] {
  return (described?.fields ?? []).map((field) => ({ name: field.name, type: field.dataTypeID }));
}

function firstValue(answer: QueryResult | undefined): unknown {
  return Object.values((answer?.rows as Record<string, unknown>[] | undefined)?.[0] ?? {})[0];
}

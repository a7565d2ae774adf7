import { to as copyTo, type CopyToStreamQuery } from 'pg-copy-streams';
import pg, { type QueryResult } from 'pg';
import type { Connection } from '../pool.js';
import { NoAnswerError } from '../silence.js';
import { isConnectionError } from '../sqlstate.js';
import { cancelStatement, closeAtOnce } from './cancel.js';
import { ReadError } from './read-error.js';

/** A column of a statement's result. */
export interface ResultColumn {
  readonly name: string;
  /** OID of its type in pg_type. */
  readonly type: number;
}

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

/** What a COPY reads, and what must be known before it is made. */
export interface CopyQuery {
  /** `schema.name` of every relation the query reads, locked in this order: tables by name, then views. */
  readonly relations: readonly string[];
  /** One SELECT, values already in it as literals: COPY takes no parameters. */
  readonly query: string;
  /** One SELECT whose rows are asked first, in the snapshot that the COPY has too. */
  readonly before?: string;
  /**
   * One SELECT of one boolean, asked under the locks, in no later a snapshot than the COPY's: false when what is to be
   * read has not reached this server yet.
   */
  readonly arrived?: string | undefined;
  /** A result of more rows is refused. */
  readonly maxRows?: number;
}

/** This server is behind: it has not replayed what the read must show. Nothing was given out. */
export class BehindError extends Error {
  override readonly name = 'BehindError';
}

/** The columns of a query, and the rows of `before`. */
export interface Described {
  readonly columns: readonly ResultColumn[];
  readonly before: readonly Record<string, unknown>[];
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
    private readonly events: StatementEvents,
  ) {}

  /**
   * BEGIN and limits first, by themselves: a dead connection shows within 2 s (and 0.1 to 0.3 ms are lost on a live
   * one), whereas a lock may rightly take longer. Then locks and the query without rows, for its columns. A COPY is never the first to
   * touch a table: its snapshot would be older than its lock. Seen: a COPY that waited for a publish gave 0 rows where
   * 10 were right. The columns are asked under the lock, each time (0.3 ms for GET /data): a type remembered from before a
   * publish would be rendered the wrong way.
   *
   * On a standby the same holds: LOCK TABLE in this mode is allowed there, a publish's exclusive lock is replayed before
   * its renames and let go of with its COMMIT, so whoever has the lock sees all of the publish or nothing of it.
   * @throws ReadError `too many rows`, `abandoned`; BehindError; the server's error
   */
  async lockAndDescribe({ relations, query, before, arrived, maxRows }: CopyQuery): Promise<Described> {
    const { lockMs, transactionMs, settings } = this.limits;
    const silent = 'the database does not answer';
    this.cutAfter(BEGIN_MS, () => new ReadError('unavailable', silent, { cause: new NoAnswerError(`no answer to BEGIN within ${BEGIN_MS} ms`) }));
    const level = before === undefined ? '' : 'isolation level repeatable read '; // LOCK takes no snapshot: `before` does
    await this.ask([`begin ${level}read only`, ...(settings === undefined ? [] : [settings]), `set local lock_timeout = ${lockMs}; set local statement_timeout = ${lockMs + SERVER_SILENT_MS / 2}`].join('; '));
    this.events.answered();
    this.cutAfter(lockMs + SERVER_SILENT_MS, () => new ReadError('unavailable', silent));
    const locked = [...new Set(relations)].map((relation) => relation.split('.').map(pg.escapeIdentifier).join('.'));
    const locking = [...(locked.length > 0 ? [`lock table ${locked.join(', ')} in access share mode`] : []), `set local statement_timeout = ${transactionMs}`, ...(arrived === undefined ? [] : [arrived])];
    const isCostly = before !== undefined || maxRows !== undefined;
    if (isCostly) {
      const answers = await this.ask(locking.join(';\n'));
      if (arrived !== undefined) mustHaveArrived(answers.at(-1));
      this.cutWhenOverdue(); // their time is the COPY's time too
    }
    const statements = [
      ...(isCostly ? [] : locking),
      ...(maxRows === undefined ? [] : [`select from (\n${query}\n) counted offset ${maxRows} limit 1`]),
      `select * from (\n${query}\n) described limit 0`,
      ...(before === undefined ? [] : [before]),
    ];
    const results = await this.ask(statements.join(';\n'));
    if (arrived !== undefined && !isCostly) mustHaveArrived(results.at(-2));
    const first = before === undefined ? undefined : results.pop();
    const described = results.pop();
    this.times.lockMs = this.elapsed();
    if (maxRows !== undefined && results.pop()?.rowCount === 1) throw new ReadError('too many rows', `The answer has more than ${maxRows} rows`);
    const columns = (described?.fields ?? []).map((field) => ({ name: field.name, type: field.dataTypeID }));
    return { columns, before: (first?.rows ?? []) as Record<string, unknown>[] };
  }

  /** Runs the COPY; after its last byte the connection goes back by itself. */
  copy(statement: string, consumer: CopyConsumer): void {
    this.cutWhenOverdue();
    this.busy = true;
    const source = this.client.query(copyTo(statement, { highWaterMark: CHUNK_BYTES }));
    this.source = source;
    source.on('data', (chunk: Buffer) => {
      this.times.firstByteMs ??= this.elapsed();
      this.times.bytes += chunk.length;
      consumer.data(chunk);
    });
    source.on('end', () => {
      if (!this.lent) return;
      this.finish(source);
      consumer.end();
    });
    source.on('error', consumer.error);
  }

  pause(): void {
    this.source?.pause();
  }

  resume(): void {
    this.source?.resume();
  }

  /** Ends the read before its time: a statement under way is cancelled in the server, and the connection closed. */
  giveBack(reason: Error): void {
    if (!this.lent) return;
    this.lent = false;
    if (!this.busy) return this.endTransaction(() => 0);
    cancelStatement(this.client);
    closeAtOnce(this.client);
    this.settle(0, reason);
  }

  /**
   * The last row is here. The connection goes back after ROLLBACK, without keeping the reader waiting: not COMMIT, as that
   * would keep what a function called by the query has set for whoever reads next.
   */
  private finish(source: CopyToStreamQuery): void {
    this.lent = false;
    this.endTransaction(() => source.rowCount); // known a little later than the last byte
  }

  private endTransaction(rows: () => number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => closeAtOnce(this.client), END_MS); // the statement is rejected with it
    this.client.query('rollback').then(
      () => this.settle(rows()),
      (error: Error) => this.settle(rows(), error),
    );
  }

  /** One message of several statements: one result each. */
  private async ask(text: string): Promise<QueryResult[]> {
    this.busy = true;
    try {
      const results = (await this.client.query(text)) as unknown as QueryResult[];
      this.busy = false;
      if (!this.lent) throw new ReadError('abandoned', 'the stream was closed'); // the connection is somebody else's now
      return results;
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

function mustHaveArrived(answer: QueryResult | undefined): void {
  const row = (answer?.rows as Record<string, unknown>[] | undefined)?.[0];
  if (Object.values(row ?? {})[0] !== true) throw new BehindError('the server has not replayed what is to be read');
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logger.js';
import { submissions } from '../measuring-points.js';
import type { Problem } from '../problem.js';
import { BatchQueue, type Outcome, type Waiting } from './batch-queue.js';
import type { Batch } from './batch.js';
import { DrainRate } from './drain-rate.js';
import { FlushRunner } from './flush-runner.js';
import { deviceKey } from './idempotency.js';
import { refusal } from './refusals.js';
import { Writer } from './writer.js';

export interface GroupCommitOptions {
  /** postgres:// URL. */
  url: string;
  /** The bronze table, `bronze.<name>`. */
  relation: string;
  /** Bytes of bodies that may wait for a writer. */
  queueLimitBytes: number;
  /** From submit() to its answer, in milliseconds. */
  deadlineMs: number;
  logger: Logger;
  /** True while a disk has so little room that nothing more may be taken. */
  isStorageLow?: () => boolean;
  /** Called after each COMMIT that stored lines. */
  onFlushed: (relation: string) => void;
}

/** What health shows of it. */
export interface IngestStatus {
  queueBytes: number;
  queueBatches: number;
  flushing: number;
  database: 'connected' | 'disconnected';
}

/** One for the flushes, and one for those that do not wait for the first: see SECOND_FLUSH_BYTES and BRIEF_MS. */
const WRITERS = 2;
/**
 * While a flush is under way, less than this waits for it and shares the next one: each flush costs its fsync and some 0.35 ms of
 * the server's processor, and from 1,000 rows on 2 ms more (PostgreSQL 17 and later: COPY keeps a reference of each of its
 * row buffers in one slot of a hash table). Two flushes at a time whatever their size, then with this (four seconds each in
 * turn, medians of five, no runs beside it): 64 connections of 4 lines 11.2 k and 15.5 k requests a second, 8 of 1,000 lines
 * 0.48 and 0.54 M lines a second; one at a time 0.41 M.
 */
const SECOND_FLUSH_BYTES = 64 * 1024;
/** A flush that takes longer, because of the disk or of a lock, holds nobody up. */
const BRIEF_MS = 20;
/** A flush takes no further batch beyond this: some 0.15 M lines, well within its share of the deadline. A larger body goes alone. */
const FLUSH_BYTES = 4 * 1024 * 1024;
/**
 * Of the deadline: how long a large flush is to take, by the rate of those before it. On a machine so busy that 4 MiB took 3 s, flushes
 * ran into their limit and their work was lost: under ten times the load half of the most was stored.
 */
const LARGE_FLUSH_SHARE = 0.1;
const LEAST_FLUSH_BYTES = 128 * 1024;
/** Of the deadline: who would wait longer than this is refused at once. */
const PATIENCE_SHARE = 0.2;
// Shares of the deadline; what is left is for settling an unclear COMMIT. Each phase ends by itself, so that every
// answer comes in time without a timer for each request.
const QUEUE_SHARE = 0.3;
const FLUSH_SHARE = 0.5;
const SWEEP_MS = 50;

/**
 * Concurrent requests share one COPY and one COMMIT. A flush starts as soon as a writer is free, so a lone request
 * waits for nobody, and under load batches grow by themselves.
 */
export class GroupCommit {
  private readonly writers: Writer[];
  private readonly runner: FlushRunner;
  private readonly queue = new BatchQueue();
  private readonly flushing = new Set<Promise<void>>();
  private readonly keysInFlight = new Set<string>();
  private readonly drainRate = new DrainRate(WRITERS);
  private scheduled = false;
  private closing = false;
  private unreachable = false;
  /** performance.now() of the flush that was started last. */
  private lastStarted = 0;
  private sweeper?: NodeJS.Timeout;

  constructor(private readonly options: GroupCommitOptions) {
    const { url, deadlineMs } = options;
    const session = { url, name: 'ingot settle', connectTimeoutMs: Math.min(1_000, deadlineMs) };
    this.runner = new FlushRunner({ ...options, session });
    // The server ends by itself what the service has given up: a statement, or a transaction between two statements.
    const limit = String(Math.floor(deadlineMs * FLUSH_SHARE * 0.9));
    const settings = { statement_timeout: limit, idle_in_transaction_session_timeout: limit };
    const events = { connected: () => this.connected(), unreachable: (error: unknown) => this.disconnected(error) };
    this.writers = Array.from({ length: WRITERS }, () => new Writer({ ...session, name: 'ingot ingest', settings }, events));
  }

  /** Opens the writer connections in the background. */
  start(): void {
    for (const writer of this.writers) void writer.start();
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS);
    this.sweeper.unref();
  }

  get status(): IngestStatus {
    return { queueBytes: this.queue.bytes, queueBatches: this.queue.length, flushing: this.flushing.size, database: this.isDown() ? 'disconnected' : 'connected' };
  }

  /** What the sessions that store lines have. */
  get synchronousCommit(): string | undefined {
    return leastDurable(this.writers);
  }

  /**
   * Stores a batch, whole or not at all; resolves after COMMIT. Answers within the deadline.
   * @throws Problem: insufficient-storage, overloaded, database-unavailable (with `outcome`), shutting-down, idempotency-*, invalid-body
   */
  submit(batch: Batch): Promise<Outcome> {
    const refused = this.refuse(batch);
    if (refused !== undefined) return Promise.reject(refused);
    submissions.publish(batch);
    const stored = new Promise<Outcome>((resolve, reject) => {
      this.queue.push({ batch, arrived: performance.now(), resolve, reject });
    });
    this.schedule();
    if (batch.key === undefined) return stored;
    const key = deviceKey(batch.device, batch.key.key);
    this.keysInFlight.add(key);
    return stored.finally(() => this.keysInFlight.delete(key));
  }

  /** Takes nothing more, waits until everything taken is answered, then closes the connections. */
  async close(): Promise<void> {
    this.closing = true;
    while (!this.queue.isEmpty || this.flushing.size > 0) await (this.flushing.size > 0 ? Promise.race(this.flushing) : sleep(SWEEP_MS));
    clearInterval(this.sweeper);
    await this.runner.close();
    await Promise.all(this.writers.map((writer) => writer.close()));
  }

  private refuse(batch: Batch): Problem | undefined {
    // One key is in one flush of a process at a time.
    const keyInFlight = batch.key !== undefined && this.keysInFlight.has(deviceKey(batch.device, batch.key.key));
    return this.refuses(batch.body.length) ?? (keyInFlight ? refusal.inFlight() : undefined);
  }

  /**
   * Why a body of so many bytes would not be taken now; asked before it is read as well.
   * @param backlog bytes that are before it: those that wait, and before it is read those that arrive as well
   */
  refuses(bytes: number, backlog = this.queue.bytes): Problem | undefined {
    if (this.closing) return refusal.shuttingDown();
    if (this.isDown()) return refusal.unavailable('not_stored');
    if (this.options.isStorageLow?.() === true) return refusal.storageFull();
    if (this.queue.bytes + bytes > this.options.queueLimitBytes) return refusal.overloaded();
    // It would be shed in the end: better told now, before its body is read, than when it has waited in vain.
    if (!this.queue.isEmpty && this.drainRate.waitFor(backlog, performance.now()) > this.options.deadlineMs * PATIENCE_SHARE) return refusal.overloaded();
    return undefined;
  }

  private isDown(): boolean {
    return this.unreachable && this.writers.every((writer) => writer.client === undefined);
  }

  private connected(): void {
    if (this.unreachable) this.options.logger.info({ relation: this.options.relation }, 'ingest: the database is back');
    this.unreachable = false;
    this.schedule();
  }

  private disconnected(error: unknown): void {
    if (!this.unreachable) this.options.logger.warn({ err: error, relation: this.options.relation }, 'ingest: cannot connect to the database');
    this.unreachable = true;
    if (this.isDown()) shed(this.queue.take(Infinity), refusal.unavailable('not_stored'));
  }

  /** Flushes when this turn of the event loop is over: requests that arrived together then share a flush. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.flushNext();
    });
  }

  private flushNext(): void {
    for (const writer of this.writers) {
      if (this.queue.isEmpty || this.waitsForFlush()) return;
      if (!writer.busy && writer.client !== undefined) void this.flush(writer);
    }
  }

  private waitsForFlush(): boolean {
    return this.flushing.size > 0 && this.queue.bytes < SECOND_FLUSH_BYTES && performance.now() - this.lastStarted < BRIEF_MS;
  }

  private async flush(writer: Writer): Promise<void> {
    writer.busy = true;
    const before = this.queue.bytes;
    const group = this.queue.take(this.flushBytes());
    const taken = before - this.queue.bytes;
    const isFull = !this.queue.isEmpty;
    const started = performance.now();
    this.lastStarted = started;
    const run = this.runner.run(writer, group, started + this.options.deadlineMs * FLUSH_SHARE);
    this.flushing.add(run);
    await run;
    this.flushing.delete(run);
    const ended = performance.now();
    if (isFull) this.drainRate.add(taken, ended - started, ended);
    writer.busy = false;
    this.schedule();
  }

  private flushBytes(): number {
    const { deadlineMs } = this.options;
    return Math.max(LEAST_FLUSH_BYTES, Math.min(FLUSH_BYTES, this.drainRate.bytesWithin(deadlineMs * LARGE_FLUSH_SHARE, performance.now())));
  }

  private sweep(): void {
    // Who has waited for a writer too long would not be stored within the deadline.
    shed(this.queue.takeArrivedBefore(performance.now() - this.options.deadlineMs * QUEUE_SHARE), refusal.overloaded());
    this.flushNext(); // whoever waits for a flush that turned out to be slow
  }
}

/** `off` when one of them has it; undefined before the first is open. */
export function leastDurable(sessions: readonly { readonly synchronousCommit?: string }[]): string | undefined {
  const values = sessions.flatMap(({ synchronousCommit }) => synchronousCommit ?? []);
  return values.includes('off') ? 'off' : values[0];
}

function shed(group: Waiting[], problem: Problem): void {
  for (const waiting of group) waiting.reject(problem);
}

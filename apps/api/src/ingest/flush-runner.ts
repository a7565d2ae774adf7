import { closeAtOnce, sqlState, SQLSTATE, type SessionOptions } from '@ingot/postgres';
import type { Client } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logger.js';
import { flushes, stored, type FlushEvent } from '../measuring-points.js';
import type { Problem } from '../problem.js';
import type { Waiting } from './batch-queue.js';
import { extraTime, isDataError, isUnclear, isWorthRepeating, newFlush, writeFlush, type Flush } from './flush.js';
import type { Verdict } from './idempotency.js';
import { refusal } from './refusals.js';
import { fence, rerun, type Settlement } from './settle.js';
import { withSession } from './writer.js';

/** What a flush goes through: a writer, or a session made for the purpose. */
export interface FlushConnection {
  /** Undefined while there is none. */
  readonly client?: Client;
  /** Gives the connection up, whatever it is doing. */
  drop(): void;
}

export interface FlushRunnerOptions {
  relation: string;
  deadlineMs: number;
  logger: Logger;
  /** How to connect for settling. */
  session: SessionOptions;
  /** Called after each COMMIT that stored lines. */
  onFlushed: (relation: string) => void;
}

const PAUSE_MS = 50;
const FENCE_MS = 1_000;

/** Takes a group of requests to its outcome, whatever happens on the way: every request is answered exactly once. */
export class FlushRunner {
  private readonly settling = new Set<Promise<void>>();
  private closing = false;

  constructor(private readonly options: FlushRunnerOptions) {}

  /**
   * One flush of these batches, in parts when it fails because of some of them. Never throws.
   * Returns when the connection is free again; an unclear outcome is settled apart from it.
   * @param usualLimit performance.now() after which a flush is given up; a large one gets more
   */
  async run(connection: FlushConnection, group: Waiting[], usualLimit: number): Promise<void> {
    const { client } = connection;
    if (client === undefined || performance.now() >= usualLimit) return reject(group, refusal.unavailable('not_stored'));
    const batches = group.map(({ batch }) => batch);
    const flush = newFlush(this.options.relation, batches);
    const until = usualLimit + extraTime(flush);
    const timer = setTimeout(() => connection.drop(), until - performance.now());
    try {
      await flushes.tracePromise(() => writeFlush(client, flush), measured(flush));
      this.answer(group, flush.verdicts);
    } catch (error) {
      if (isUnclear(error)) {
        connection.drop();
        this.track(this.settle(flush, group, until));
        return;
      }
      await client.query('rollback').catch(() => connection.drop());
      clearTimeout(timer);
      await this.runInParts(connection, group, error, usualLimit);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits until every unclear outcome is settled or told to be unknown. */
  async close(): Promise<void> {
    this.closing = true;
    while (this.settling.size > 0) await Promise.all(this.settling);
  }

  /** The server refused a flush, so nothing of it is stored. Who is guilty? */
  private async runInParts(connection: FlushConnection, group: Waiting[], error: unknown, until: number): Promise<void> {
    if (isWorthRepeating(error)) {
      await sleep(PAUSE_MS);
      return this.run(connection, group, until);
    }
    const keyHeld = sqlState(error) === SQLSTATE.lockNotAvailable && group.some(hasKey);
    if (!keyHeld && !isDataError(error)) {
      this.options.logger.error({ err: error, relation: this.options.relation }, 'ingest: a flush failed');
      return reject(group, refusal.failed(error));
    }
    if (group.length === 1) return reject(group, keyHeld ? refusal.inFlight() : refusal.badData(error));
    const together = keyHeld ? group.filter((waiting) => !hasKey(waiting)) : [];
    const alone = keyHeld ? group.filter(hasKey) : group;
    if (together.length > 0) await this.run(connection, together, until);
    for (const waiting of alone) await this.run(connection, [waiting], until);
  }

  /** The connection was lost and the flush may have committed. While requests wait it is run again, then fenced. */
  private async settle(flush: Flush, group: Waiting[], until: number): Promise<void> {
    const { session, deadlineMs } = this.options;
    const answerBy = Math.min(...group.map(({ arrived }) => arrived)) + deadlineMs + extraTime(flush);
    try {
      const settlement = (await rerun(session, flush, until)) ?? (await fence(session, flush, answerBy));
      if (settlement === 'stored') return this.answer(group, flush.verdicts);
      reject(group, refusal.unavailable(settlement === 'fenced' ? 'not_stored' : 'unknown'));
      if (settlement === undefined) this.track(this.fenceLater(flush));
    } catch (error) {
      await this.runInPartsElsewhere(group, error, until);
    }
  }

  /** As runInParts, on a session of its own: the writer that lost the flush may be busy with another. */
  private async runInPartsElsewhere(group: Waiting[], error: unknown, until: number): Promise<void> {
    const work = async (client: Client): Promise<void> => {
      const connection = { client, drop: () => closeAtOnce(client) };
      await this.runInParts(connection, group, error, until);
    };
    await withSession(this.options.session, until, work).catch(() => reject(group, refusal.unavailable('not_stored')));
  }

  /** Everybody was told `unknown`; once the database can be asked again, the flush must not commit any more. */
  private async fenceLater(flush: Flush): Promise<void> {
    let settlement: Settlement | undefined;
    while (settlement === undefined && !this.closing) {
      await sleep(PAUSE_MS);
      settlement = await fence(this.options.session, flush, performance.now() + FENCE_MS);
    }
    this.options.logger.info({ flush: flush.id, lines: flush.lines, settlement }, 'ingest: an unknown outcome is settled');
  }

  private answer(group: Waiting[], verdicts: readonly Verdict[]): void {
    for (const [i, waiting] of group.entries()) {
      const verdict = verdicts[i];
      if (verdict === 'mismatch') waiting.reject(refusal.mismatch());
      else if (verdict === 'in-flight') waiting.reject(refusal.inFlight());
      else waiting.resolve({ replayed: verdict === 'replayed' });
    }
    if (!verdicts.includes('stored')) return;
    if (stored.hasSubscribers) stored.publish({ relation: this.options.relation, batches: group.filter((_, i) => verdicts[i] === 'stored').map(({ batch }) => batch) });
    this.options.onFlushed(this.options.relation);
  }

  private track(task: Promise<void>): void {
    const tracked = task.finally(() => this.settling.delete(tracked));
    this.settling.add(tracked);
  }
}

function measured({ id, relation, batches, lines, bytes }: Flush): FlushEvent {
  return { relation, flush: id, batches, lines, bytes, startedAt: performance.now() };
}

function hasKey({ batch }: Waiting): boolean {
  return batch.key !== undefined;
}

/** A request that has its answer already keeps it: a promise settles once. */
function reject(group: Waiting[], problem: Problem): void {
  for (const waiting of group) waiting.reject(problem);
}

import type { Dataset } from '@ingot/datasets';
import { isConnectionError, withWatchedConnection, type ConnectionPool } from '@ingot/postgres';
import { BackOff } from './back-off.js';
import { Callers, type Group } from './callers.js';
import type { Freshness, StaleReason } from './freshness.js';
import { maintain } from './maintenance.js';
import type { RunResult } from './run.js';
import { RunFailure } from './run-failure.js';
import { RunSession } from './run-session.js';

/** Where the runner tells what happens; a pino logger fits. */
export interface RunnerLog {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface DatasetRunnerOptions {
  /** Sessions with `jit = off`; the runner uses one for runs, one for maintenance, and one to cancel. */
  readonly pool: ConnectionPool;
  readonly dataset: Dataset;
  readonly log: RunnerLog;
  /** Bronze rows that one run takes at most. */
  readonly maxRows: number;
  /** Days that records of finished runs stay. */
  readonly historyDays: number;
}

/** A wake-up waits this long for more flushes: at full rate five runs a second, each with its fixed cost of some ms. */
const DEBOUNCE_MS = 200;
/** How often a caller looks whether another process has done what he waits for. */
const POLL_MS = 20;
/** For a caller that does not want to wait. */
const LOOK_ONLY_MS = 1_000;
const CLOSE_MS = 5_000;
/** How long a cancelled statement may take to end; a server that hangs does not hold the shutdown up. */
const CANCEL_MS = 1_000;

/** What one round of the loop found. */
type Round = 'covered' | 'caught-up' | 'cut' | 'busy' | StaleReason;

/**
 * Keeps one dataset up to date: runs when flushes say so, when the schedule finds something unseen, or when a reader
 * asks for it. One run at a time in a process; among processes the lock inside a run makes one do the work. It never
 * throws out of a wake-up or a tick.
 */
export class DatasetRunner {
  readonly name: string;
  readonly probeEveryMs: number;
  private readonly session: RunSession;
  private readonly callers = new Callers();
  private readonly backOff = new BackOff();
  private wakeUp: NodeJS.Timeout | undefined;
  private asked = false;
  private loop: Promise<void> | undefined;
  private closed = false;
  private backlog = false;
  /** What kept the last round from its work; told once when it changes. */
  private trouble: StaleReason | undefined;

  constructor(private readonly options: DatasetRunnerOptions) {
    this.name = options.dataset.name;
    this.probeEveryMs = options.dataset.probeEveryMs;
    this.session = new RunSession(options);
  }

  /** Why this dataset is not kept up to date right now; undefined when all is well. For readiness and metrics. */
  get standsStill(): StaleReason | undefined {
    return this.trouble;
  }

  /** After a flush: what it wrote is taken within 200 ms, together with what others write meanwhile. */
  wake(): void {
    this.wakeAfter(DEBOUNCE_MS);
  }

  /** By the schedule: one read-only probe, and runs until nothing is unseen. */
  async tick(): Promise<void> {
    await this.start();
  }

  /** By the schedule: partitions ahead, old rows of the ledgers removed. */
  async maintain(): Promise<void> {
    const { pool, dataset, historyDays, log } = this.options;
    try {
      const report = await withWatchedConnection(pool, (client) => maintain(client, dataset, { historyDays }));
      if (report.absorbed.length > 0) log.error({ dataset: this.name, ...report }, 'rows fell into a default partition: the transaction counter overtook the partitions made ahead');
      else if (report.partitionsMade.length > 0) log.info({ dataset: this.name, ...report }, 'partitions made ahead');
      if (report.shadowsDropped) log.warn({ dataset: this.name }, 'a rebuild that nobody has gone on with for 24 h was dropped with what it had built');
    } catch (error) {
      log.warn({ dataset: this.name, err: error }, 'maintenance put off');
    }
  }

  /**
   * Read-your-writes: resolves when what is published covers every line committed before the call, or says why it does
   * not. Callers of one moment share one probe and one run, which began after they came.
   * @param timeoutMs how long to wait at most; 0 = look, but do not wait for a run
   */
  async catchUp({ timeoutMs }: { timeoutMs: number }): Promise<Freshness> {
    if (this.closed) return this.stale('stopping');
    if (this.backlog && this.loop !== undefined) return this.stale('backlog');
    if (timeoutMs <= 0) return this.lookOnly();
    const answer = this.callers.wait(timeoutMs);
    void this.start();
    return this.told(await answer);
  }

  /** Starts nothing more and waits for the run under way; one that takes longer than deadlineMs is cancelled. */
  async close(deadlineMs = CLOSE_MS): Promise<void> {
    this.closed = true;
    clearTimeout(this.wakeUp);
    this.callers.take().settle(this.stale('stopping'));
    if (this.loop === undefined) return;
    const deadline = setTimeout(() => void this.session.cancel().catch(() => undefined), deadlineMs);
    let lastResort: NodeJS.Timeout | undefined;
    const given = new Promise<void>((resolve) => (lastResort = setTimeout(resolve, deadlineMs + CANCEL_MS)));
    await Promise.race([this.loop, given]);
    clearTimeout(deadline);
    clearTimeout(lastResort);
  }

  private async lookOnly(): Promise<Freshness> {
    try {
      const found = await this.session.look(LOOK_ONLY_MS);
      return found === 'covered' || found === 'due' ? this.fresh() : this.stale(found === 'unseen' ? 'timeout' : found);
    } catch {
      return this.stale('unavailable');
    }
  }

  private wakeAfter(ms: number): void {
    if (this.closed || this.wakeUp !== undefined) return;
    this.wakeUp = setTimeout(() => {
      this.wakeUp = undefined;
      void this.start();
    }, ms);
    this.wakeUp.unref();
  }

  private start(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.asked = true;
    return (this.loop ??= this.rounds());
  }

  /** Goes on while there is a backlog, somebody waits, or somebody has asked since the last round began. */
  private async rounds(): Promise<void> {
    try {
      while (!this.closed && (this.asked || this.backlog || !this.callers.isEmpty)) {
        this.asked = false;
        const group = this.callers.take();
        const round = await this.round(group);
        this.backlog = round === 'cut';
        this.answer(group, round);
        if (round === 'caught-up' || round === 'cut') await this.session.summarise().catch(() => undefined); // a table in use: the next run does it
        if (round === 'busy' && this.callers.isEmpty) return this.wakeAfter(DEBOUNCE_MS);
        if (round === 'busy') await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    } finally {
      this.loop = undefined; // in the same turn as the last look at who waits, so that nobody joins a loop that has ended
    }
  }

  private answer(group: Group, round: Round): void {
    switch (round) {
      case 'covered':
      case 'caught-up':
        return group.settle(this.fresh());
      case 'cut':
        return group.settle(this.stale('backlog'));
      case 'busy':
        return; // they go on waiting: the other process may be doing it
      case 'failing':
      case 'timeout':
      case 'backlog':
      case 'not-applied':
      case 'unavailable':
      case 'stopping':
        return group.settle(this.stale(round));
    }
  }

  private async round(group: Group): Promise<Round> {
    try {
      const found = await this.session.look();
      if (found === 'due') group.settle(this.fresh()); // the lines are covered, only a table is computed again
      if (found === 'covered') return this.well('covered');
      if (found === 'not-applied') return this.notApplied();
      if (this.backOff.waitMs > 0) return this.later();
      return this.afterRun(await this.session.run());
    } catch (error) {
      return this.failed(error);
    }
  }

  private afterRun(result: RunResult): Round {
    if (result.outcome === 'busy') return 'busy';
    if (result.outcome === 'not-applied') return this.notApplied();
    const { runId, rowsIn, cut, steps } = result;
    this.options.log.debug({ dataset: this.name, run: Number(runId), rows: rowsIn, cut, steps }, 'run');
    return this.well(cut ? 'cut' : 'caught-up');
  }

  private notApplied(): Round {
    return this.ill('not-applied', {}, 'the files of this process are not those the database was made by: run `ingot apply`, or start with the files that were applied');
  }

  private later(): Round {
    this.wakeAfter(this.backOff.waitMs);
    return 'failing';
  }

  private failed(error: unknown): Round {
    if (this.closed) return 'stopping';
    if (!(error instanceof RunFailure) && isConnectionError(error)) return this.ill('unavailable', { err: error }, 'the database cannot be reached');
    this.backOff.failed();
    this.trouble = 'failing';
    const details = error instanceof RunFailure ? { ...error.place, model: error.model, sqlstate: error.sqlState } : { err: error };
    this.options.log.error({ dataset: this.name, ...details, retryMs: Math.round(this.backOff.waitMs) }, `run failed: ${(error as Error).message}`);
    return this.later();
  }

  private well(round: Round): Round {
    this.backOff.succeeded();
    if (this.trouble !== undefined) {
      this.options.log.info({ dataset: this.name, after: this.trouble }, 'runs again');
      this.trouble = undefined;
    }
    return round;
  }

  private ill(reason: StaleReason, details: object, message: string): Round {
    if (this.trouble !== reason) this.options.log.error({ dataset: this.name, ...details }, message);
    this.trouble = reason;
    return reason;
  }

  private fresh(): Freshness {
    return this.told({ fresh: true });
  }

  private stale(reason: StaleReason): Freshness {
    return this.told({ fresh: false, reason });
  }

  private told(freshness: Freshness): Freshness {
    const { watermarkAt } = this.session;
    return watermarkAt === undefined ? freshness : { ...freshness, watermarkAt };
  }
}

import type { Dataset } from '@ingot/datasets';
import { withWatchedConnection, type ConnectionPool } from '@ingot/postgres';
import { Callers, type Group } from './callers.js';
import type { Freshness, StaleReason } from './freshness.js';
import { maintain } from './maintenance.js';
import { publishedOf, RunRounds, type Published, type Round } from './run-rounds.js';
import { RunSession } from './run-session.js';
import type { RunnerLog } from './runner-log.js';

export interface DatasetRunnerOptions {
  /** Sessions with `jit = off`; the runner uses one for runs and one to look or to cancel. */
  readonly pool: ConnectionPool;
  /** Sessions of whoever owns the tables, for partitions, ledgers and summaries of indexes; default: `pool`. */
  readonly upkeep?: ConnectionPool;
  readonly dataset: Dataset;
  readonly log: RunnerLog;
  /** Bronze rows that one run takes at most. */
  readonly maxRows: number;
  /** Days that records of finished runs stay. */
  readonly historyDays: number;
  /** Given: this process leaves the runs to others, waits for what they publish, and calls this when a reader waits. */
  readonly askOthers?: () => void;
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

/**
 * Keeps one dataset up to date: runs when flushes say so, when the schedule finds something unseen, or when a reader
 * asks for it. One run at a time in a process; among processes the lock inside a run makes one do the work. It never
 * throws out of a wake-up or a tick.
 */
export class DatasetRunner {
  readonly name: string;
  readonly probeEveryMs: number;
  private readonly session: RunSession;
  private readonly work: RunRounds;
  private readonly callers = new Callers();
  private wakeUp: { readonly at: number; readonly timer: NodeJS.Timeout } | undefined;
  private asked = false;
  private loop: Promise<void> | undefined;
  private closed = false;
  /** What waits for an archive, as last told: it is looked at every minute. */
  private unarchived = '';
  private backlog = false;
  private looking: Promise<Freshness> | undefined;
  private nextLook: Promise<Freshness> | undefined;

  constructor(private readonly options: DatasetRunnerOptions) {
    this.name = options.dataset.name;
    this.probeEveryMs = options.dataset.probeEveryMs;
    this.session = new RunSession(options);
    const { dataset, log, askOthers } = options;
    this.work = new RunRounds({ dataset: this.name, sources: dataset.sources.map(({ relation }) => relation), session: this.session, log, askOthers, isClosed: () => this.closed });
  }

  /** Why this dataset is not kept up to date right now; undefined when all is well. For readiness and metrics. */
  get standsStill(): StaleReason | undefined {
    return this.work.trouble;
  }

  /** After a flush: what it wrote is taken within `afterMs`, together with what others write meanwhile. */
  wake(afterMs = DEBOUNCE_MS): void {
    if (this.options.askOthers === undefined) this.wakeAfter(afterMs);
  }

  /** By the schedule: one read-only probe, and runs until nothing is unseen. */
  async tick(): Promise<void> {
    await this.start();
  }

  /** By the schedule: partitions ahead, old rows of the ledgers removed. */
  async maintain(): Promise<void> {
    const { pool, upkeep = pool, dataset, historyDays, log } = this.options;
    try {
      const report = await withWatchedConnection(upkeep, (client) => maintain(client, dataset, { historyDays }));
      if (report.absorbed.length > 0) log.error({ dataset: this.name, ...report }, 'rows fell into a default partition: the transaction counter overtook the partitions made ahead');
      else if (report.partitionsMade.length > 0) log.info({ dataset: this.name, ...report }, 'partitions made ahead');
      if (report.dropped.length > 0) log.info({ dataset: this.name, dropped: report.dropped }, 'dropped by retention');
      if (report.mismatches.length > 0) log.error({ dataset: this.name, mismatches: report.mismatches }, 'not dropped: a partition and its archive differ');
      const unarchived = report.unarchived.join(', ');
      if (unarchived !== '' && unarchived !== this.unarchived) log.warn({ dataset: this.name, unarchived: report.unarchived }, 'past retention, and kept until `ingot archive` has archived them');
      this.unarchived = unarchived;
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
    if (timeoutMs <= 0) return this.joinLook();
    const answer = this.callers.wait(timeoutMs);
    void this.start();
    return this.told(await answer);
  }

  /** Starts nothing more and waits for the run under way; one that takes longer than deadlineMs is cancelled. */
  async close(deadlineMs = CLOSE_MS): Promise<void> {
    this.closed = true;
    clearTimeout(this.wakeUp?.timer);
    this.callers.take().settle(this.stale('stopping'));
    if (this.loop === undefined) return;
    const deadline = setTimeout(() => void this.session.cancel().catch(() => undefined), deadlineMs);
    let lastResort: NodeJS.Timeout | undefined;
    const given = new Promise<void>((resolve) => (lastResort = setTimeout(resolve, deadlineMs + CANCEL_MS)));
    await Promise.race([this.loop, given]);
    clearTimeout(deadline);
    clearTimeout(lastResort);
  }

  /** Who comes while a look is under way shares the next one with all others, so that readers leave the sessions to runs. */
  private joinLook(): Promise<Freshness> {
    if (this.looking === undefined) return this.lookOnly();
    return (this.nextLook ??= this.looking.then(() => {
      this.nextLook = undefined;
      return this.lookOnly();
    }));
  }

  private lookOnly(): Promise<Freshness> {
    const looking = this.lookNow().finally(() => {
      if (this.looking === looking) this.looking = undefined;
    });
    return (this.looking = looking);
  }

  private async lookNow(): Promise<Freshness> {
    try {
      const { found, unseen, state } = await this.session.look(LOOK_ONLY_MS);
      return unseen ? this.stale(found === 'not-applied' ? found : 'timeout', publishedOf(state)) : this.fresh(publishedOf(state));
    } catch {
      return this.stale('unavailable');
    }
  }

  private wakeAfter(ms: number): void {
    const at = performance.now() + ms;
    if (this.closed || (this.wakeUp !== undefined && this.wakeUp.at <= at)) return;
    clearTimeout(this.wakeUp?.timer);
    const timer = setTimeout(() => {
      this.wakeUp = undefined;
      void this.start();
    }, ms);
    timer.unref();
    this.wakeUp = { at, timer };
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
        const round = await this.work.next(group);
        const { end } = round;
        this.backlog = end === 'cut';
        this.answer(group, round);
        if (end === 'caught-up' || end === 'cut') await this.session.summarise().catch(() => undefined); // a table in use: the next run does it
        if (end === 'failing' && this.work.retryMs > 0) this.wakeAfter(this.work.retryMs);
        if (end === 'busy' && this.callers.isEmpty) return this.wake();
        if (end === 'busy') await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    } finally {
      this.loop = undefined; // in the same turn as the last look at who waits, so that nobody joins a loop that has ended
    }
  }

  private answer(group: Group, { end, published }: Round): void {
    switch (end) {
      case 'covered':
      case 'caught-up':
        return group.settle(this.fresh(published));
      case 'cut':
        return group.settle(this.stale('backlog', published));
      case 'busy':
        return; // they go on waiting: the other process may be doing it
      case 'failing':
      case 'timeout':
      case 'backlog':
      case 'not-applied':
      case 'unavailable':
      case 'stopping':
        return group.settle(this.stale(end, published));
    }
  }

  private fresh(published: Published = {}): Freshness {
    return this.told({ fresh: true, ...published });
  }

  private stale(reason: StaleReason, published: Published = {}): Freshness {
    return this.told({ fresh: false, reason, ...published });
  }

  private told(freshness: Freshness): Freshness {
    const { watermarkAt } = this.session;
    return watermarkAt === undefined ? freshness : { watermarkAt, ...freshness };
  }
}

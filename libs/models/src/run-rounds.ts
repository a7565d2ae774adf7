import { isConnectionError } from '@ingot/postgres';
import { BackOff } from './back-off.js';
import type { Group } from './callers.js';
import type { Freshness, StaleReason } from './freshness.js';
import type { RunResult } from './run.js';
import { runs, type RunEvent } from './run-channel.js';
import { RunFailure } from './run-failure.js';
import type { RunSession } from './run-session.js';
import type { RunnerLog } from './runner-log.js';
import type { DatasetState } from './watermark.js';

/** What one round found and did, and the run and publication that a reader finds at least from then on. */
export interface Round {
  readonly end: 'covered' | 'caught-up' | 'cut' | 'busy' | StaleReason;
  readonly published?: Published;
}

export type Published = Pick<Freshness, 'runId' | 'publication' | 'watermarkAt'>;

export interface RunRoundsOptions {
  readonly dataset: string;
  /** The bronze tables it reads. */
  readonly sources: readonly string[];
  readonly session: RunSession;
  readonly log: RunnerLog;
  /** Absent: this process runs. Else it leaves that to others, and calls this when somebody waits for a run. */
  readonly askOthers?: () => void;
  readonly isClosed: () => boolean;
}

/** One look, and one run where a row is unseen; remembers what went wrong and when it may be tried again. */
export class RunRounds {
  private readonly backOff = new BackOff();
  private kept: StaleReason | undefined;

  constructor(private readonly options: RunRoundsOptions) {}

  /** What kept the last round from its work. */
  get trouble(): StaleReason | undefined {
    return this.kept;
  }

  /** When a failed run may be tried again; 0 when nothing stands in the way. */
  get retryMs(): number {
    return this.backOff.waitMs;
  }

  /** @param group who waits for it; settled at once where the answer is known before the round ends. */
  async next(group: Group): Promise<Round> {
    const { session } = this.options;
    try {
      const { found, unseen, state } = await session.look();
      const published = publishedOf(state);
      if (!unseen) group.settle({ fresh: true, ...published }); // the lines are covered, whatever else is to be done
      if (state !== undefined) group.settleUpTo(state.seen, { fresh: true, ...published });
      if (state !== undefined) group.remember(state.now);
      if (found === 'covered') return this.well({ end: 'covered', published });
      if (found === 'not-applied' || state === undefined) return { end: this.notApplied(), published };
      if (this.options.askOthers !== undefined) return found === 'due' ? this.well({ end: 'covered', published }) : await this.leave(state, group, this.options.askOthers);
      if (this.retryMs > 0) return { end: 'failing', published };
      return await this.runOnce(published, () => group.settle({ fresh: false, reason: 'backlog', ...published }));
    } catch (error) {
      return { end: this.failed(error) };
    }
  }

  private async leave(state: DatasetState, group: Group, askOthers: () => void): Promise<Round> {
    const obstacle = await this.options.session.obstacle(state);
    if (obstacle === 'failing') return { end: this.ill('failing', {}, 'the last run of another process failed'), published: publishedOf(state) };
    if (obstacle !== undefined) return this.well({ end: obstacle, published: publishedOf(state) });
    if (!group.isEmpty()) askOthers();
    return this.well({ end: 'busy' });
  }

  /** What is told of a run is told inside its event, so that a log line can carry the run's trace. */
  private runOnce(published: Published, onCut: () => void): Promise<Round> {
    const { dataset, sources, session } = this.options;
    const event: RunEvent = { dataset, sources, startedAt: performance.now() };
    return runs.tracePromise(async () => {
      try {
        event.run = await session.run(onCut);
        return this.afterRun(event.run, published);
      } catch (error) {
        event.failure = error;
        return { end: this.failed(error) };
      }
    }, event);
  }

  private afterRun(result: RunResult, published: Published): Round {
    if (result.outcome === 'busy') return { end: 'busy' };
    if (result.outcome === 'not-applied') return { end: this.notApplied(), published };
    const { runId, rowsIn, cut, steps, publishedAt } = result;
    this.options.log.debug({ dataset: this.options.dataset, run: Number(runId), rows: rowsIn, cut, steps }, 'run');
    return this.well({ end: cut ? 'cut' : 'caught-up', published: { ...published, runId, watermarkAt: publishedAt } });
  }

  private notApplied(): StaleReason {
    return this.ill('not-applied', {}, 'the files of this process are not those the database was made by: run `ingot apply`, or start with the files that were applied');
  }

  private failed(error: unknown): StaleReason {
    if (this.options.isClosed()) return 'stopping';
    if (!(error instanceof RunFailure) && isConnectionError(error)) return this.ill('unavailable', { err: error }, 'the database cannot be reached');
    this.backOff.failed();
    this.kept = 'failing';
    const details = error instanceof RunFailure ? { ...error.place, model: error.model, sqlstate: error.sqlState } : { err: error };
    this.options.log.error({ dataset: this.options.dataset, ...details, retryMs: Math.round(this.retryMs) }, `run failed: ${(error as Error).message}`);
    return 'failing';
  }

  private well(round: Round): Round {
    this.backOff.succeeded();
    if (this.kept !== undefined) {
      this.options.log.info({ dataset: this.options.dataset, after: this.kept }, 'runs again');
      this.kept = undefined;
    }
    return round;
  }

  private ill(reason: StaleReason, details: object, message: string): StaleReason {
    if (this.kept !== reason) this.options.log.error({ dataset: this.options.dataset, ...details }, message);
    this.kept = reason;
    return reason;
  }
}

/** What the dataset's row, read just now, says of what is published. */
export function publishedOf(state: DatasetState | undefined): Published {
  return state === undefined ? {} : { runId: state.runId, publication: state.publication, watermarkAt: state.updatedAt };
}

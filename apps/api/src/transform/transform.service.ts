import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import type { Logger } from '../logger.js';

export const TRANSFORM_OPTIONS = Symbol('TRANSFORM_OPTIONS');

/** One dataset's runner as the schedule sees it. */
export interface ScheduledRunner {
  readonly name: string;
  readonly probeEveryMs: number;
  /** One read-only probe; runs what is unseen. */
  tick(): Promise<void>;
  /** Partitions made ahead, old ledger rows removed. */
  maintain(): Promise<void>;
  /** Waits for the run under way. */
  close(): Promise<void>;
}

export interface TransformOptions {
  runners: readonly ScheduledRunner[];
  logger: Logger;
}

const MAINTAIN_EVERY_MS = 30_000;

/**
 * The fixed schedule: every few seconds a probe, now and then maintenance. Wake-ups after flushes reach the runners
 * directly. Several instances may tick; the lock inside a run makes one do the work.
 */
@Injectable()
export class TransformService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly busy = new Set<string>();

  constructor(
    @Inject(TRANSFORM_OPTIONS) private readonly options: TransformOptions,
    @Inject(SchedulerRegistry) private readonly schedule: SchedulerRegistry,
  ) {}

  onApplicationBootstrap(): void {
    for (const runner of this.options.runners) {
      const probe = this.every(`probe ${runner.name}`, runner.probeEveryMs, () => runner.tick());
      void probe(); // what arrived while nobody ran is taken at once, and readiness knows where it stands
      this.every(`maintain ${runner.name}`, MAINTAIN_EVERY_MS, () => runner.maintain());
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.options.runners.map((runner) => runner.close()));
  }

  /** A task that still runs is not started again, and one that fails does not stop the schedule. */
  private every(name: string, milliseconds: number, task: () => Promise<void>): () => Promise<void> {
    const guarded = async (): Promise<void> => {
      if (this.busy.has(name)) return;
      this.busy.add(name);
      try {
        await task();
      } catch (error) {
        this.options.logger.error({ err: error, task: name }, 'scheduled task failed');
      } finally {
        this.busy.delete(name);
      }
    };
    this.schedule.addInterval(name, setInterval(() => void guarded(), milliseconds));
    return guarded;
  }
}

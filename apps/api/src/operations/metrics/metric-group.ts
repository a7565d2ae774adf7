import type { Point } from '../../measuring-points.js';

/** Metrics of one kind. They end up in the registry they were made with. */
export interface MetricGroup {
  /** Sets what is known at the moment of a scrape only, e.g. a queue's length. */
  collect?(): void;
  /** Listens no more. */
  close(): void;
}

/** Subscriptions that end together. */
export class Subscriptions {
  private readonly ends: (() => void)[] = [];

  add<T>(point: Point<T>, listener: (message: T) => void): this {
    point.subscribe(listener);
    this.ends.push(() => point.unsubscribe(listener));
    return this;
  }

  close(): void {
    for (const end of this.ends.splice(0)) end();
  }
}

export const seconds = (milliseconds: number): number => milliseconds / 1_000;

/** From a millisecond, which is what a request without a statement takes, to the minute that no request outlives. */
export const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Of work on the database that may take minutes. */
export const RUN_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

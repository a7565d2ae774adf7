import type { Batch } from './batch.js';

export interface Outcome {
  /** True when the lines had been stored before, under the same idempotency key. */
  replayed: boolean;
}

/** A batch with whoever waits for it. */
export interface Waiting {
  batch: Batch;
  /** performance.now() */
  arrived: number;
  resolve: (outcome: Outcome) => void;
  reject: (problem: unknown) => void;
}

/** Batches in order of arrival, counted in bytes of their bodies. */
export class BatchQueue {
  /** Bodies, in bytes. */
  bytes = 0;
  private waiting: Waiting[] = [];

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  get length(): number {
    return this.waiting.length;
  }

  push(waiting: Waiting): void {
    this.waiting.push(waiting);
    this.bytes += waiting.batch.body.length;
  }

  /** Removes the oldest up to so many bytes, at least one when there is any. */
  take(bytes: number): Waiting[] {
    let taken = 0;
    return this.remove(({ batch }, i) => {
      taken += batch.body.length;
      return i === 0 || taken <= bytes;
    });
  }

  /** Removes those that arrived before the given performance.now(). */
  takeArrivedBefore(moment: number): Waiting[] {
    return this.remove(({ arrived }) => arrived < moment);
  }

  /** Removes from the front as long as the predicate holds. */
  private remove(goes: (waiting: Waiting, i: number) => boolean): Waiting[] {
    let count = 0;
    while (count < this.waiting.length && goes(this.waiting[count]!, count)) count++;
    const removed = count === 0 ? [] : this.waiting.splice(0, count);
    for (const { batch } of removed) this.bytes -= batch.body.length;
    return removed;
  }
}

import { tracingChannel } from 'node:diagnostics_channel';
import type { RunResult } from './run.js';

/** One try of a runner to run its dataset. */
export interface RunEvent {
  readonly dataset: string;
  /** The bronze tables it reads. */
  readonly sources: readonly string[];
  /** performance.now() */
  readonly startedAt: number;
  /** Set at the end; absent when it failed. */
  run?: RunResult;
  failure?: unknown;
}

/** A channel of Node's own, so that nothing here knows who measures; publishing to nobody is one comparison. */
export const runs = tracingChannel<unknown, RunEvent>('ingot:run');

import { tracingChannel } from 'node:diagnostics_channel';
import type { StepRecord } from './run-ledger.js';

/** One step of a run with its data tests, inside the run's own event (run-channel.ts). */
export interface StepEvent {
  readonly dataset: string;
  /** `schema.name` */
  readonly model: string;
  readonly strategy: string;
  /** Set at the end; absent when it failed. */
  result?: StepRecord;
  error?: unknown;
}

export const steps = tracingChannel<unknown, StepEvent>('ingot:step');

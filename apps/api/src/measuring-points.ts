import type { AsyncLocalStorage } from 'node:async_hooks';
import { channel, tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import type { LineFaultCode } from './ingest/line-faults.js';
import type { ProblemCode } from './problem.js';

// Where the application tells what it does; operations/metrics and tracing/ subscribe. Node's own channels, because
// neither side then knows the other, several may listen, and publishing to nobody is one comparison (5 ns). What the
// libraries tell is beside the code that does it.

/** A channel of messages of one type. */
export interface Point<T> {
  readonly hasSubscribers: boolean;
  publish(message: T): void;
  subscribe(listener: (message: T) => void): void;
  unsubscribe(listener: (message: T) => void): unknown;
}

const point = <T>(name: string): Point<T> => channel(name) as Point<T>;

/** A point at which what is done can be given an async context. */
export interface BeginPoint<T> extends Point<T> {
  bindStore<S>(store: AsyncLocalStorage<S>, contextOf: (message: T) => S): void;
  unbindStore<S>(store: AsyncLocalStorage<S>): unknown;
}

/** Where a tracing channel tells that something asynchronous begins, and that it is over, one way or the other. */
export const beginOf = <T extends object>({ start }: TracingChannel<unknown, T>): BeginPoint<T> => start as unknown as BeginPoint<T>;
export const endOf = <T extends object>({ asyncEnd }: TracingChannel<unknown, T>): Point<T> => asyncEnd as unknown as Point<T>;

/** One request's lines, as far as measuring goes. */
export interface MeasuredBatch {
  readonly lines: number;
  readonly bytes: number;
}

/** A batch is about to wait for its flush; published in the async context of its request. */
export const submissions = point<MeasuredBatch>('ingot:submit');

/** One try to write and commit a flush. */
export interface FlushEvent {
  readonly relation: string;
  readonly flush: string;
  readonly batches: readonly MeasuredBatch[];
  readonly lines: number;
  readonly bytes: number;
  /** performance.now() */
  readonly startedAt: number;
  /** Set at the end, when it failed or its COMMIT was not answered. */
  error?: unknown;
}
export const flushes = tracingChannel<unknown, FlushEvent>('ingot:flush');

/** Lines of a relation that were committed and are acknowledged now. */
export interface StoredEvent {
  readonly relation: string;
  readonly batches: readonly MeasuredBatch[];
}
export const stored = point<StoredEvent>('ingot:stored');

/** A body refused because of its lines. */
export interface RejectedEvent {
  readonly relation: string;
  /** Of the first faulty lines of the body, one each. */
  readonly errors: readonly { readonly code: LineFaultCode }[];
  /** All faulty lines, also those that were not looked at closely. */
  readonly totalErrors: number;
}
export const rejections = point<RejectedEvent>('ingot:rejected');

/** A request is answered with a problem document. */
export interface ProblemEvent {
  readonly code: ProblemCode;
  readonly status: number;
  /** The route's template; undefined when there is none. */
  readonly route: string | undefined;
}
export const problems = point<ProblemEvent>('ingot:problem');

/** How an answer that may be shared was had: from those kept, together with an equal request, or by a statement of its own. */
export type Sharing = 'kept' | 'joined' | 'read';
export const sharings = point<Sharing>('ingot:sharing');

import { ROOT_CONTEXT, SpanKind, trace, type Context, type Link, type Span, type SpanContext, type Tracer } from '@opentelemetry/api';
import { beginOf, endOf, flushes, submissions, type FlushEvent, type MeasuredBatch } from '../measuring-points.js';
import { isSampled, type ActiveSpans } from './active-spans.js';
import { endSpan } from './end-span.js';

/** A flush or a run names at most so many of the others it has to do with. Each request names its flush. */
const MAX_LINKS = 32;

/** A flush that committed. */
export interface UntakenFlush {
  readonly span: SpanContext;
  readonly relation: string;
  /** performance.now() */
  readonly startedAt: number;
}

/** The flushes that no run has taken yet: a run's span links to those whose lines it takes. */
export class UntakenFlushes {
  private list: UntakenFlush[] = [];

  add(flush: UntakenFlush): void {
    if (this.list.length < MAX_LINKS) this.list.push(flush);
  }

  /** Those into one of the relations, begun before the given performance.now(). */
  of(relations: readonly string[], begunBefore: number): UntakenFlush[] {
    return this.list.filter(({ relation, startedAt }) => relations.includes(relation) && startedAt < begunBefore);
  }

  /** They are in what is published. */
  taken(flushes: readonly UntakenFlush[]): void {
    this.list = this.list.filter((flush) => !flushes.includes(flush));
  }
}

/**
 * One span for each try of a flush. It is shared by many requests: the child of the first one that is sampled, linked to
 * the others, and each of them to it.
 * @returns ends the subscription
 */
export function traceFlushes(tracer: Tracer, active: ActiveSpans, untaken: UntakenFlushes): () => void {
  const origins = new WeakMap<MeasuredBatch, Context>();
  const spans = new WeakMap<FlushEvent, Span>();

  const submitted = (batch: MeasuredBatch): void => void origins.set(batch, active.context);
  const begin = (flush: FlushEvent): Context => {
    const requests = flush.batches.flatMap((batch) => origins.get(batch) ?? []);
    const sampled = requests.filter(isSampled);
    const parent = sampled[0] ?? requests[0] ?? ROOT_CONTEXT;
    const others = sampled.slice(1).flatMap((context) => trace.getSpan(context) ?? []);
    const span = tracer.startSpan(
      'flush',
      {
        kind: SpanKind.CLIENT,
        links: others.slice(0, MAX_LINKS).map((other): Link => ({ context: other.spanContext() })),
        attributes: { 'db.system.name': 'postgresql', 'db.collection.name': flush.relation, 'ingot.flush.id': flush.flush, 'ingot.requests': flush.batches.length, 'ingot.lines': flush.lines, 'ingot.bytes': flush.bytes },
      },
      parent,
    );
    for (const other of others) other.addLink({ context: span.spanContext() });
    spans.set(flush, span);
    return trace.setSpan(parent, span);
  };
  const end = (flush: FlushEvent): void => {
    const span = spans.get(flush);
    if (span === undefined) return;
    if (flush.error === undefined && span.isRecording()) untaken.add({ span: span.spanContext(), relation: flush.relation, startedAt: flush.startedAt });
    endSpan(span, flush.error);
  };

  submissions.subscribe(submitted);
  beginOf(flushes).bindStore(active.storage, begin);
  endOf(flushes).subscribe(end);
  return () => {
    submissions.unsubscribe(submitted);
    beginOf(flushes).unbindStore(active.storage);
    endOf(flushes).unsubscribe(end);
  };
}

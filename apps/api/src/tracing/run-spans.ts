import { runs, steps, type RunEvent, type StepEvent } from '@ingot/models';
import { ROOT_CONTEXT, trace, type Context, type Span, type Tracer } from '@opentelemetry/api';
import { beginOf, endOf } from '../measuring-points.js';
import type { ActiveSpans } from './active-spans.js';
import { endSpan } from './end-span.js';
import type { UntakenFlush, UntakenFlushes } from './flush-spans.js';

interface OpenRun {
  readonly span: Span;
  readonly takes: readonly UntakenFlush[];
}

/**
 * A run is a trace of its own, as no request waits for it alone; it links to the flushes whose lines it takes. Its steps
 * are its children.
 * @returns ends the subscription
 */
export function traceRuns(tracer: Tracer, active: ActiveSpans, untaken: UntakenFlushes): () => void {
  const open = new WeakMap<RunEvent, OpenRun>();
  const stepSpans = new WeakMap<StepEvent, Span>();

  const begin = (event: RunEvent): Context => {
    const takes = untaken.of(event.sources, event.startedAt);
    const span = tracer.startSpan('run', { root: true, links: takes.map(({ span: context }) => ({ context })), attributes: { 'ingot.dataset': event.dataset } }, ROOT_CONTEXT);
    open.set(event, { span, takes });
    return trace.setSpan(ROOT_CONTEXT, span);
  };
  const end = (event: RunEvent): void => {
    const { run, failure } = event;
    const opened = open.get(event);
    // Another process was at it, or nothing was to be done: a span that is not ended is not exported.
    if (opened === undefined || (run !== undefined && run.outcome !== 'succeeded')) return;
    if (run !== undefined) {
      opened.span.setAttributes({ 'ingot.run.id': String(run.runId), 'ingot.rows': run.rowsIn, 'ingot.run.cut': run.cut });
      untaken.taken(opened.takes);
      // The database has committed a flush before this process hears of it: a run that began in between has its lines. It
      // may also have missed them, so the next one is linked to it, too.
      if (run.rowsIn > 0) for (const { span: context } of untaken.of(event.sources, event.startedAt)) opened.span.addLink({ context });
    }
    endSpan(opened.span, failure);
  };
  const beginStep = (event: StepEvent): Context => {
    const span = tracer.startSpan(`step ${event.model}`, { attributes: { 'ingot.dataset': event.dataset, 'ingot.model': event.model, 'ingot.strategy': event.strategy } }, active.context);
    stepSpans.set(event, span);
    return trace.setSpan(active.context, span);
  };
  const endStep = (event: StepEvent): void => {
    const span = stepSpans.get(event);
    if (span === undefined) return;
    if (event.result !== undefined) span.setAttributes({ 'ingot.rows.written': event.result.rowsWritten, 'ingot.rows.deleted': event.result.rowsDeleted });
    endSpan(span, event.error);
  };

  beginOf(runs).bindStore(active.storage, begin);
  endOf(runs).subscribe(end);
  beginOf(steps).bindStore(active.storage, beginStep);
  endOf(steps).subscribe(endStep);
  return () => {
    beginOf(runs).unbindStore(active.storage);
    endOf(runs).unsubscribe(end);
    beginOf(steps).unbindStore(active.storage);
    endOf(steps).unsubscribe(endStep);
  };
}

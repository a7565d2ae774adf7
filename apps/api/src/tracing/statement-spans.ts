import { channel } from 'node:diagnostics_channel';
import { READ_CHANNELS, type ReadStatement } from '@ingot/postgres';
import { SpanKind, type Span, type Tracer } from '@opentelemetry/api';
import type { Point } from '../measuring-points.js';
import type { ActiveSpans } from './active-spans.js';
import { endSpan } from './end-span.js';

const started = channel(READ_CHANNELS.start) as Point<ReadStatement>;
const ended = channel(READ_CHANNELS.end) as Point<ReadStatement>;

/**
 * One span for each try of a read, from asking for a connection to giving it back, as a child of its request. Its name
 * is the endpoint's: the text of the statement holds values.
 * @returns ends the subscription
 */
export function traceStatements(tracer: Tracer, active: ActiveSpans): () => void {
  const spans = new WeakMap<ReadStatement, Span>();
  const begin = (read: ReadStatement): void => {
    spans.set(read, tracer.startSpan(`statement ${read.statement}`, { kind: SpanKind.CLIENT, attributes: { 'db.system.name': 'postgresql', 'ingot.statement': read.statement } }, active.context));
  };
  const end = (read: ReadStatement): void => {
    const span = spans.get(read);
    if (span === undefined) return;
    const { outcome, waitMs, rows, bytes, spooledBytes, error } = read;
    span.setAttributes({ 'ingot.outcome': outcome, 'ingot.wait_ms': waitMs, 'db.response.returned_rows': rows, 'ingot.bytes': bytes, 'ingot.spooled_bytes': spooledBytes });
    endSpan(span, outcome === 'failed' ? (error ?? new Error(outcome)) : undefined);
  };
  started.subscribe(begin);
  ended.subscribe(end);
  return () => {
    started.unsubscribe(begin);
    ended.unsubscribe(end);
  };
}

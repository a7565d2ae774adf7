import { AsyncLocalStorage } from 'node:async_hooks';
import { ROOT_CONTEXT, trace, type Context, type Span } from '@opentelemetry/api';

/** Which span is under way, followed through callbacks and promises. */
export class ActiveSpans {
  /** The store that channels bind to. */
  readonly storage = new AsyncLocalStorage<Context>();

  /** That of nobody when nothing is under way. */
  get context(): Context {
    return this.storage.getStore() ?? ROOT_CONTEXT;
  }

  /** Everything that begins in `work` belongs to the span. */
  run(context: Context, span: Span, work: () => void): void {
    this.storage.run(trace.setSpan(context, span), work);
  }
}

/** Whether the span will be exported; undefined when there is none. */
export function isSampled(context: Context): boolean {
  return ((trace.getSpanContext(context)?.traceFlags ?? 0) & 1) === 1;
}

import { sqlState } from '@ingot/postgres';
import { SpanStatusCode, type Span } from '@opentelemetry/api';

/** Ends a span; with the kind of the error, if there was one, by OpenTelemetry's conventions, and its words. */
export function endSpan(span: Span, error: unknown): void {
  if (error !== undefined) {
    const { name, message } = error as Partial<Error>;
    span.setAttribute('error.type', sqlState(error) ?? sqlState((error as Partial<Error>).cause) ?? name ?? 'Error');
    span.setStatus({ code: SpanStatusCode.ERROR, message });
  }
  span.end();
}

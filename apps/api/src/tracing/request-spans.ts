import { defaultTextMapGetter, ROOT_CONTEXT, SpanKind, SpanStatusCode, type Span, type Tracer } from '@opentelemetry/api';
import { redactSecrets } from '@ingot/config';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ActiveSpans } from './active-spans.js';

/**
 * One span for each request that a route answers, as a child of the caller's where `traceparent` names one. Named and
 * described by OpenTelemetry's conventions for HTTP servers. The query string is left out: it may say more than a
 * collector should know.
 */
export function traceRequests(server: FastifyInstance, tracer: Tracer, active: ActiveSpans): void {
  const propagator = new W3CTraceContextPropagator();
  server.addHook('onRequest', (request, reply, done) => {
    const { method } = request;
    const route = request.routeOptions.url ?? '';
    const parent = propagator.extract(ROOT_CONTEXT, request.headers, defaultTextMapGetter);
    const span = tracer.startSpan(
      `${method} ${route}`,
      { kind: SpanKind.SERVER, attributes: { 'http.request.method': method, 'http.route': route, 'url.path': redactSecrets(request.url.split('?', 1)[0] ?? ''), 'url.scheme': request.protocol, 'ingot.request.id': request.id } },
      parent,
    );
    reply.raw.once('close', () => end(span, reply));
    active.run(parent, span, done);
  });
}

function end(span: Span, { raw, statusCode }: FastifyReply): void {
  span.setAttribute('http.response.status_code', statusCode);
  const error = !raw.writableFinished ? 'aborted' : statusCode >= 500 ? String(statusCode) : undefined;
  if (error !== undefined) span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

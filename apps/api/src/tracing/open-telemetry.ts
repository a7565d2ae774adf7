import { randomUUID } from 'node:crypto';
import { isSpanContextValid, trace } from '@opentelemetry/api';
import { parseKeyPairsIntoRecord, setGlobalErrorHandler } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOffSampler, AlwaysOnSampler, BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider, type Sampler } from '@opentelemetry/sdk-trace';
import { ActiveSpans } from './active-spans.js';
import { traceFlushes, UntakenFlushes } from './flush-spans.js';
import { traceRequests } from './request-spans.js';
import { traceRuns } from './run-spans.js';
import { traceStatements } from './statement-spans.js';
import type { Tracing } from './tracing.js';

export interface TracingOptions {
  /** Without `/v1/traces`. */
  readonly endpoint: string;
  /** `name=value,name=value` */
  readonly headers: string;
  readonly serviceName: string;
  /** As OTEL_TRACES_SAMPLER has them. */
  readonly sampler: string;
  /** 0 to 1, for `traceidratio`. */
  readonly share: number;
  readonly version: string;
  /** A collector that is down is told of once a minute. */
  readonly onTrouble: (error: unknown) => void;
  /** How long finished spans wait for others to go with them. */
  readonly delayMs?: number;
  /** How long the collector may take for an answer, tries included. */
  readonly exportMs?: number;
}

// What a collector that is down or slow can cost: so many spans of some 2 kB each, one request at a time. What does not
// fit is dropped.
const QUEUE_SPANS = 2_048;
const EXPORT_MS = 5_000;
const DELAY_MS = 1_000;
const CLOSE_MS = 900;
const TROUBLE_EVERY_MS = 60_000;

/** Needs no global state of OpenTelemetry but its error handler: tests may have several. */
export function createTracing(options: TracingOptions): Tracing {
  const { exportMs = EXPORT_MS, delayMs = DELAY_MS } = options;
  tellTrouble(options.onTrouble);
  const exporter = new OTLPTraceExporter({
    url: `${options.endpoint.replace(/\/$/, '')}/v1/traces`,
    headers: parseKeyPairsIntoRecord(options.headers),
    timeoutMillis: exportMs,
    concurrencyLimit: 1,
  });
  const provider = new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.name': options.serviceName, 'service.version': options.version, 'service.instance.id': randomUUID() })),
    sampler: samplerOf(options),
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: QUEUE_SPANS, exportTimeoutMillis: exportMs, scheduledDelayMillis: delayMs })],
  });
  const active = new ActiveSpans();
  const tracer = provider.getTracer('ingot', options.version);
  const untaken = new UntakenFlushes();
  const subscriptions = [traceFlushes(tracer, active, untaken), traceRuns(tracer, active, untaken), traceStatements(tracer, active)];
  return {
    watch: (server) => traceRequests(server, tracer, active),
    logFields: () => {
      const span = trace.getSpanContext(active.context);
      return span === undefined || !isSpanContextValid(span) ? {} : { trace_id: span.traceId, span_id: span.spanId };
    },
    close: async () => {
      for (const end of subscriptions) end();
      const timer = new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref());
      await Promise.race([provider.shutdown().catch(() => undefined), timer]);
    },
  };
}

function samplerOf({ sampler, share }: TracingOptions): Sampler {
  const name = sampler.replace('parentbased_', '');
  const root = name === 'always_off' ? new AlwaysOffSampler() : name === 'traceidratio' ? new TraceIdRatioBasedSampler(share) : new AlwaysOnSampler();
  return name === sampler ? root : new ParentBasedSampler({ root });
}

function tellTrouble(onTrouble: (error: unknown) => void): void {
  let last = -Infinity;
  setGlobalErrorHandler((error) => {
    if (performance.now() - last < TROUBLE_EVERY_MS) return;
    last = performance.now();
    onTrouble(error);
  });
}

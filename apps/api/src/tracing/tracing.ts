import type { FastifyInstance } from 'fastify';

/** What the rest of the service sees of traces. */
export interface Tracing {
  /** Makes a span of each request; before the server listens. */
  watch(server: FastifyInstance): void;
  /** `trace_id` and `span_id` of what is under way, for log lines. */
  readonly logFields: () => object;
  /** Hands over what is left, as far as the collector takes it within a second. Never rejects. */
  close(): Promise<void>;
}

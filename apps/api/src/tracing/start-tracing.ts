import type { Config } from '@ingot/config';
import type { Tracing } from './tracing.js';

/**
 * Traces by OTLP/HTTP where `OTEL_EXPORTER_OTLP_ENDPOINT` says so; undefined without. Its packages are loaded then only:
 * 0.1 s of start and 5 MB of memory that nobody else pays for, and no async context is followed without them.
 * @param onTrouble told, once a minute at most, that a collector does not take them
 */
export async function startTracing(config: Config, version: string, onTrouble: (error: unknown) => void): Promise<Tracing | undefined> {
  if (config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return undefined;
  const { createTracing } = await import('./open-telemetry.js');
  return createTracing({
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS ?? '',
    serviceName: config.OTEL_SERVICE_NAME,
    sampler: config.OTEL_TRACES_SAMPLER,
    share: config.OTEL_TRACES_SAMPLER_ARG,
    version,
    onTrouble,
  });
}

import Negotiator from 'negotiator';
import { Registry } from 'prom-client';

/** A text that Prometheus reads, and its media type. */
export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

const PLAIN = 'text/plain';
const OPEN_METRICS = 'application/openmetrics-text';

/**
 * The registry as text format 0.0.4, or as OpenMetrics 1.0 for who asks for it (Prometheus does). Who accepts neither
 * gets the plain one, as Prometheus' own clients do.
 * @param accept the header as it came
 */
export async function expose(registry: Registry, accept: string | undefined): Promise<Exposition> {
  const text = await registry.metrics();
  return wantsOpenMetrics(accept)
    ? { contentType: `${OPEN_METRICS}; version=1.0.0; charset=utf-8`, body: toOpenMetrics(text) }
    : { contentType: Registry.PROMETHEUS_CONTENT_TYPE, body: text };
}

function wantsOpenMetrics(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  // `version` and `escaping` tell apart what is the same here; as parameters they would match nothing.
  const types = accept.replaceAll(/;\s*(?:version|escaping|charset)=[^;,]*/gi, '');
  return new Negotiator({ headers: { accept: types } }).mediaType([PLAIN, OPEN_METRICS]) === OPEN_METRICS;
}

/**
 * prom-client's own way is a second registry: it renames the metrics they share, and the first one then shows counters
 * without `_total`. The formats differ in three points: a counter's family has no `_total`, there are no empty lines,
 * and the end is marked.
 */
function toOpenMetrics(text: string): string {
  const counters = new Set([...text.matchAll(/^# TYPE (\S+)_total counter$/gm)].map((match) => match[1]!));
  const lines = text.split('\n').filter((line) => line !== '');
  const families = lines.map((line) => line.replace(/^(# (?:HELP|TYPE) )(\S+)_total /, (whole, start: string, name: string) => (counters.has(name) ? `${start}${name} ` : whole)));
  return `${families.join('\n')}\n# EOF\n`;
}

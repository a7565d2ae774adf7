import { Counter, Gauge, type Registry } from 'prom-client';
import { sharings, type Sharing } from '../../measuring-points.js';
import { Subscriptions, type MetricGroup } from './metric-group.js';

/** What is kept of answers at the moment. */
export interface ResultState {
  readonly results: number;
  readonly bytes: number;
}

const HOW: readonly Sharing[] = ['kept', 'joined', 'read'];

/** Answers that are kept or shared by equal requests. */
export function resultMetrics(registry: Registry, state: () => ResultState): MetricGroup {
  const registers = [registry];
  const asked = new Counter({
    name: 'ingot_result_cache_requests_total',
    help: 'Requests whose answer may be shared, by how it was had: kept, joined (an equal request was under way), read.',
    labelNames: ['how'],
    registers,
  });
  const results = new Gauge({ name: 'ingot_result_cache_results', help: 'Answers that are kept.', registers });
  const bytes = new Gauge({ name: 'ingot_result_cache_bytes', help: 'Bytes of the answers that are kept.', registers });
  for (const how of HOW) asked.inc({ how }, 0);
  const subscriptions = new Subscriptions().add(sharings, (how) => asked.inc({ how }));
  return {
    collect: () => {
      results.set(state().results);
      bytes.set(state().bytes);
    },
    close: () => subscriptions.close(),
  };
}

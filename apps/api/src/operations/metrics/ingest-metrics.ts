import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { endOf, flushes, rejections, stored, type FlushEvent, type RejectedEvent, type StoredEvent } from '../../measuring-points.js';
import { seconds, Subscriptions, type MetricGroup } from './metric-group.js';

/** What waits to be stored, by bronze table. */
export interface IngestState {
  readonly queueBytes: number;
  readonly queueBatches: number;
  readonly flushing: number;
}

/** The reason of faulty lines after the first hundred of a body: only those are looked at closely. */
const NOT_EXAMINED = 'not-examined';

/** Lines in, lines refused, and the flushes that store them. */
export function ingestMetrics(registry: Registry, sources: readonly string[], state: () => Record<string, IngestState>): MetricGroup {
  const registers = [registry];
  const labelNames = ['source'];
  const lines = new Counter({ name: 'ingot_ingest_lines_total', help: 'Lines stored and acknowledged; a replayed request adds none.', labelNames, registers });
  const bytes = new Counter({ name: 'ingot_ingest_bytes_total', help: 'Bytes of those lines.', labelNames, registers });
  const batches = new Counter({ name: 'ingot_ingest_batches_total', help: 'Requests whose lines were stored.', labelNames, registers });
  const rejected = new Counter({
    name: 'ingot_ingest_rejected_lines_total',
    help: `Faulty lines by the code of their fault; the whole body is refused with them. After the first hundred of a body the reason is ${NOT_EXAMINED}.`,
    labelNames: ['source', 'reason'],
    registers,
  });
  const queueBytes = new Gauge({ name: 'ingot_ingest_queue_bytes', help: 'Bodies that wait for a writer.', labelNames, registers });
  const queueBatches = new Gauge({ name: 'ingot_ingest_queue_batches', help: 'Requests that wait for a writer.', labelNames, registers });
  const flushing = new Gauge({ name: 'ingot_ingest_flushes_in_flight', help: 'Flushes whose COMMIT is not answered yet.', labelNames, registers });
  const flushed = {
    duration: new Histogram({
      name: 'ingot_ingest_flush_duration_seconds',
      help: 'One try to write and commit a flush. outcome: committed, or failed (refused, or its COMMIT was not answered).',
      labelNames: ['source', 'outcome'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    lines: new Histogram({ name: 'ingot_ingest_flush_lines', help: 'Lines of a flush.', labelNames, buckets: [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000], registers }),
    bytes: new Histogram({ name: 'ingot_ingest_flush_bytes', help: 'Bytes of the lines of a flush.', labelNames, buckets: [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000], registers }),
    batches: new Histogram({ name: 'ingot_ingest_flush_batches', help: 'Requests that share a flush.', labelNames, buckets: [1, 2, 5, 10, 25, 50, 100, 250, 1_000], registers }),
  };

  for (const source of sources) for (const counter of [lines, bytes, batches]) counter.inc({ source }, 0);

  const subscriptions = new Subscriptions()
    .add(stored, ({ relation: source, batches: group }: StoredEvent) => {
      batches.inc({ source }, group.length);
      lines.inc({ source }, group.reduce((sum, batch) => sum + batch.lines, 0));
      bytes.inc({ source }, group.reduce((sum, batch) => sum + batch.bytes, 0));
    })
    .add(rejections, ({ relation: source, errors, totalErrors }: RejectedEvent) => {
      for (const { code } of errors) rejected.inc({ source, reason: code });
      if (totalErrors > errors.length) rejected.inc({ source, reason: NOT_EXAMINED }, totalErrors - errors.length);
    })
    .add(endOf(flushes), (flush: FlushEvent) => {
      const { relation: source } = flush;
      flushed.duration.observe({ source, outcome: flush.error === undefined ? 'committed' : 'failed' }, seconds(performance.now() - flush.startedAt));
      flushed.lines.observe({ source }, flush.lines);
      flushed.bytes.observe({ source }, flush.bytes);
      flushed.batches.observe({ source }, flush.batches.length);
    });

  return {
    collect: () => {
      for (const [source, now] of Object.entries(state())) {
        queueBytes.set({ source }, now.queueBytes);
        queueBatches.set({ source }, now.queueBatches);
        flushing.set({ source }, now.flushing);
      }
    },
    close: () => subscriptions.close(),
  };
}

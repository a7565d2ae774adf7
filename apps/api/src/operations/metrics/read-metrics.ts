import { channel } from 'node:diagnostics_channel';
import { READ_CHANNELS, REPLICA_CHANNEL, type ReadStatement, type ReadStatus, type ReplicaOutcome } from '@ingot/postgres';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Point } from '../../measuring-points.js';
import { REQUEST_BUCKETS, seconds, Subscriptions, type MetricGroup } from './metric-group.js';

const BREAKER_STATES = ['closed', 'open', 'half-open'] as const;

/** Statements of reads, and what keeps reads from harming anybody else: breaker, turns of large ones, spool. */
export function readMetrics(registry: Registry, status: () => ReadStatus): MetricGroup {
  const registers = [registry];
  const labelNames = ['statement'];
  const durations = new Histogram({
    name: 'ingot_statement_duration_seconds',
    help: 'Each try of a read, from the loan of a connection to its return. outcome: complete, failed, abandoned (the client left), postponed (large: made again when it is its turn).',
    labelNames: ['statement', 'outcome'],
    buckets: REQUEST_BUCKETS,
    registers,
  });
  const waits = new Histogram({ name: 'ingot_statement_wait_seconds', help: 'How long a read waited for its connection.', labelNames, buckets: REQUEST_BUCKETS, registers });
  const firstByte = new Histogram({ name: 'ingot_statement_first_byte_seconds', help: 'From the loan of a connection to the first row.', labelNames, buckets: REQUEST_BUCKETS, registers });
  const rows = new Counter({ name: 'ingot_statement_rows_total', help: 'Rows that statements gave.', labelNames, registers });
  const bytes = new Counter({ name: 'ingot_statement_bytes_total', help: 'Bytes as the database rendered them, before compression.', labelNames, registers });
  const spooled = new Counter({ name: 'ingot_statement_spooled_bytes_total', help: 'Bytes that clients were slow to take and that went to disk.', labelNames, registers });
  const breaker = new Gauge({ name: 'ingot_breaker_state', help: '1 for the state of the breaker before the database; reads only.', labelNames: ['state'], registers });
  const large = new Gauge({ name: 'ingot_large_reads', help: 'Large answers that are under way (streams), have a connection (copying), or wait for their turn (waiting).', labelNames: ['state'], registers });
  const replica = new Counter({ name: 'ingot_replica_reads_total', help: 'Reads that a replica was to answer: answered, or given to the primary because it was behind or failed.', labelNames: ['outcome'], registers });
  for (const outcome of ['answered', 'behind', 'failed'] satisfies ReplicaOutcome[]) replica.inc({ outcome }, 0);
  const spool = new Gauge({ name: 'ingot_spool_bytes', help: 'What clients have not taken yet, by place: file or memory.', labelNames: ['place'], registers });

  const subscriptions = new Subscriptions().add(channel(READ_CHANNELS.end) as Point<ReadStatement>, ({ statement, outcome = 'failed', waitMs = 0, ms = 0, firstByteMs, rows: given = 0, bytes: rendered = 0, spooledBytes = 0 }) => {
    durations.observe({ statement, outcome }, seconds(ms));
    waits.observe({ statement }, seconds(waitMs));
    if (firstByteMs !== undefined) firstByte.observe({ statement }, seconds(firstByteMs));
    rows.inc({ statement }, given);
    bytes.inc({ statement }, rendered);
    spooled.inc({ statement }, spooledBytes);
  });
  subscriptions.add(channel(REPLICA_CHANNEL) as Point<ReplicaOutcome>, (outcome) => replica.inc({ outcome }));

  return {
    collect: () => {
      const now = status();
      for (const state of BREAKER_STATES) breaker.set({ state }, state === now.breaker ? 1 : 0);
      for (const state of ['streams', 'copying', 'waiting'] as const) large.set({ state }, now.large[state]);
      spool.set({ place: 'file' }, now.spool.fileBytes);
      spool.set({ place: 'memory' }, now.spool.memoryBytes);
    },
    close: () => subscriptions.close(),
  };
}

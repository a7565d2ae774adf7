import type { DiskState } from '@ingot/postgres';
import { Gauge, type Registry } from 'prom-client';
import type { MetricGroup } from './metric-group.js';

export interface ReadinessState {
  /** As /health/ready last had it. */
  readonly ready: boolean;
  readonly disks: readonly DiskState[];
}

export function readinessMetrics(registry: Registry, state: () => ReadinessState): MetricGroup {
  const registers = [registry];
  const ready = new Gauge({ name: 'ingot_ready', help: '1 when /health/ready says so, as of at most 10 s ago.', registers });
  const free = new Gauge({ name: 'ingot_disk_free_bytes', help: 'Free bytes on the disks that can be seen: database (the embedded server), spool.', labelNames: ['disk'], registers });
  return {
    collect: () => {
      const { ready: isReady, disks } = state();
      ready.set(isReady ? 1 : 0);
      for (const { name, freeBytes } of disks) {
        if (freeBytes === undefined) free.remove({ disk: name });
        else free.set({ disk: name }, freeBytes);
      }
    },
    close: () => undefined,
  };
}

import { Gauge, type Registry } from 'prom-client';
import type { MetricGroup } from './metric-group.js';

/** A pool as pg-pool shows it. */
export interface PoolState {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options: { readonly max: number };
}

/** @param pools by the name of their sessions, e.g. `ingot read` */
export function poolMetrics(registry: Registry, pools: ReadonlyMap<string, PoolState>): MetricGroup {
  const registers = [registry];
  const connections = new Gauge({ name: 'ingot_pool_connections', help: 'Open connections, busy or idle.', labelNames: ['pool', 'state'], registers });
  const most = new Gauge({ name: 'ingot_pool_max_connections', help: 'Connections a pool may open.', labelNames: ['pool'], registers });
  const waiters = new Gauge({ name: 'ingot_pool_waiters', help: 'Who waits for a free connection.', labelNames: ['pool'], registers });
  return {
    collect: () => {
      for (const [pool, { totalCount, idleCount, waitingCount, options }] of pools) {
        connections.set({ pool, state: 'busy' }, totalCount - idleCount);
        connections.set({ pool, state: 'idle' }, idleCount);
        most.set({ pool }, options.max);
        waiters.set({ pool }, waitingCount);
      }
    },
    close: () => undefined,
  };
}

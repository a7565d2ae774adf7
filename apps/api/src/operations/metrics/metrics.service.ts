import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Dataset } from '@ingot/datasets';
import type { StaleReason } from '@ingot/models';
import type { ReadStatus } from '@ingot/postgres';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { DatabaseMetrics, type DatabaseMetricsOptions } from './database-metrics.js';
import { expose, type Exposition } from './exposition.js';
import { HttpMetrics } from './http-metrics.js';
import { ingestMetrics, type IngestState } from './ingest-metrics.js';
import type { MetricGroup } from './metric-group.js';
import { poolMetrics, type PoolState } from './pool-metrics.js';
import { readinessMetrics, type ReadinessState } from './readiness-metrics.js';
import { readMetrics } from './read-metrics.js';
import { resultMetrics, type ResultState } from './result-metrics.js';
import { runMetrics } from './run-metrics.js';

export const METRICS_OPTIONS = Symbol('METRICS_OPTIONS');

export interface MetricsOptions {
  readonly version: string;
  readonly datasets: readonly Dataset[];
  /** By bronze table. */
  readonly ingest: () => Record<string, IngestState>;
  /** By dataset: why it is not kept up to date, if so. */
  readonly standsStill: () => ReadonlyMap<string, StaleReason | undefined>;
  readonly readiness: () => ReadinessState;
  readonly reads: () => ReadStatus;
  readonly results: () => ResultState;
  /** By the name of their sessions. */
  readonly pools: ReadonlyMap<string, PoolState>;
  /** For what is asked of the database at a scrape. */
  readonly database: Omit<DatabaseMetricsOptions, 'datasets'>;
}

/** Everything that GET /metrics shows, in a registry of its own. */
@Injectable()
export class MetricsService implements OnApplicationShutdown {
  readonly registry = new Registry();
  private readonly http: HttpMetrics;
  private readonly database: DatabaseMetrics;
  private readonly groups: readonly MetricGroup[];

  constructor(@Inject(METRICS_OPTIONS) options: MetricsOptions) {
    const { registry } = this;
    const { version, datasets } = options;
    new Gauge({ name: 'ingot_build_info', help: 'Always 1; the labels say what runs.', labelNames: ['version', 'node'], registers: [registry] }).set({ version, node: process.version }, 1);
    this.http = new HttpMetrics(registry);
    this.groups = [
      this.http,
      ingestMetrics(registry, datasets.flatMap(({ sources }) => sources.map(({ relation }) => relation)), options.ingest),
      runMetrics(registry, options.standsStill),
      readinessMetrics(registry, options.readiness),
      readMetrics(registry, options.reads),
      resultMetrics(registry, options.results),
      poolMetrics(registry, options.pools),
    ];
    this.database = new DatabaseMetrics(registry, { ...options.database, datasets });
    collectDefaultMetrics({ register: registry });
  }

  /** Counts the requests of this server; before it listens. */
  watch(server: FastifyInstance): void {
    this.http.watch(server);
  }

  /** @param accept the header that says which of the two formats is wanted */
  async scrape(accept: string | undefined): Promise<Exposition> {
    await this.database.refresh();
    for (const group of this.groups) group.collect?.();
    return expose(this.registry, accept);
  }

  onApplicationShutdown(): void {
    for (const group of this.groups) group.close();
  }
}

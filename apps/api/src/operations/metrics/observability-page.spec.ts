import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ConnectionPool } from '@ingot/postgres';
import { readFile } from 'node:fs/promises';
import { MetricsService } from './metrics.service.js';

/** What prom-client keeps of a metric and does not declare. */
interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames: readonly string[];
}

describe('docs/observability.md', () => {
  let page: string;
  let metrics: MetricsService;
  let described: Described[];
  beforeAll(async () => {
    page = await readFile('docs/observability.md', 'utf8');
    metrics = new MetricsService({
      version: '1',
      datasets: [],
      ingest: () => ({}),
      standsStill: () => new Map(),
      readiness: () => ({ ready: true, disks: [] }),
      reads: () => ({ breaker: 'closed', pool: { total: 0, idle: 0, waiting: 0, max: 0 }, large: { streams: 0, copying: 0, waiting: 0, limit: 0 }, spool: { reads: 0, fileBytes: 0, memoryBytes: 0, fileBytesLimit: 0 } }),
      results: () => ({ results: 0, bytes: 0 }),
      pools: new Map(),
      database: { pool: {} as ConnectionPool, sessions: [] },
    });
    described = (await Promise.all(metrics.registry.getMetricsAsArray().map(async (metric) => ({ ...metric, ...(await (metric as unknown as { get(): Promise<object> }).get()) })))) as unknown as Described[];
  });
  afterAll(() => metrics.onApplicationShutdown());

  it('lists every metric of the service with its type, labels and meaning, and no other', () => {
    const rows = [...page.matchAll(/^\| `(ingot_\w+)` \|.*$/gm)].map(([row]) => row);
    const expected = described.filter(({ name }) => name.startsWith('ingot_')).map(({ name, type, labelNames, help }) => `| \`${name}\` | ${type} | ${labelNames.map((label) => `\`${label}\``).join(', ')} | ${help} |`);
    expect(rows.sort()).toEqual(expected.sort());
  });
});

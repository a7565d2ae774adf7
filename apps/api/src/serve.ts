import type { Config } from '@ingot/config';
import { Cursors } from '@ingot/endpoints';
import { closePool, createPool, withConnection, type ConnectionPool, type ServiceUrls } from '@ingot/postgres';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { UNLIMITED } from './admission.js';
import { AppModule, type AppOptions } from './app.module.js';
import { ErrorsFilter } from './errors.filter.js';
import { httpLimits } from './http-limits.js';
import { createHttpAdapter, trackSilentConnections } from './http-server.js';
import { configureBodies } from './ingest/bodies.js';
import { IngestService } from './ingest/ingest.service.js';
import { Lifecycle } from './lifecycle.js';
import { openLimits } from './limits/limits.js';
import { NestLogger, type Logger } from './logger.js';
import { openDisks } from './open-disks.js';
import { HealthService } from './operations/health.service.js';
import { MetricsService } from './operations/metrics/metrics.service.js';
import { OPERATIONS_SETTINGS, OperationsDatabase } from './operations/operations-database.js';
import type { DescribedProject } from './project.js';
import { readCursorSecret } from './query/cursor-secret.js';
import { QueryService } from './query/query.service.js';
import { openReads, READ_SESSIONS, readTargets } from './reads.js';
import { guardRoutes } from './security/guard.js';
import { openSecurity } from './security/open-security.js';
import { checkSessionBudget, sessionBudget } from './session-budget.js';
import type { ClosingList } from './shutdown.js';
import { dropStalledReaders } from './stalled-readers.js';
import type { Tracing } from './tracing/tracing.js';
import { createRunners } from './transform/runners.js';

/** Sessions that are in no pool, by name. */
const SINGLE_SESSIONS = ['ingot ingest', 'ingot settle', 'ingot wake', 'ingot history', 'ingot apply', 'ingot rebuild'];

const UNSAFE = {
  unsafe: 'INGOT_ALLOW_UNSAFE_DURABILITY lets it serve all the same',
  refused: '/health/ready answers 503 as long as it is so',
};

/**
 * Pools, runners and the HTTP server of an applied project.
 * @returns the address it listens on, e.g. `http://127.0.0.1:3000`
 */
export async function serve(urls: ServiceUrls, config: Config, project: DescribedProject, logger: Logger, open: ClosingList, tracing?: Tracing): Promise<string> {
  const lifecycle = new Lifecycle();
  const pools = new Map<string, ConnectionPool>();
  const pool = (url: string, name: string, max: number, settings?: Record<string, string>): ConnectionPool => {
    const made = createPool({ url, name, max, settings, acquireTimeoutMs: config.INGOT_ACQUIRE_TIMEOUT_MS, onError: (err) => logger.warn({ err, pool: name }, 'an idle connection broke') });
    pools.set(name, made);
    return made;
  };

  open.add('pools', () => Promise.all([...pools.values()].map(closePool)));

  const sessions = sessionBudget(config, project.datasets);
  const upkeep = pool(urls.owner, 'ingot upkeep', sessions.upkeep, { jit: 'off' });
  const tight = await withConnection(upkeep, (client) => checkSessionBudget(client, sessions, urls.run === urls.owner));
  if (tight !== undefined) logger.warn(tight);
  const health = pool(config.INGOT_ROLE === 'transform' ? urls.run : urls.ingest, 'ingot health', sessions.health);
  const scrapes = pool(urls.run, 'ingot metrics', sessions.metrics);
  const records = new OperationsDatabase(pool(urls.run, 'ingot records', sessions.records, OPERATIONS_SETTINGS), urls.run);
  open.add('ingot history', () => records.close());
  const runs = pool(urls.run, 'ingot run', sessions.runs, { jit: 'off' });
  const runners = createRunners({
    url: urls.run,
    pool: runs,
    upkeep,
    datasets: project.datasets,
    logger,
    maxRows: config.INGOT_RUN_MAX_ROWS,
    historyDays: config.INGOT_RUN_HISTORY_DAYS,
    runs: config.INGOT_ROLE !== 'api',
    shared: !config.embedded,
  });
  open.add('ingot wake', () => runners.close());
  const served = config.INGOT_ROLE === 'transform' ? { datasets: [], endpoints: [] } : project;
  const reads = await openReads({ config, ...readTargets(urls.owner, urls.read), max: sessions.reads, logger }, open);

  const disks = await openDisks(config, logger, open);
  const admission = config.INGOT_ROLE === 'transform' ? UNLIMITED : await openLimits({ config, pool: pool(urls.ingest, 'ingot limits', sessions.limits), logger }, open);

  const security = await openSecurity(config, () => pool(urls.owner, 'ingot keys', sessions.keys, { statement_timeout: '2000' }), logger, open);

  const app: NestFastifyApplication = await createApp(config, lifecycle, logger, {
    ingest: {
      sources: served.datasets.flatMap(({ sources }) => sources),
      databaseUrl: urls.ingest,
      isStorageLow: () => disks.isLow('database'),
      limits: { queueLimitBytes: config.INGOT_QUEUE_LIMIT_BYTES, deadlineMs: config.INGOT_INGEST_DEADLINE_MS },
      lines: { lines: config.INGOT_MAX_LINES, lineBytes: config.INGOT_MAX_LINE_BYTES, futureSeconds: config.INGOT_MAX_FUTURE_SECONDS },
      admission,
      logger,
      onFlushed: (relation) => runners.flushed(relation),
    },
    query: {
      endpoints: served.endpoints,
      repository: reads.target,
      mayBeBehind: reads.replica !== undefined,
      freshness: (dataset, timeoutMs) => runners.catchUp(dataset, timeoutMs),
      freshnessWaitMs: config.INGOT_FRESHNESS_WAIT_MS,
      freshnessMaxWaitMs: config.INGOT_FRESHNESS_MAX_WAIT_MS,
      cursors: new Cursors(await readCursorSecret(upkeep)),
      cacheBytes: config.INGOT_RESULT_CACHE_BYTES,
      version: project.version,
      logger,
    },
    transform: { runners: runners.all, logger },
    operations: {
      health: {
        version: project.version,
        pool: health,
        lifecycle,
        ingest: () => app.get(IngestService).status,
        durability: {
          synchronousCommit: () => app.get(IngestService).synchronousCommit,
          disks: () => disks.disks,
          allowUnsafe: config.INGOT_ALLOW_UNSAFE_DURABILITY === 'unsafe',
          warn: (reason) => logger.warn(`unsafe: ${reason}; ${UNSAFE[config.INGOT_ALLOW_UNSAFE_DURABILITY ?? 'refused']}`),
        },
        datasets: () => Object.fromEntries(runners.all.map(({ name, standsStill }) => [name, { applied: standsStill !== 'not-applied', ...(standsStill === undefined ? {} : { stands_still: standsStill }) }])),
      },
      records: {
        datasets: project.datasets,
        endpoints: project.endpoints,
        database: records,
        standsStill: (dataset) => runners.all.find(({ name }) => name === dataset)?.standsStill,
        wake: (dataset) => runners.wake(dataset),
      },
    },
    metrics: {
      version: project.version,
      datasets: project.datasets,
      ingest: () => app.get(IngestService).status,
      standsStill: () => new Map(runners.all.map(({ name, standsStill }) => [name, standsStill])),
      readiness: () => ({ ready: app.get(HealthService).wasReady, disks: disks.disks }),
      reads: () => reads.primary.status,
      results: () => app.get(QueryService).results.usage,
      pools: new Map([...pools, ...reads.pools]),
      database: { pool: scrapes, sessions: [...pools.keys(), READ_SESSIONS.primary, ...SINGLE_SESSIONS] },
    },
    openApi: {
      version: project.version,
      endpoints: served.endpoints,
      sources: served.datasets.flatMap(({ name, sources }) => sources.map(({ path }) => ({ dataset: name, path, limits: { bytes: config.INGOT_BODY_LIMIT_BYTES, lines: config.INGOT_MAX_LINES, lineBytes: config.INGOT_MAX_LINE_BYTES } }))),
    },
  });
  app.get(MetricsService).watch(app.getHttpAdapter().getInstance());
  tracing?.watch(app.getHttpAdapter().getInstance());
  guardRoutes(app.getHttpAdapter().getInstance(), security, new Set(config.INGOT_METRICS === 'public' ? ['/metrics'] : []));
  dropStalledReaders(app.getHttpAdapter().getInstance(), config.INGOT_STALLED_READER_SECONDS);
  const endSilentConnections = trackSilentConnections(app.getHttpServer());
  open.add('HTTP', async (shareMs) => {
    lifecycle.drain();
    endSilentConnections();
    // Who has not taken his answer by then is cut, so that the flushes and runs still get their time.
    const cut = setTimeout(() => app.getHttpServer().closeAllConnections(), shareMs / 2);
    await app.close().finally(() => clearTimeout(cut));
  });
  await app.get(HealthService).ready(); // whatever is unsafe is said before the first request
  await app.listen({ host: config.HOST, port: config.PORT });
  lifecycle.started();
  return addressOf(app, config.HOST);
}

async function createApp(config: Config, lifecycle: Lifecycle, logger: Logger, options: AppOptions): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.register(options), createHttpAdapter(httpLimits(config), lifecycle), {
    bodyParser: false,
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  const ingest = app.get(IngestService);
  configureBodies(app, { limitBytes: config.INGOT_BODY_LIMIT_BYTES, heldLimitBytes: config.INGOT_QUEUE_LIMIT_BYTES, refuse: (...request) => ingest.refuse(...request) });
  app.useGlobalFilters(new ErrorsFilter(logger));
  return app;
}

function addressOf(app: NestFastifyApplication, host: string): string {
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address !== null ? address.port : host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

import { ConfigError, type Config } from '@ingot/config';
import { Cursors } from '@ingot/endpoints';
import { createPool, ReadRepository, withConnection, type ConnectionPool } from '@ingot/postgres';
import { tmpdir } from 'node:os';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule, type AppOptions } from './app.module.js';
import { ErrorsFilter } from './errors.filter.js';
import { createHttpAdapter, trackSilentConnections } from './http-server.js';
import { configureBodies } from './ingest/bodies.js';
import { IngestService } from './ingest/ingest.service.js';
import { Lifecycle } from './lifecycle.js';
import { NestLogger, type Logger } from './logger.js';
import { MetricsService } from './operations/metrics/metrics.service.js';
import { OPERATIONS_SETTINGS, OperationsDatabase } from './operations/operations-database.js';
import type { DescribedProject } from './project.js';
import { readCursorSecret } from './query/cursor-secret.js';
import { QueryService } from './query/query.service.js';
import { checkSessionBudget, sessionBudget } from './session-budget.js';
import type { ClosingList } from './shutdown.js';
import { dropStalledReaders } from './stalled-readers.js';
import type { Tracing } from './tracing/tracing.js';
import { createRunners } from './transform/runners.js';

/** Sessions that are in no pool, by name. */
const SINGLE_SESSIONS = ['ingot ingest', 'ingot settle', 'ingot wake', 'ingot history', 'ingot apply', 'ingot rebuild'];

/**
 * Pools, runners and the HTTP server of an applied project.
 * @returns the address it listens on, e.g. `http://127.0.0.1:3000`
 */
export async function serve(url: string, config: Config, project: DescribedProject, logger: Logger, open: ClosingList, tracing?: Tracing): Promise<string> {
  const lifecycle = new Lifecycle();
  const pools = new Map<string, ConnectionPool>();
  const pool = (name: string, max: number, settings?: Record<string, string>): ConnectionPool => {
    const made = createPool({ url, name, max, settings, acquireTimeoutMs: config.INGOT_ACQUIRE_TIMEOUT_MS, onError: (err) => logger.warn({ err, pool: name }, 'an idle connection broke') });
    pools.set(name, made);
    return made;
  };

  open.add('pools', () => Promise.all([...pools.values()].map((each) => each.end())));

  const sessions = sessionBudget(config, project.datasets);
  const health = pool('ingot health', sessions.health);
  const tight = await withConnection(health, (client) => checkSessionBudget(client, sessions));
  if (tight !== undefined) logger.warn(tight);
  const scrapes = pool('ingot metrics', sessions.metrics);
  const records = new OperationsDatabase(pool('ingot records', sessions.records, OPERATIONS_SETTINGS), url);
  open.add('ingot history', () => records.close());
  const runs = pool('ingot run', sessions.runs, { jit: 'off' });
  const runners = createRunners({
    url,
    pool: runs,
    datasets: project.datasets,
    logger,
    maxRows: config.INGOT_RUN_MAX_ROWS,
    historyDays: config.INGOT_RUN_HISTORY_DAYS,
    runs: config.INGOT_ROLE !== 'api',
    shared: !config.embedded,
  });
  open.add('ingot wake', () => runners.close());
  const served = config.INGOT_ROLE === 'transform' ? { datasets: [], endpoints: [] } : project;
  const repository = new ReadRepository({
    url,
    name: 'ingot read',
    min: config.INGOT_READ_POOL_MIN,
    max: sessions.reads,
    acquireTimeoutMs: config.INGOT_ACQUIRE_TIMEOUT_MS,
    transactionSeconds: config.INGOT_READ_TX_SECONDS,
    slowMs: config.INGOT_SLOW_QUERY_MS,
    largeReads: config.INGOT_LARGE_READS,
    spool: { folder: config.INGOT_SPOOL_DIR ?? tmpdir(), limitBytes: config.INGOT_SPOOL_READ_BYTES, totalLimitBytes: config.INGOT_SPOOL_TOTAL_BYTES },
    log: logger,
  });
  open.add('ingot read', () => repository.close());
  await repository.prepare().catch((error: Error) => {
    throw new ConfigError([`INGOT_SPOOL_DIR: nothing can be kept there: ${error.message}`]);
  });

  const app: NestFastifyApplication = await createApp(config, lifecycle, logger, {
    ingest: {
      sources: served.datasets.flatMap(({ sources }) => sources),
      databaseUrl: url,
      limits: { queueLimitBytes: config.INGOT_QUEUE_LIMIT_BYTES, deadlineMs: config.INGOT_INGEST_DEADLINE_MS },
      logger,
      onFlushed: (relation) => runners.flushed(relation),
    },
    query: {
      endpoints: served.endpoints,
      repository,
      freshness: (dataset, timeoutMs) => runners.catchUp(dataset, timeoutMs),
      freshnessWaitMs: config.INGOT_FRESHNESS_WAIT_MS,
      freshnessMaxWaitMs: config.INGOT_FRESHNESS_MAX_WAIT_MS,
      cursors: new Cursors(await readCursorSecret(health)),
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
      reads: () => repository.status,
      results: () => app.get(QueryService).results.usage,
      pools: new Map(pools).set('ingot read', repository.pool),
      database: { pool: scrapes, sessions: [...pools.keys(), 'ingot read', ...SINGLE_SESSIONS] },
    },
    openApi: {
      version: project.version,
      endpoints: served.endpoints,
      sources: served.datasets.flatMap(({ name, sources }) => sources.map(({ path }) => ({ dataset: name, path, bodyLimitBytes: config.INGOT_BODY_LIMIT_BYTES }))),
    },
  });
  app.get(MetricsService).watch(app.getHttpAdapter().getInstance());
  tracing?.watch(app.getHttpAdapter().getInstance());
  dropStalledReaders(app.getHttpAdapter().getInstance(), config.INGOT_STALLED_READER_SECONDS);
  const endSilentConnections = trackSilentConnections(app.getHttpServer());
  open.add('HTTP', async (shareMs) => {
    lifecycle.drain();
    endSilentConnections();
    // Who has not taken his answer by then is cut, so that the flushes and runs still get their time.
    const cut = setTimeout(() => app.getHttpServer().closeAllConnections(), shareMs / 2);
    await app.close().finally(() => clearTimeout(cut));
  });
  await app.listen({ host: config.HOST, port: config.PORT });
  lifecycle.started();
  return addressOf(app, config.HOST);
}

async function createApp(config: Config, lifecycle: Lifecycle, logger: Logger, options: AppOptions): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.register(options), createHttpAdapter(config.INGOT_BODY_LIMIT_BYTES, lifecycle), {
    bodyParser: false,
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  configureBodies(app, { limitBytes: config.INGOT_BODY_LIMIT_BYTES, heldLimitBytes: config.INGOT_QUEUE_LIMIT_BYTES });
  app.useGlobalFilters(new ErrorsFilter(logger));
  return app;
}

function addressOf(app: NestFastifyApplication, host: string): string {
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address !== null ? address.port : host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

import type { Config } from '@ingot/config';
import { DatasetRunner } from '@ingot/models';
import { createPool, ReadRepository, type ConnectionPool } from '@ingot/postgres';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule, type AppOptions } from './app.module.js';
import { ErrorsFilter } from './errors.filter.js';
import { createHttpAdapter, trackSilentConnections } from './http-server.js';
import { configureBodies } from './ingest/bodies.js';
import { IngestService } from './ingest/ingest.service.js';
import { Lifecycle } from './lifecycle.js';
import { NestLogger, type Logger } from './logger.js';
import type { Project } from './project.js';
import type { ClosingList } from './shutdown.js';

// Each runner: one session for runs, one for maintenance, one to look at the watermark or to cancel.
const SESSIONS_PER_RUNNER = 3;

/**
 * Pools, runners and the HTTP server of an applied project.
 * @returns the address it listens on, e.g. `http://127.0.0.1:3000`
 */
export async function serve(url: string, config: Config, project: Project, logger: Logger, open: ClosingList): Promise<string> {
  const lifecycle = new Lifecycle();
  const pool = (name: string, max: number, settings?: Record<string, string>): ConnectionPool => {
    const made = createPool({ url, name, max, settings, acquireTimeoutMs: config.INGOT_ACQUIRE_TIMEOUT_MS, onError: (err) => logger.warn({ err, pool: name }, 'an idle connection broke') });
    open.add(name, () => made.end());
    return made;
  };

  const health = pool('ingot health', 1);
  const runs = pool('ingot run', SESSIONS_PER_RUNNER * project.datasets.length, { jit: 'off' });
  const runners = new Map(project.datasets.map((dataset) => [dataset.name, createRunner(runs, dataset, config, logger)]));
  const repository = new ReadRepository({
    url,
    name: 'ingot read',
    min: config.INGOT_READ_POOL_MIN,
    max: config.INGOT_READ_POOL_MAX,
    acquireTimeoutMs: config.INGOT_ACQUIRE_TIMEOUT_MS,
    transactionSeconds: config.INGOT_READ_TX_SECONDS,
    slowMs: config.INGOT_SLOW_QUERY_MS,
    log: logger,
  });
  open.add('ingot read', () => repository.close());

  const app: NestFastifyApplication = await createApp(config, lifecycle, logger, {
    ingest: {
      sources: project.datasets.flatMap(({ sources }) => sources),
      databaseUrl: url,
      limits: { queueLimitBytes: config.INGOT_QUEUE_LIMIT_BYTES, deadlineMs: config.INGOT_INGEST_DEADLINE_MS },
      logger,
      onFlushed: wakeOwner(project, runners),
    },
    query: {
      endpoints: project.endpoints,
      repository,
      freshness: async (dataset, timeoutMs) => (await runners.get(dataset)?.catchUp({ timeoutMs })) ?? { fresh: true },
      freshnessWaitMs: config.INGOT_FRESHNESS_WAIT_MS,
      logger,
    },
    transform: { runners: [...runners.values()], logger },
    operations: {
      version: project.version,
      pool: health,
      lifecycle,
      ingest: () => app.get(IngestService).status,
      datasets: () => Object.fromEntries([...runners].map(([name, { standsStill }]) => [name, { applied: standsStill !== 'not-applied', ...(standsStill === undefined ? {} : { stands_still: standsStill }) }])),
    },
  });
  const endSilentConnections = trackSilentConnections(app.getHttpServer());
  open.add('HTTP', async () => {
    lifecycle.drain();
    endSilentConnections();
    // Who has not taken his answer by then is cut, so that the flushes and runs still get their time.
    const cut = setTimeout(() => app.getHttpServer().closeAllConnections(), config.INGOT_SHUTDOWN_MS / 2);
    await app.close().finally(() => clearTimeout(cut));
  });
  await app.listen({ host: config.HOST, port: config.PORT });
  lifecycle.started();
  return addressOf(app, config.HOST);
}

function createRunner(pool: ConnectionPool, dataset: Project['datasets'][number], config: Config, log: Logger): DatasetRunner {
  return new DatasetRunner({ pool, dataset, log, maxRows: config.INGOT_RUN_MAX_ROWS, historyDays: config.INGOT_RUN_HISTORY_DAYS });
}

/** New rows in a bronze table wake the runner of the dataset that owns it. */
function wakeOwner(project: Project, runners: ReadonlyMap<string, DatasetRunner>): (relation: string) => void {
  const owners = new Map(project.datasets.flatMap(({ name, sources }) => sources.map(({ relation }) => [relation, runners.get(name)])));
  return (relation) => owners.get(relation)?.wake();
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

import { loadConfig } from '@ingot/config';
import { loadDataset } from '@ingot/datasets';
import { Cursors, describeEndpoints, loadEndpoints, type DescribedEndpoint } from '@ingot/endpoints';
import { apply, type Freshness } from '@ingot/models';
import { ReadRepository, type ReadOptions, type ReadStatus } from '@ingot/postgres';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from 'pg';
import { ErrorsFilter } from '../../errors.filter.js';
import { httpLimits } from '../../http-limits.js';
import { createHttpAdapter } from '../../http-server.js';
import { Lifecycle } from '../../lifecycle.js';
import { createLogger } from '../../logger.js';
import { ANYBODY, identify } from '../../principal.js';
import { QueryModule } from '../query.module.js';

/** The endpoints of the sensor dataset and some of a test's own over HTTP, with a freshness under the test's control. */
export interface QueryApp {
  readonly url: string;
  readonly endpoints: readonly DescribedEndpoint[];
  freshness: (dataset: string, timeoutMs: number) => Promise<Freshness>;
  /** Statements sent since the last look. */
  reads(): number;
  /** What reads hold at the moment. */
  status(): ReadStatus;
  close(): Promise<void>;
}

/**
 * @param files name of an endpoint file -> its whole text
 * @param limits of reads, other than usual
 */
export async function startQueryApp(database: { readonly url: string; session(): Promise<Client> }, files: Readonly<Record<string, string>>, limits: Partial<ReadOptions> = {}): Promise<QueryApp> {
  const dataset = await loadDataset('sql/sensor');
  const session = await database.session();
  await apply(session, dataset);
  const folder = await mkdtemp(path.join(tmpdir(), 'ingot-query-'));
  await mkdir(path.join(folder, 'sensor', 'endpoints'), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, 'sensor', 'endpoints', name), text);
  await session.query('begin');
  const endpoints = await describeEndpoints(session, [...(await loadEndpoints('sql', dataset)), ...(await loadEndpoints(folder, dataset))]);
  await session.query('commit');
  await rm(folder, { recursive: true });

  const logger = createLogger('silent');
  const repository = new ReadRepository({ url: database.url, name: 'ingot read', min: 0, max: 4, acquireTimeoutMs: 1_000, transactionSeconds: 10, slowMs: 10_000, log: logger, ...limits });
  let reads = 0;
  const made: QueryApp = {
    url: '',
    endpoints,
    freshness: () => Promise.resolve({ fresh: true }),
    reads: () => {
      const since = reads;
      reads = 0;
      return since;
    },
    status: () => repository.status,
    close: async () => {
      await app.close();
      await repository.close();
    },
  };
  const app = await NestFactory.create<NestFastifyApplication>(
    QueryModule.register({
      endpoints,
      repository: {
        copyOut: (request) => {
          reads++;
          return repository.copyOut(request);
        },
      },
      freshness: (...args) => made.freshness(...args),
      freshnessWaitMs: 300,
      freshnessMaxWaitMs: 1_000,
      cursors: new Cursors(Buffer.from('secret')),
      cacheBytes: 16 * 1024 * 1024,
      version: '1',
      logger,
    }),
    createHttpAdapter({ ...httpLimits(loadConfig({})), bodyBytes: 1_000_000 }, new Lifecycle()),
    { logger: false },
  );
  app.getHttpAdapter().getInstance().addHook('onRequest', (request: object, _reply: object, done: () => void) => {
    identify(request, ANYBODY);
    done();
  });
  app.useGlobalFilters(new ErrorsFilter(logger));
  await app.listen(0, '127.0.0.1');
  return Object.assign(made, { url: await app.getUrl() });
}

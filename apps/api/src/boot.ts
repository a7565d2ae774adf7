import type { Config } from '@ingot/config';
import { formatPlace } from '@ingot/datasets';
import { grantRights, isMigrated, migrate } from '@ingot/db';
import { checkEndpoints, type DescribedEndpoint } from '@ingot/endpoints';
import { adoptCluster, apply, isKnown } from '@ingot/models';
import { checkServer, connect, endOnAbort, ServerCheckError, startEmbedded, type EmbeddedServer } from '@ingot/postgres';
import { checkLogins, givenUrls } from './database-logins.js';
import { describeProject } from './describe-project.js';
import { createLogger, type Logger } from './logger.js';
import { loadProject, type Project } from './project.js';
import { serve } from './serve.js';
import type { ClosingList } from './shutdown.js';
import { startTracing } from './tracing/start-tracing.js';

type Say = (line: string) => void;

const NEVER = new AbortController().signal;

/**
 * From settings to a service that answers. What is opened goes on the closing list at once, so that a boot that fails
 * half way leaves nothing running.
 * @param signal aborted when the start is not wanted any more; it ends the wait for a server that recovers, and a backfill,
 *   which the next start goes on with
 * @returns the lines that welcome the person who started it
 */
export async function boot(config: Config, open: ClosingList, say: Say, signal = NEVER): Promise<{ welcome: string[] }> {
  const project = await loadProject(config.INGOT_SQL_DIR);
  const tracing = await startTracing(config, project.version, (err) => logger.warn({ err }, 'traces could not be handed over'));
  const logger = createLogger(config.INGOT_LOG_LEVEL, tracing?.logFields);
  if (tracing !== undefined) open.add('traces', () => tracing.close());
  for (const warning of project.datasets.flatMap(({ warnings }) => warnings)) logger.warn(`${formatPlace(warning)}: ${warning.message}`);
  const server = config.embedded ? await startServer(config, open, say, signal) : undefined;
  const urls = server?.urls ?? givenUrls(config);
  const endpoints = await prepareDatabase(urls.owner, config, project, logger, signal);
  if (server === undefined) for (const warning of await checkLogins(urls)) logger.warn(warning);
  const address = await serve(urls, config, { ...project, endpoints }, logger, open, tracing);
  server?.announce(address);
  return { welcome: welcome(address, project, server, config) };
}

async function startServer(config: Config, open: ClosingList, say: Say, signal: AbortSignal): Promise<EmbeddedServer> {
  const server = await startEmbedded({ dataDir: config.INGOT_DATA_DIR, onProgress: say, signal });
  open.add('embedded PostgreSQL', () => server.stop());
  return server;
}

/** A reachable server, the operational schema, watermarks that fit this cluster, the files applied, by us or by `ingot apply`, and endpoints that the database can run. */
async function prepareDatabase(url: string, config: Config, { datasets, endpoints }: Project, logger: Logger, signal: AbortSignal): Promise<DescribedEndpoint[]> {
  const auto = config.INGOT_APPLY === 'auto';
  await checkServer(url); // what it warns of, readiness says, and goes on saying
  if (auto) await migrate(url);
  const client = await connect({ url, name: 'ingot apply', settings: { jit: 'off' } });
  const letGo = endOnAbort(client, signal);
  try {
    if (!(await isMigrated(client))) throw notPrepared('has no operational schema of this release');
    await adoptCluster(client, (notice) => logger.warn(notice)); // before the first line is accepted
    if (auto) await grantRights(client); // the roles may have been made since the tables were
    for (const dataset of datasets) {
      const own = endpoints.filter((endpoint) => endpoint.dataset === dataset.name);
      if (auto) {
        await apply(client, dataset, (notice) => logger.warn({ dataset: dataset.name }, notice), {
          readSeconds: config.INGOT_READ_TX_SECONDS,
          checkReaders: (session, nameOf) => checkEndpoints(session, own, nameOf),
          onProgress: (progress) => logger.info({ dataset: dataset.name, ...progress }, 'backfill'),
        });
      }
      // Other files than ours may be applied while a deployment is under way: then we serve, and do not run.
      else if (!(await isKnown(client, dataset))) throw notPrepared(`does not hold the dataset ${dataset.name}`);
    }
    return await describeProject(client, { datasets, endpoints }, (warning) => logger.warn(warning));
  } finally {
    letGo();
    await client.end();
  }
}

function notPrepared(lack: string): ServerCheckError {
  return new ServerCheckError(`DATABASE_URL: the database ${lack}: run \`npx ingot apply\` first, or set INGOT_APPLY=auto`);
}

function welcome(address: string, project: Project, server: EmbeddedServer | undefined, { INGOT_AUTH: auth, INGOT_ROLE: role }: Config): string[] {
  const route = role === 'transform' ? undefined : project.datasets.flatMap((dataset) => dataset.sources)[0]?.path;
  const key = auth === 'required' ? "-H 'Authorization: Bearer <key>' " : '';
  return [
    `Ingot ${project.version} serves ${address}`,
    server === undefined ? '  data: on the server of DATABASE_URL' : `  data: ${server.dataDir}`,
    ...(route === undefined ? [] : [`  next: curl ${key}--data-binary '${Math.floor(Date.now() / 1000)} temperature 21.5' ${address}${route}`]),
  ];
}

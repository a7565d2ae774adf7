import type { Config } from '@ingot/config';
import type { Dataset } from '@ingot/datasets';
import { migrate } from '@ingot/db';
import { apply, checkCluster } from '@ingot/models';
import { checkServer, connect, startEmbedded, type EmbeddedServer } from '@ingot/postgres';
import { createLogger, type Logger } from './logger.js';
import { loadProject, type Project } from './project.js';
import { serve } from './serve.js';
import type { ClosingList } from './shutdown.js';

type Say = (line: string) => void;

/**
 * From settings to a service that answers. What is opened goes on the closing list at once, so that a boot that fails
 * half way leaves nothing running.
 * @returns the lines that welcome the person who started it
 */
export async function boot(config: Config, open: ClosingList, say: Say): Promise<{ welcome: string[] }> {
  const logger = createLogger(config.INGOT_LOG_LEVEL);
  const project = await loadProject(config.INGOT_SQL_DIR);
  const server = config.embedded ? await startServer(config, open, say) : undefined;
  const url = server?.url ?? config.DATABASE_URL ?? '';
  await prepareDatabase(url, config, project.datasets, logger);
  const address = await serve(url, config, project, logger, open);
  server?.announce(address);
  return { welcome: welcome(address, project, server) };
}

async function startServer(config: Config, open: ClosingList, say: Say): Promise<EmbeddedServer> {
  const server = await startEmbedded({ dataDir: config.INGOT_DATA_DIR, onProgress: say });
  open.add('embedded PostgreSQL', () => server.stop());
  return server;
}

/** A reachable server, the operational schema, the cluster we know, and (when asked to) the files applied. */
async function prepareDatabase(url: string, config: Config, datasets: readonly Dataset[], logger: Logger): Promise<void> {
  await checkServer(url);
  if (config.INGOT_APPLY === 'auto') await migrate(url);
  const client = await connect({ url, name: 'ingot apply', settings: { jit: 'off' } });
  try {
    await checkCluster(client);
    if (config.INGOT_APPLY === 'auto') for (const dataset of datasets) await apply(client, dataset, (notice) => logger.warn({ dataset: dataset.name }, notice));
  } finally {
    await client.end();
  }
}

function welcome(address: string, project: Project, server: EmbeddedServer | undefined): string[] {
  const route = project.datasets.flatMap((dataset) => dataset.sources)[0]?.path;
  return [
    `Ingot ${project.version} serves ${address}`,
    server === undefined ? '  data: on the server of DATABASE_URL' : `  data: ${server.dataDir}`,
    ...(route === undefined ? [] : [`  next: curl --data-binary '${Math.floor(Date.now() / 1000)} Voltage 230.1' ${address}${route}`]),
  ];
}

import { loadConfig, type Config } from '@ingot/config';
import { loadDatasets, type Dataset } from '@ingot/datasets';
import { isMigrated, migrate } from '@ingot/db';
import { checkCluster } from '@ingot/models';
import { checkServer, connect, startEmbedded } from '@ingot/postgres';
import type { Client } from 'pg';
import type { Io } from './io.js';

export interface Session {
  readonly config: Config;
  readonly datasets: readonly Dataset[];
  readonly url: string;
  /** With `jit` off, as a run wants it. */
  readonly client: Client;
}

export interface SessionTerms {
  /** As the server's views of its sessions show it. */
  readonly name: string;
  /** Brings the operational schema up to date; without it, one that is not is an error. */
  readonly migrate?: boolean;
}

/** Reads the files, then opens the database: that of `DATABASE_URL`, else the embedded one, which is ended again. */
export async function withDatabase<T>(io: Io, terms: SessionTerms, work: (session: Session) => Promise<T>): Promise<T> {
  const config = loadConfig(io.env);
  const datasets = await loadDatasets(config.INGOT_SQL_DIR);
  const server = config.DATABASE_URL === undefined ? await startEmbedded({ dataDir: config.INGOT_DATA_DIR, onProgress: (line) => io.say(line) }) : undefined;
  try {
    const url = server?.url ?? config.DATABASE_URL ?? '';
    for (const warning of await checkServer(url)) io.say(warning);
    if (terms.migrate) for (const name of await migrate(url)) io.say(`migrated: ${name}`);
    const client = await connect({ url, name: terms.name, settings: { jit: 'off' } });
    try {
      if (!(await isMigrated(client))) throw new Error('The database has no operational schema of this release: run `npm run ingot -- migrate` first');
      await checkCluster(client);
      return await work({ config, datasets, url, client });
    } finally {
      await client.end();
    }
  } finally {
    await server?.stop();
  }
}

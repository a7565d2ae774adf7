import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig, type Config } from '@ingot/config';
import { loadDatasets, Problems, type Dataset } from '@ingot/datasets';
import { isMigrated, migrate } from '@ingot/db';
import { surveyProject, type Endpoint } from '@ingot/endpoints';
import { adoptCluster, checkCluster } from '@ingot/models';
import { checkServer, connect, endOnAbort, joinOrStartEmbedded } from '@ingot/postgres';
import type { Client } from 'pg';
import { CommandFailed } from './command-failed.js';
import type { Io } from './io.js';

export interface Session {
  readonly config: Config;
  readonly datasets: readonly Dataset[];
  /** Of all datasets, when the command asked for them. */
  readonly endpoints: readonly Endpoint[];
  readonly url: string;
  /** With `jit` off, as a run wants it. */
  readonly client: Client;
}

export interface SessionTerms {
  /** As the server's views of its sessions show it. */
  readonly name: string;
  /** Brings the operational schema up to date, and the watermarks to a server the database was restored on; without it, either is an error. */
  readonly migrate?: boolean;
  /** Reads endpoint files too: for what may take away what they read. */
  readonly endpoints?: boolean;
  /** What a person who stopped the command wants to know: what is done and what is not. */
  readonly whenStopped?: string;
}

const POLL_MS = 200;

/**
 * Reads the files, then opens the database: that of `DATABASE_URL`, else the embedded one. A server that runs already is
 * used beside its owner; one that had to be started is stopped again. Ctrl-C closes the session, and the server rolls
 * back what it was doing.
 */
export async function withDatabase<T>(io: Io, terms: SessionTerms, work: (session: Session) => Promise<T>): Promise<T> {
  const config = loadConfig(io.env);
  const { datasets, endpoints } = await loadFiles(config.INGOT_SQL_DIR, terms.endpoints ?? false);
  return withServer(io, config, async (url) => {
    if (terms.migrate) await prepare(io, url);
    return withClient(io, url, terms, async (client) => {
      if (!(await isMigrated(client))) throw new Error('The database has no operational schema of this release: run `ingot migrate` first');
      await checkCluster(client);
      return work({ config, datasets, endpoints, url, client });
    });
  });
}

async function loadFiles(sqlDir: string, withEndpoints: boolean): Promise<Pick<Session, 'datasets' | 'endpoints'>> {
  if (!withEndpoints) return { datasets: await loadDatasets(sqlDir), endpoints: [] };
  const problems = new Problems();
  const served = await surveyProject(sqlDir, problems);
  problems.throwIfAny();
  return { datasets: served.map(({ dataset }) => dataset), endpoints: served.flatMap(({ endpoints }) => endpoints) };
}

/** What was done to make a database fit this release and this server. */
export interface Prepared {
  /** Names of the migrations that ran. */
  readonly migrated: readonly string[];
  /** The new shift of transaction ids, when the database was restored from another cluster. */
  readonly base?: bigint;
}

/** Brings the operational schema up to date, and the watermarks to a server the database was restored on. */
export async function prepare(io: Io, url: string): Promise<Prepared> {
  const migrated = await migrate(url);
  for (const name of migrated) io.say(`migrated: ${name}`);
  const base = await withClient(io, url, { name: 'ingot migrate' }, (client) => adoptCluster(client, (line) => io.say(line)));
  return { migrated, ...(base === undefined ? {} : { base }) };
}

async function withClient<T>(io: Io, url: string, { name, whenStopped }: SessionTerms, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect({ url, name, settings: { jit: 'off' } });
  const letGo = endOnAbort(client, io.signal);
  try {
    return await work(client);
  } catch (error) {
    if (!io.signal.aborted) throw error;
    io.say(whenStopped === undefined ? 'stopped' : `stopped: ${whenStopped}`);
    throw new CommandFailed();
  } finally {
    letGo();
    await client.end().catch(() => undefined);
  }
}

/** The address of a server that was looked at, for the time of the work. */
export async function withServer<T>(io: Io, config: Config, work: (url: string) => Promise<T>): Promise<T> {
  if (config.DATABASE_URL !== undefined) {
    for (const warning of await checkServer(config.DATABASE_URL)) io.say(warning);
    return work(config.DATABASE_URL);
  }
  const server = await joinOrStartEmbedded({ dataDir: config.INGOT_DATA_DIR, onProgress: (line) => io.say(line), signal: io.signal });
  if (!('stop' in server)) return work(server.url);
  try {
    return await work(server.url);
  } finally {
    await untilUnused(io, server.url).catch(() => undefined); // a server that cannot be asked is used by nobody
    await server.stop();
  }
}

/** Other commands may have joined the server that this one started: stopping it would cut them off. */
async function untilUnused(io: Io, url: string): Promise<void> {
  const client = await connect({ url, name: 'ingot stop' });
  try {
    for (let told = false; !io.signal.aborted; await sleep(POLL_MS)) {
      const { rows } = await client.query<{ who: string }>(
        `select distinct application_name as who from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() order by 1`,
      );
      if (rows.length === 0) return;
      if (!told) io.say(`Waiting for ${rows.map(({ who }) => who).join(', ')} to leave before the server is stopped.`);
      told = true;
    }
  } finally {
    await client.end();
  }
}

import { connect, joinOrStartEmbedded } from '@ingot/postgres';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import { startProcess, untilReady, type Running } from '../process.js';
import type { Stage } from '../workload.js';

/** A service as `npm start` gives it, with its own PostgreSQL, on a free port. */
export interface IngotService extends Running {
  readonly url: string;
  /** postgres:// URL of its embedded server: others that are measured use the same one. */
  readonly databaseUrl: string;
  /** From spawn to its first word that it serves, in seconds. */
  readonly startSeconds: number;
}

const DIST = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const SERVES = /^Ingot \S+ serves (\S+)$/m;

/** Starts the compiled service in a data folder of the stage, or on the database of `env`; it ends with the stage. */
export async function startIngot(stage: Stage, env: Record<string, string> = {}): Promise<IngotService> {
  const dataDir = path.join(stage.folder, 'ingot');
  const since = performance.now();
  const program = startProcess(process.execPath, ['--enable-source-maps', path.join(DIST, 'apps/api/src/main.js')], { INGOT_DATA_DIR: dataDir, PORT: '0', INGOT_LOG_LEVEL: 'warn', ...env });
  stage.atEnd(() => program.stop());
  const url = await untilReady(program, () => SERVES.exec(program.output())?.[1]);
  const startSeconds = (performance.now() - since) / 1000;
  const databaseUrl = env.DATABASE_URL ?? (await joinOrStartEmbedded({ dataDir })).url;
  return { ...program, url, databaseUrl, startSeconds };
}

/** A session on the service's server; it ends with the stage. */
export async function openSession(stage: Stage, databaseUrl: string, settings: Record<string, string> = {}): Promise<Client> {
  const client = await connect({ url: databaseUrl, name: 'ingot bench', settings });
  stage.atEnd(() => client.end());
  return client;
}

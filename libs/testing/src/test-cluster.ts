import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import path from 'node:path';
import { isSameProcess, openCluster, processIdentity, startPostmaster, superuserUrl, type Cluster, type Postmaster } from '@ingot/postgres';

export interface TestClusterOptions {
  /** False: fsync off, and in memory where there is plenty, for tests that need no disk. Default true. */
  durable?: boolean;
  settings?: Record<string, string>;
  /** Where its folder is made, e.g. on a small file system. Default: in memory or the system's temporary folder, as `durable` says. */
  parent?: string;
  /** Another PostgreSQL's bin folder than that of the test run. */
  binDir?: string;
  /** Puts a data directory there, e.g. by pg_basebackup, in place of a new one; its owner is who runs the server. */
  fill?: (dir: string) => void;
}

/** A throw-away PostgreSQL of its own, on a free port of 127.0.0.1, that a test may crash. Nothing starts it again by itself. */
export interface TestCluster {
  /** postgres:// URL of the superuser, database `postgres`. The same after each restart. */
  readonly url: string;
  readonly port: number;
  /** Of the postmaster that runs now. */
  readonly pid: number;
  readonly dir: string;
  /** SIGKILL to the postmaster; its backends go on until they notice, as in a real crash. Returns when it is gone. */
  kill(): Promise<void>;
  /** `pg_ctl stop -m immediate`: every session is cut, the next start recovers. */
  stopImmediate(): Promise<void>;
  /** `pg_ctl stop -m fast`. */
  stopFast(): Promise<void>;
  /** Starts it on the same port, after kill, stopImmediate or stopFast; stops it first if it runs. Recovers what a crash left. */
  restart(): Promise<void>;
  /** SIGSTOP to every server process: sockets stay open and nobody answers. Linux only. */
  pause(): void;
  /** SIGCONT to every server process. */
  resume(): void;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

const PREFIX = 'ingot-test-';
const OWNER = 'owner.json';
export const SUPERUSER_PASSWORD = 'throw-away';
// On Linux a server that was killed leaves its shared memory in /dev/shm for good; so it leaves it in its folder, which goes.
export const SHARED_MEMORY: Record<string, string> = process.platform === 'linux' ? { dynamic_shared_memory_type: 'mmap' } : {};

/**
 * Makes and starts a cluster under the system's temporary folder: about 0.7 s.
 * INGOT_TEST_PG_BIN names another PostgreSQL's bin folder, e.g. /usr/lib/postgresql/15/bin.
 */
export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const durable = options.durable ?? true;
  const folder = makeFolder(options.parent ?? (durable ? tmpdir() : roomiest()));
  try {
    options.fill?.(path.join(folder, 'postgres'));
    const cluster = await openCluster({
      dir: path.join(folder, 'postgres'),
      logFile: path.join(folder, 'postgres.log'),
      superuserPassword: SUPERUSER_PASSWORD,
      durable: false, // initdb need not wait for the disk
      binDir: options.binDir ?? process.env.INGOT_TEST_PG_BIN,
      settings: { shared_buffers: '128MB', max_connections: '200', ...SHARED_MEMORY, ...(durable ? {} : { fsync: 'off' }), ...options.settings },
    });
    return controls(cluster, await startPostmaster(cluster), folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

// A database is some 350 files: its copy takes 12 ms there, and 170 ms on ext4.
const IN_MEMORY = '/dev/shm';
const [NEEDED, SPARE] = [4 * 2 ** 30, 8 * 2 ** 30];

/** In memory where that has room for all databases of a test run (0.6 GB was seen) and the tests beside them, else on the disk. */
function roomiest(): string {
  try {
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    return bavail * bsize >= NEEDED && freemem() >= SPARE ? IN_MEMORY : tmpdir();
  } catch {
    return tmpdir(); // not Linux
  }
}

/** A folder that removeAbandonedClusters() knows. */
export function makeFolder(parent: string): string {
  const folder = mkdtempSync(path.join(parent, PREFIX));
  chmodSync(folder, 0o755); // started by root, the server runs as somebody else and must get through
  writeFileSync(path.join(folder, OWNER), JSON.stringify({ pid: process.pid, identity: processIdentity(process.pid) }));
  return folder;
}

export function controls(cluster: Cluster, first: Postmaster, folder: string): TestCluster {
  let postmaster = first;
  const lastResort = () => {
    signalAll(postmaster.pid, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', lastResort);
  return {
    url: superuserUrl(cluster, first.port),
    port: first.port,
    get pid() {
      return postmaster.pid;
    },
    dir: cluster.dir,
    async kill() {
      process.kill(postmaster.pid, 'SIGKILL');
      await postmaster.exited;
    },
    stopImmediate: () => postmaster.stop('immediate'),
    stopFast: () => postmaster.stop('fast'),
    async restart() {
      await postmaster.stop('fast');
      postmaster = await startPostmaster(cluster, { port: first.port });
    },
    pause: () => signalAll(postmaster.pid, 'SIGSTOP'),
    resume: () => signalAll(postmaster.pid, 'SIGCONT'),
    async stop() {
      signalAll(postmaster.pid, 'SIGCONT');
      await postmaster.stop('immediate');
      process.removeListener('exit', lastResort);
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }); // orphans of a killed postmaster may still write
    },
  };
}

/** The postmaster first: stopped or killed, it starts no more children. */
function signalAll(postmaster: number, signal: NodeJS.Signals): void {
  const children = childrenOf(postmaster);
  for (const pid of [postmaster, ...children]) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // it has ended
  }
}

/** Ends and removes the clusters of test runs that were killed. Those whose test run still lives stay. */
export function removeAbandonedClusters(): void {
  const parents = [tmpdir(), IN_MEMORY].filter((parent) => existsSync(parent));
  const folders = parents.flatMap((parent) => readdirSync(parent).filter((name) => name.startsWith(PREFIX)).map((name) => path.join(parent, name)));
  for (const folder of folders) {
    try {
      const owner = JSON.parse(readFileSync(path.join(folder, OWNER), 'utf8')) as { pid: number; identity: string };
      if (isSameProcess(owner.pid, owner.identity)) continue;
      endPostmaster(path.join(folder, 'postgres'));
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    } catch {
      continue; // no owner file: not one of ours, or just being made
    }
  }
}

function endPostmaster(dir: string): void {
  let pid: number;
  try {
    pid = Number(readFileSync(path.join(dir, 'postmaster.pid'), 'utf8').split('\n')[0]);
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dir)) return;
  } catch {
    return;
  }
  signalAll(pid, 'SIGKILL');
}

import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastError, run, superuserUrl, type Cluster } from './cluster.js';
import { connect } from '../pool.js';
import { EmbeddedServerError } from './embedded-error.js';
import { isPostmasterOf, processesIn, readPostmasterFile, type PostmasterFile } from './postmaster-file.js';
import { forgetStart, mustNotRunElsewhere, recordStart } from './postmaster-start.js';
import { processIdentity } from './process-identity.js';
import { commandAs } from './run-as.js';

/** A server process that accepts connections on 127.0.0.1. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** True when it was running already, left behind by a service that was killed. */
  readonly adopted: boolean;
  /** Settles when the process has ended, with how. */
  readonly exited: Promise<string>;
  /** `fast` ends sessions and writes a checkpoint; `immediate` leaves recovery to the next start. Returns when it is gone. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
}

export interface StartOptions {
  /** Default: a free one. */
  port?: number;
  /** Gives the start up and stops what has been started. */
  signal?: AbortSignal;
}

// A warm start takes some 30 ms; asking every 5 ms costs one small read.
const POLL_MS = 5;
const ADOPTED_POLL_MS = 200;
const PATIENCE_MS = 10_000;
// A backend in a long computation does not notice that its postmaster is gone.
const ORPHAN_PATIENCE_MS = 2_000;

/**
 * Starts the server, or adopts the one that runs in the data directory already. The caller holds the data folder.
 * Waits as long as recovery takes; the server's own words go to the log file.
 * @throws EmbeddedServerError when it does not start, or runs in another container
 */
export async function startPostmaster(cluster: Cluster, options: StartOptions = {}): Promise<Postmaster> {
  await mustNotRunElsewhere(cluster.dir);
  const left = readPostmasterFile(cluster.dir);
  if (left !== undefined && isPostmasterOf(left.pid, cluster.dir)) {
    const adopted = await adopt(cluster, left.pid);
    if (adopted !== undefined) return adopted;
  }
  if (left !== undefined) await clearStale(cluster, left.pid);
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(cluster, options.port ?? (await freePort()), options.signal);
    } catch (error) {
      const portTaken = error instanceof EmbeddedServerError && /could not (bind|create any TCP)/i.test(error.message);
      if (!portTaken || options.port !== undefined || attempt === 5) throw error; // somebody took the free port first
    }
  }
}

/** Connects and compares before it trusts; undefined when the server was just ending and is gone now. */
async function adopt(cluster: Cluster, pid: number): Promise<Postmaster | undefined> {
  for (let shown = false; ; await sleep(POLL_MS * 4)) {
    const file = readPostmasterFile(cluster.dir);
    if (file === undefined || file.pid !== pid || !isPostmasterOf(pid, cluster.dir)) return undefined;
    if (file.status === 'ready') {
      await mustBeOurs(cluster, file);
      cluster.onProgress?.(`PostgreSQL still runs from before (process ${pid}); using it.`);
      return postmasterOf(cluster, pid, file.port, true, untilGone(pid));
    }
    if (!shown) cluster.onProgress?.(`PostgreSQL is ${file.status} (process ${pid}); waiting for it.`);
    shown = true;
  }
}

/**
 * Asks the server that a pid file speaks of whether it is that of the data directory.
 * @throws EmbeddedServerError when it is another one, or knows another password
 */
export async function mustBeOurs(cluster: Pick<Cluster, 'dir' | 'superuserPassword'>, file: PostmasterFile): Promise<void> {
  const refuse = (why: string, cause?: unknown) =>
    new EmbeddedServerError(`Process ${file.pid} on port ${file.port} looks like the server of ${cluster.dir}, but ${why}: stop it first, by hand.`, { cause });
  const client = await connect({ url: superuserUrl(cluster, file.port), name: 'ingot adopt' }).catch((error: Error) => {
    throw refuse(error.message, error);
  });
  try {
    const { rows } = await client.query<{ directory: string; started: number }>(
      `select current_setting('data_directory') as directory, extract(epoch from pg_postmaster_start_time())::float8 as started`,
    );
    const [row] = rows;
    // The file holds the second the process began, the server the moment it was up: measured 20 to 40 ms apart.
    if (row?.directory !== cluster.dir || Math.abs(row.started - file.startedAt) > 5) throw refuse(`it says ${row?.directory}, started ${row?.started}`);
  } finally {
    await client.end();
  }
}

/** After kill -9 or a power failure: waits for orphaned backends, then removes a pid file that nobody owns. */
async function clearStale(cluster: Cluster, pid: number): Promise<void> {
  const remaining = processesIn(cluster.dir);
  if (remaining === undefined) {
    // The server looks after a dead pid itself; one that another program has now would stop it.
    if (processIdentity(pid) !== undefined) rmSync(path.join(cluster.dir, 'postmaster.pid'), { force: true });
    return;
  }
  for (const end = Date.now() + ORPHAN_PATIENCE_MS; (processesIn(cluster.dir) ?? []).length > 0; await sleep(POLL_MS)) {
    if (Date.now() < end) continue;
    for (const orphan of processesIn(cluster.dir) ?? []) process.kill(orphan, 'SIGKILL'); // no worse than the crash that is being cleared up: recovery follows
  }
  rmSync(path.join(cluster.dir, 'postmaster.pid'), { force: true });
}

async function launch(cluster: Cluster, port: number, signal?: AbortSignal): Promise<Postmaster> {
  signal?.throwIfAborted();
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(port),
    lc_messages: 'C', // the launcher and the operator read the log
    log_timezone: 'UTC',
    ...cluster.settings,
  };
  const args = ['-D', cluster.dir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const command = commandAs(cluster.runAs, cluster.binaries.postgres, args);
  const life = await recordStart(cluster.dir);
  const log = openSync(cluster.logFile, 'a', 0o600);
  const logged = statSync(cluster.logFile).size;
  // Detached: Ctrl-C in a terminal goes to the whole group, and the server must outlast the service's own draining.
  const child = spawn(command.file, command.args, { ...command.options, detached: true, stdio: ['ignore', log, log, ...(life?.fd === undefined ? [] : [life.fd])], windowsHide: true });
  closeSync(log);
  life?.close(); // from here on it answers for the server alone
  let ended: string | undefined;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, by) => resolve(by ?? `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
  void exited.then((how) => (ended = how));
  child.unref();

  const begun = Date.now();
  for (let shown = false; ; await sleep(POLL_MS)) {
    const file = readPostmasterFile(cluster.dir);
    if (ended !== undefined) throw new EmbeddedServerError(`PostgreSQL did not start (${ended}): ${lastError(readFileSync(cluster.logFile).subarray(logged).toString())}; see ${cluster.logFile}`);
    if (child.pid === undefined) continue; // 'error' follows
    const postmaster = postmasterOf(cluster, child.pid, port, false, exited);
    if (file?.pid === child.pid && file.status === 'ready') return postmaster;
    if (signal?.aborted === true) {
      await postmaster.stop();
      signal.throwIfAborted();
    }
    if (!shown && Date.now() - begun > 2_000) {
      cluster.onProgress?.(`PostgreSQL is starting, it may have to recover first; see ${cluster.logFile}`);
      shown = true;
    }
  }
}

function postmasterOf(cluster: Cluster, pid: number, port: number, adopted: boolean, exited: Promise<string>): Postmaster {
  return {
    pid,
    port,
    adopted,
    exited,
    async stop(mode = 'fast') {
      for (const how of mode === 'fast' ? (['fast', 'immediate'] as const) : (['immediate'] as const)) {
        if (!isPostmasterOf(pid, cluster.dir)) return;
        const { code } = await run(cluster.runAs, cluster.binaries.pgCtl, stopArguments(cluster, how));
        // pg_ctl refuses when the pid file is damaged or gone; the process has just been checked to be the one.
        if (code !== 0 && process.platform !== 'win32' && isPostmasterOf(pid, cluster.dir)) process.kill(pid, how === 'fast' ? 'SIGINT' : 'SIGQUIT');
        for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(POLL_MS)) if (processIdentity(pid) === undefined) return forgetStart(cluster.dir);
      }
      throw new EmbeddedServerError(`PostgreSQL (process ${pid}) did not stop; see ${cluster.logFile}`);
    },
  };
}

/** For `pg_ctl`: it asks the server to stop and does not wait. A signal would be a hard kill on Windows. */
export function stopArguments(cluster: Cluster, mode: 'fast' | 'immediate'): string[] {
  return ['stop', '-D', cluster.dir, '-m', mode, '-W', '-s'];
}

async function untilGone(pid: number): Promise<string> {
  const identity = processIdentity(pid);
  while (identity !== undefined && processIdentity(pid) === identity) await sleep(ADOPTED_POLL_MS, undefined, { ref: false });
  return 'gone';
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

import { existsSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedServerError } from './embedded-error.js';
import { askLivenessSocket, openLivenessSocket, type LivenessSocket } from './liveness-socket.js';

// Beside the data directory: whence its server was started, and a socket that the server and its backends have open.
const startFile = (cluster: string) => `${cluster}.start.json`;
const socketFile = (cluster: string) => `${cluster}.live`;

/** A process id means something only in its namespace, and all of them end with the boot. */
interface Start {
  boot?: string;
  pidNamespace?: string;
}

// A service in another container that exits without waiting gives the folder back a moment before its server is gone.
const PATIENCE_MS = 2_000;
const POLL_MS = 50;

/** To be called before a server is started, by whoever holds the data folder. The socket is for the server to inherit. */
export async function recordStart(cluster: string): Promise<LivenessSocket | undefined> {
  const draft = `${startFile(cluster)}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(here())}\n`);
  renameSync(draft, startFile(cluster));
  const socket = await openLivenessSocket(socketFile(cluster));
  if (socket?.fd !== undefined) return socket;
  socket?.close();
  rmSync(socketFile(cluster), { force: true }); // one of an earlier server would call this one dead
  return undefined;
}

/** To be called when the server has ended in order. */
export function forgetStart(cluster: string): void {
  for (const file of [startFile(cluster), socketFile(cluster)]) rmSync(file, { force: true });
}

/**
 * Sees to it that no server of the data directory runs in another PID namespace (container), where its pid tells us
 * nothing and even PostgreSQL's own check, of a pid and of shared memory, finds nobody.
 * @throws EmbeddedServerError when one runs, or may run
 */
export async function mustNotRunElsewhere(cluster: string): Promise<void> {
  const [start, we] = [readStart(cluster), here()];
  // The number of a namespace is given again only after its last process, so an equal one is ours or has no server.
  if (start === undefined || start.boot !== we.boot || start.pidNamespace === we.pidNamespace) return;
  const pidFile = path.join(cluster, 'postmaster.pid');
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(POLL_MS)) {
    const life = await askLivenessSocket(socketFile(cluster));
    if (life === 'dead' || (life === 'unknown' && !existsSync(pidFile))) return;
    if (Date.now() < end) continue;
    throw new EmbeddedServerError(
      life === 'alive'
        ? `The PostgreSQL server of ${cluster} still runs in another container, left behind by a service that was killed: stop that container first.`
        : `The PostgreSQL server of ${cluster} was started in another container and may still run there: stop that container, and when you are sure that it is gone, remove ${pidFile}.`,
    );
  }
}

function here(): Start {
  try {
    return { boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), pidNamespace: readlinkSync('/proc/self/ns/pid') };
  } catch {
    return {}; // no Linux, no namespaces
  }
}

/** A file that is gone or cut short (the machine lost power) tells of no server. */
function readStart(cluster: string): Start | undefined {
  try {
    return JSON.parse(readFileSync(startFile(cluster), 'utf8')) as Start;
  } catch {
    return undefined;
  }
}

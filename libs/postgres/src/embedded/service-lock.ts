import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { EmbeddedServerError } from './embedded-error.js';
import { askLivenessSocket, openLivenessSocket, type LivenessSocket } from './liveness-socket.js';
import { isSameProcess, processIdentity } from './process-identity.js';

/** At most one service works on a data folder. The lock outlives no process: kill -9 leaves one that the next may take. */
export interface ServiceLock {
  /** Records where the service can be reached, for the message that a second starter gets. */
  announce(address: string): void;
  /** Gives the lock back; the second call does nothing. */
  release(): void;
}

/** What the lock file says. */
export interface Holder {
  pid: number;
  identity: string;
  /** Name, in the data folder, of the socket that answers while it lives; absent where none could be made. */
  socket?: string;
  since: string;
  address?: string;
  released?: boolean;
}

const NAME = /^service\.lock\.(\d{1,15})$/;
const SOCKET_NAME = /^service\.live\.[0-9a-f]{16}$/;

/**
 * Takes the lock of a data folder, which must exist.
 *
 * The lock is the file `service.lock.<n>` with the highest n. Whoever finds its holder gone makes n + 1 by link(2),
 * which only one can; the highest file is never removed, only marked as released. That is what makes taking over a
 * dead holder's lock safe: with one file name, two starters that both saw the dead holder could each remove "it", the
 * slower one removing the lock that the faster one had just made. A starter that slept since it looked makes a number
 * that is no longer the highest, sees so, and looks again.
 * A holder lives when its pid runs or its socket answers; in another container only the socket can tell.
 * @throws EmbeddedServerError naming the holder, when it runs
 */
export async function acquireServiceLock(dataDir: string): Promise<ServiceLock> {
  const me: Holder = { pid: process.pid, identity: processIdentity(process.pid) ?? 'unknown', since: new Date().toISOString() };
  const name = `service.live.${randomBytes(8).toString('hex')}`;
  const socket = await openLivenessSocket(path.join(dataDir, name));
  if (socket !== undefined) me.socket = name;
  try {
    await removeDeadSockets(dataDir);
    const steps = takeLock(dataDir, me, (holder) => lives(dataDir, holder));
    let step = await steps.next();
    while (step.done !== true) step = await steps.next();
    return heldLock(step.value, me, socket);
  } catch (error) {
    closeSocket(dataDir, me, socket);
    throw error;
  }
}

/** Who holds the lock of a data folder and lives; undefined when nobody does, or the folder is not there. */
export async function findHolder(dataDir: string): Promise<Holder | undefined> {
  const highest = existsSync(dataDir) ? Math.max(0, ...generations(dataDir)) : 0;
  const holder = highest === 0 ? undefined : read(path.join(dataDir, `service.lock.${highest}`));
  return holder !== undefined && holder.released !== true && (await lives(dataDir, holder)) ? holder : undefined;
}

async function lives(dataDir: string, holder: Holder): Promise<boolean> {
  if (isSameProcess(holder.pid, holder.identity)) return true;
  return holder.socket !== undefined && SOCKET_NAME.test(holder.socket) && (await askLivenessSocket(path.join(dataDir, holder.socket))) === 'alive';
}

/** Those of holders and starters that were killed. */
async function removeDeadSockets(dataDir: string): Promise<void> {
  for (const name of readdirSync(dataDir)) {
    const file = path.join(dataDir, name);
    if (SOCKET_NAME.test(name) && (await askLivenessSocket(file)) === 'dead') rmSync(file, { force: true });
  }
}

function closeSocket(dataDir: string, me: Holder, socket: LivenessSocket | undefined): void {
  socket?.close();
  if (me.socket !== undefined) rmSync(path.join(dataDir, me.socket), { force: true });
}

/**
 * The steps of taking the lock; between any two, another process may do anything. A generator, so that a test can put
 * the steps of several starters into any order.
 * @returns the file that now holds
 */
export async function* takeLock(dataDir: string, me: Holder, runs: (holder: Holder) => boolean | Promise<boolean>): AsyncGenerator<void, string, void> {
  const fileOf = (generation: number) => path.join(dataDir, `service.lock.${generation}`);
  for (;;) {
    const highest = Math.max(0, ...generations(dataDir));
    yield;
    const holder = highest === 0 ? undefined : read(fileOf(highest));
    if (holder !== undefined && holder.released !== true && (await runs(holder))) throw heldBy(holder, dataDir);
    yield;
    const mine = fileOf(highest + 1);
    if (!publish(mine, me)) continue;
    yield;
    if (Math.max(...generations(dataDir)) !== highest + 1) {
      rmSync(mine, { force: true });
      continue;
    }
    yield;
    for (const older of generations(dataDir)) if (older <= highest) rmSync(fileOf(older), { force: true });
    return mine;
  }
}

function heldLock(file: string, me: Holder, socket: LivenessSocket | undefined): ServiceLock {
  let held = true;
  return {
    announce(address) {
      if (held) replace(file, { ...me, address });
    },
    release() {
      if (!held) return;
      held = false;
      replace(file, { ...me, released: true });
      closeSocket(path.dirname(file), me, socket);
    },
  };
}

function generations(dataDir: string): number[] {
  return readdirSync(dataDir).flatMap((name) => Number(NAME.exec(name)?.[1] ?? []));
}

/** A file that is gone or empty (the machine lost power) has no holder. */
function read(file: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(file, 'utf8')) as Holder;
    return typeof holder.pid === 'number' && typeof holder.identity === 'string' ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** Makes the file with its whole content, or returns false when it is there already. */
function publish(file: string, holder: Holder): boolean {
  const draft = writeDraft(file, holder);
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function replace(file: string, holder: Holder): void {
  renameSync(writeDraft(file, holder), file);
}

function writeDraft(file: string, holder: Holder): string {
  const draft = path.join(path.dirname(file), `.service.lock.${process.pid}.${randomBytes(4).toString('hex')}`);
  writeFileSync(draft, `${JSON.stringify(holder)}\n`);
  return draft;
}

function heldBy(holder: Holder, dataDir: string): EmbeddedServerError {
  const serving = holder.address === undefined ? '' : `, serving ${holder.address}`;
  return new EmbeddedServerError(
    `The data folder ${dataDir} is in use by process ${holder.pid}, since ${holder.since}${serving}. Stop that one first, or set INGOT_DATA_DIR to another folder.`,
  );
}

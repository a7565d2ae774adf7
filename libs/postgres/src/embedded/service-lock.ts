import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { EmbeddedServerError } from './embedded-error.js';
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
  since: string;
  address?: string;
  released?: boolean;
}

const NAME = /^service\.lock\.(\d{1,15})$/;

/**
 * Takes the lock of a data folder, which must exist.
 *
 * The lock is the file `service.lock.<n>` with the highest n. Whoever finds its holder gone makes n + 1 by link(2),
 * which only one can; the highest file is never removed, only marked as released. That is what makes taking over a
 * dead holder's lock safe: with one file name, two starters that both saw the dead holder could each remove "it", the
 * slower one removing the lock that the faster one had just made. A starter that slept since it looked makes a number
 * that is no longer the highest, sees so, and looks again.
 * @throws EmbeddedServerError naming the holder, when it runs
 */
export function acquireServiceLock(dataDir: string): ServiceLock {
  const me: Holder = { pid: process.pid, identity: processIdentity(process.pid) ?? 'unknown', since: new Date().toISOString() };
  const steps = takeLock(dataDir, me, (holder) => isSameProcess(holder.pid, holder.identity));
  for (;;) {
    const step = steps.next();
    if (step.done === true) return heldLock(step.value, me);
  }
}

/**
 * The steps of taking the lock; between any two, another process may do anything. A generator, so that a test can put
 * the steps of several starters into any order.
 * @returns the file that now holds
 */
export function* takeLock(dataDir: string, me: Holder, runs: (holder: Holder) => boolean): Generator<void, string, void> {
  const fileOf = (generation: number) => path.join(dataDir, `service.lock.${generation}`);
  for (;;) {
    const highest = Math.max(0, ...generations(dataDir));
    yield;
    const holder = highest === 0 ? undefined : read(fileOf(highest));
    if (holder !== undefined && holder.released !== true && runs(holder)) throw heldBy(holder, dataDir);
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

function heldLock(file: string, me: Holder): ServiceLock {
  let held = true;
  return {
    announce(address) {
      if (held) replace(file, { ...me, address });
    },
    release() {
      if (!held) return;
      held = false;
      replace(file, { ...me, released: true });
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

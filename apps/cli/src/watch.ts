import { watch as watchDirectory, type FSWatcher } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '@ingot/config';
import { CommandFailed } from './command-failed.js';
import { withServer } from './database.js';
import type { Io } from './io.js';
import { formatError } from './output/errors.js';
import { paint } from './output/colours.js';

/** Editors save in several steps within some ms: write beside, rename, set times. */
const SETTLE_MS = 100;

const PROJECT_FILE = /\.(sql|yml|yaml|csv)$/;

/**
 * Watches the files of the project, for a command that opens the database on each save: the embedded server, where one
 * is needed, runs all the while.
 * @param work is given an io that knows the server
 */
export async function watchProject(io: Io, work: (io: Io) => Promise<unknown>): Promise<void> {
  const config = loadConfig(io.env);
  await withServer(io, config, (url) => {
    const here = { ...io, env: { ...io.env, DATABASE_URL: url } };
    return watchFiles(here, [config.INGOT_SQL_DIR], () => work(here));
  });
}

/**
 * Does the work at once and again after each save of a project's file below some folders, one at a time, until Ctrl-C.
 * What fails, e.g. on a file saved half-way, is shown, and it goes on.
 * @param dirs folders such as `sql/`; new folders below them are watched as they come
 */
async function watchFiles(io: Io, dirs: readonly string[], work: () => Promise<unknown>): Promise<void> {
  const changes = new Changes();
  const folders = new WatchedFolders(dirs, () => changes.note());
  try {
    while (!io.signal.aborted) {
      changes.forget();
      await folders.refresh();
      await attempt(io, work);
      if (io.signal.aborted) return;
      io.say(paint(io, 'quiet', `Watching ${dirs.join(', ')} for changes; Ctrl-C ends.`));
      await changes.next(io.signal);
    }
  } finally {
    folders.close();
  }
}

async function attempt(io: Io, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (io.signal.aborted) return; // ended by Ctrl-C, which is no failure here
    if (!(error instanceof CommandFailed)) io.say(formatError(io, error));
  }
}

/** Whether something was saved, and the wait for it. */
class Changes {
  private noted = false;
  private wake: () => void = () => undefined;
  private readonly stop = (): void => this.wake();

  note(): void {
    this.noted = true;
    this.wake();
  }

  forget(): void {
    this.noted = false;
  }

  /** Resolves when a change was noted and none came after it for a moment, or on abort. */
  async next(signal: AbortSignal): Promise<void> {
    while (!this.noted && !signal.aborted) await this.wait(signal);
    do {
      this.noted = false;
      await this.wait(signal, SETTLE_MS);
    } while (this.noted && !signal.aborted);
  }

  private async wait(signal: AbortSignal, ms?: number): Promise<void> {
    if (this.noted || signal.aborted) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      signal.addEventListener('abort', this.stop);
      if (ms !== undefined) timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    signal.removeEventListener('abort', this.stop);
  }
}

/**
 * One watcher for each folder. Node's own `recursive` watches single files on Linux and loses one that an editor
 * replaces by a rename (seen with Node 20).
 */
class WatchedFolders {
  private readonly watchers = new Map<string, FSWatcher>();

  constructor(private readonly roots: readonly string[], private readonly onChange: () => void) {}

  /** Watches the folders there are now. */
  async refresh(): Promise<void> {
    const present = new Set((await Promise.all(this.roots.map(foldersBelow))).flat());
    for (const [folder, watcher] of this.watchers) {
      if (present.has(folder)) continue;
      watcher.close();
      this.watchers.delete(folder);
    }
    for (const folder of present) if (!this.watchers.has(folder)) this.watch(folder);
  }

  close(): void {
    for (const watcher of this.watchers.values()) watcher.close();
  }

  private watch(folder: string): void {
    const forget = (): void => void this.watchers.delete(folder);
    try {
      const watcher = watchDirectory(folder, (_event, name) => {
        // A name without an ending may be a new folder; editors' own files have another.
        if (name === null || PROJECT_FILE.test(name) || !/[.~]|^\d+$/.test(name)) this.onChange();
      });
      watcher.on('error', forget); // it was removed, which its parent reports
      watcher.on('close', forget);
      this.watchers.set(folder, watcher);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** A folder and all below it; none when it is gone. */
async function foldersBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const below = await Promise.all(entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => foldersBelow(join(folder, name))));
    return [folder, ...below.flat()];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

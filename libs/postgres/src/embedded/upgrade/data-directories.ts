import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { findBinaries } from '../binaries.js';
import { syncFolder, type Cluster } from '../cluster.js';
import { startPostmaster } from '../postmaster.js';
import { isPostmasterOf, readPostmasterFile } from '../postmaster-file.js';
import { mustNotRunElsewhere } from '../postmaster-start.js';
import { chooseRunAs } from '../run-as.js';

/** Grows until its database is whole; whatever is there when an upgrade begins is thrown away. */
export const draftOf = (dataDir: string): string => path.join(dataDir, 'postgres.upgrade');
/** Whole and on the disk, and not in its place yet. */
const wholeOf = (dataDir: string): string => path.join(dataDir, 'postgres.upgraded');
const placeOf = (dataDir: string): string => path.join(dataDir, 'postgres');

/**
 * Puts a whole new data directory into the place of the old one, which stays under another name. Killed in the middle, the
 * old one is in its place, or finishSwap() does what is left. Both servers are stopped.
 * @returns where the old one is
 */
export function swapIn(dataDir: string, oldMajor: string): string {
  const names = new Set(readdirSync(dataDir));
  let kept = `postgres.${oldMajor}`;
  for (let n = 2; names.has(kept); n++) kept = `postgres.${oldMajor}.${n}`;
  renameSync(draftOf(dataDir), wholeOf(dataDir));
  syncFolder(dataDir);
  renameSync(placeOf(dataDir), path.join(dataDir, kept));
  finishSwap(dataDir);
  return path.join(dataDir, kept);
}

/**
 * After an upgrade that was killed between its last two renames: without this, a start would make an empty database. To be
 * called by whoever holds the folder.
 */
export function finishSwap(dataDir: string): void {
  if (existsSync(placeOf(dataDir)) || !existsSync(wholeOf(dataDir))) return;
  renameSync(wholeOf(dataDir), placeOf(dataDir));
  syncFolder(dataDir);
}

/** Ends and removes what an upgrade that was killed has left. Its copy may be older than the database: it starts over. */
export async function removeDrafts(dataDir: string, cluster: Pick<Cluster, 'logFile' | 'superuserPassword' | 'onProgress'>): Promise<void> {
  const dir = draftOf(dataDir);
  await mustNotRunElsewhere(dir);
  const left = readPostmasterFile(dir);
  if (left !== undefined && isPostmasterOf(left.pid, dir)) {
    const binaries = findBinaries();
    await (await startPostmaster({ ...cluster, dir, binaries, runAs: chooseRunAs(dir, binaries.postgres) })).stop('immediate');
  }
  for (const name of readdirSync(dataDir)) {
    if (name === 'postgres.upgraded' || name === 'postgres.upgrade' || name.startsWith('postgres.upgrade.')) rmSync(path.join(dataDir, name), { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  }
}

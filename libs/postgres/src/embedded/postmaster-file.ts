import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { commandLine, processIdentity } from './process-identity.js';

/** What a running server writes down in its data directory: `postmaster.pid`. */
export interface PostmasterFile {
  readonly pid: number;
  /** Seconds since 1970. */
  readonly startedAt: number;
  readonly port: number;
  readonly status: string;
}

/** Reads `postmaster.pid`; undefined when there is none, or it is not complete yet. Source: PostgreSQL's pidfile.h. */
export function readPostmasterFile(cluster: string): PostmasterFile | undefined {
  let lines: string[];
  try {
    lines = readFileSync(path.join(cluster, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const [pid, startedAt, port] = [lines[0], lines[2], lines[3]].map(Number);
  if (!pid || !startedAt || !port) return undefined;
  return { pid, startedAt, port, status: (lines[7] ?? '').trim() };
}

/** True when the process is a server of this data directory, and not one that merely got the pid of a dead one. */
export function isPostmasterOf(pid: number, cluster: string): boolean {
  if (processIdentity(pid) === undefined) return false;
  const command = commandLine(pid);
  return command === undefined || command.includes(cluster);
}

/**
 * The server processes that work in the data directory, by their working directory: after kill -9 of a postmaster its
 * backends go on until they notice, and a new server beside them would destroy data. Linux only; elsewhere undefined,
 * and the server's own check of its shared memory has to do.
 */
export function processesIn(cluster: string): number[] | undefined {
  if (process.platform !== 'linux') return undefined;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === cluster && /\/(postgres|postmaster)$/.test(readlinkSync(`/proc/${pid}/exe`));
      } catch {
        return false; // it ended, or is not ours to look at
      }
    })
    .map(Number);
}

import { existsSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { EmbeddedServerError } from './embedded-error.js';

/** As whom the server's programs run. PostgreSQL refuses to run as root. */
export type RunAs =
  | { readonly kind: 'self' }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number }
  /** Inside a private user namespace, where we look like `nobody`; files stay ours. */
  | { readonly kind: 'namespace' };

interface Identity {
  uid: number;
  gid: number;
}

const UNSHARE = '/usr/bin/unshare';

/**
 * Decides as whom the server runs, so that it can read its own programs and write its own folder.
 * An ordinary user: as itself. root: as the owner of the data directory; for a new one as the owner of the folder it
 * goes into, else `postgres`, else `nobody`, whoever can get at both paths; else in a user namespace.
 * @param cluster the data directory, which need not exist yet
 * @throws EmbeddedServerError when the data directory is somebody else's
 */
export function chooseRunAs(cluster: string, program: string): RunAs {
  const uid = process.getuid?.();
  if (uid === undefined) return { kind: 'self' };
  const owner = existsSync(path.join(cluster, 'PG_VERSION')) ? statSync(cluster) : undefined;
  if (uid !== 0) {
    if (owner !== undefined && owner.uid !== uid) {
      throw new EmbeddedServerError(`The database in ${cluster} belongs to the user with id ${owner.uid}, not to you (${uid}): start as that user, or set INGOT_DATA_DIR to another folder.`);
    }
    return hasAccount() ? { kind: 'self' } : { kind: 'namespace' }; // initdb looks its user up by name
  }
  if (owner !== undefined) return owner.uid === 0 ? { kind: 'namespace' } : { kind: 'user', uid: owner.uid, gid: owner.gid };
  const folder = path.dirname(cluster);
  const accounts = readAccounts();
  const candidates = [accounts.find((account) => account.uid === nearestOwner(folder)), accounts.find((a) => a.name === 'postgres'), accounts.find((a) => a.name === 'nobody')];
  for (const candidate of candidates) {
    if (candidate !== undefined && candidate.uid !== 0 && canReach(candidate, folder) && canReach(candidate, path.dirname(program))) {
      return { kind: 'user', uid: candidate.uid, gid: candidate.gid };
    }
  }
  if (process.platform !== 'linux' || !existsSync(UNSHARE)) {
    throw new EmbeddedServerError(`PostgreSQL does not run as root, and no other user can reach ${folder}: start as an ordinary user, or set INGOT_DATA_DIR to a folder that the user \`nobody\` can reach.`);
  }
  return { kind: 'namespace' };
}

/** Program, arguments and spawn options to run something as `as`. Its working directory is the root folder. */
export function commandAs(as: RunAs, program: string, args: readonly string[]): { file: string; args: string[]; options: { cwd: string; uid?: number; gid?: number } } {
  const cwd = path.parse(program).root; // ours may be closed to the other user
  switch (as.kind) {
    case 'self':
      return { file: program, args: [...args], options: { cwd } };
    case 'user':
      return { file: program, args: [...args], options: { cwd, uid: as.uid, gid: as.gid } };
    case 'namespace':
      return { file: UNSHARE, args: ['--user', '--map-user=65534', '--map-group=65534', '--', program, ...args], options: { cwd } };
  }
}

function hasAccount(): boolean {
  try {
    os.userInfo();
    return true;
  } catch {
    return process.platform !== 'linux' || !existsSync(UNSHARE);
  }
}

function readAccounts(): (Identity & { name: string })[] {
  try {
    return readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .filter((fields) => fields.length >= 4)
      .map(([name, , uid, gid]) => ({ name: name ?? '', uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }));
  } catch {
    return [];
  }
}

/** The first owner on the way up that is not root: whose home or project this is. */
function nearestOwner(folder: string): number {
  const uid = existsSync(folder) ? statSync(folder).uid : 0;
  return uid !== 0 || folder === path.dirname(folder) ? uid : nearestOwner(path.dirname(folder));
}

/** True when the user may pass through every existing folder on the way to `folder`, and through it. */
function canReach(user: Identity, folder: string): boolean {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    if (existsSync(at)) {
      const { mode, uid, gid } = statSync(at);
      const pass = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
      if ((mode & pass) === 0) return false;
    }
    if (at === path.dirname(at)) return true;
  }
}

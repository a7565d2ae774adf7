import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { syncFolder } from './cluster.js';
import { EmbeddedServerError } from './embedded-error.js';

/** Of the superuser `postgres`, for the launcher, and of the role `ingot`, for the service. */
export interface Passwords {
  readonly postgres: string;
  readonly ingot: string;
}

/**
 * Reads the passwords of a data folder, or makes them up: 192 random bits each, in a file that only we can read. It is
 * on disk before the database is made, so that there is never a database whose password nobody knows.
 * @throws EmbeddedServerError when the database is there and its passwords are not
 */
export function readOrMakePasswords(dataDir: string, clusterExists: boolean): Passwords {
  const file = path.join(dataDir, 'passwords.json');
  if (existsSync(file)) {
    try {
      const { postgres, ingot } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Passwords>;
      if (typeof postgres === 'string' && typeof ingot === 'string') {
        if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600); // copied or restored without its mode
        return { postgres, ingot };
      }
    } catch (cause) {
      throw new EmbeddedServerError(`Cannot read ${file}: ${(cause as Error).message}`, { cause });
    }
  }
  if (clusterExists) throw new EmbeddedServerError(`${file}, which holds the passwords of the database beside it, is gone or damaged: put it back from a backup.`);
  const made = { postgres: password(), ingot: password() };
  const draft = `${file}.draft`;
  const handle = openSync(draft, 'w', 0o600);
  try {
    writeFileSync(handle, `${JSON.stringify(made)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(draft, file);
  syncFolder(dataDir);
  return made;
}

const password = () => randomBytes(24).toString('base64url');

import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { syncFolder } from './cluster.js';
import { EmbeddedServerError } from './embedded-error.js';

const OWNERS = ['postgres', 'ingot'] as const;
const SERVICES = ['ingest', 'read', 'run'] as const;

/**
 * Of the superuser `postgres`, for the launcher; of the role `ingot`, which owns the database; of the logins that
 * take lines, answer and run models.
 */
export type Passwords = Readonly<Record<(typeof OWNERS)[number] | (typeof SERVICES)[number], string>>;

/**
 * Reads the passwords of a data folder, or makes them up: 192 random bits each, in a file that only we can read. They
 * are on disk before the database knows them, so that there is never a database whose password nobody knows. A folder of
 * an earlier release, which had no logins for the services, gets theirs.
 * @throws EmbeddedServerError when the database is there and its passwords are not
 */
export function readOrMakePasswords(dataDir: string, clusterExists: boolean): Passwords {
  const file = path.join(dataDir, 'passwords.json');
  const found = read(file);
  if (clusterExists && OWNERS.some((name) => found[name] === undefined)) {
    throw new EmbeddedServerError(`${file}, which holds the passwords of the database beside it, is gone or damaged: put it back from a backup.`);
  }
  const passwords = Object.fromEntries([...OWNERS, ...SERVICES].map((name) => [name, found[name] ?? randomBytes(24).toString('base64url')])) as Passwords;
  if (SERVICES.some((name) => found[name] === undefined)) write(dataDir, file, passwords);
  return passwords;
}

function read(file: string): Partial<Passwords> {
  if (!existsSync(file)) return {};
  try {
    const given = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600); // copied or restored without its mode
    return Object.fromEntries(Object.entries(given).filter(([, password]) => typeof password === 'string'));
  } catch (cause) {
    throw new EmbeddedServerError(`Cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function write(dataDir: string, file: string, passwords: Passwords): void {
  const draft = `${file}.draft`;
  const handle = openSync(draft, 'w', 0o600);
  try {
    writeFileSync(handle, `${JSON.stringify(passwords)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(draft, file);
  syncFolder(dataDir);
}

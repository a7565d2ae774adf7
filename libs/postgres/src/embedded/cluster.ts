import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findBinaries, type Binaries } from './binaries.js';
import { EmbeddedServerError } from './embedded-error.js';
import { chooseRunAs, commandAs, type RunAs } from './run-as.js';

export interface ClusterOptions {
  /** The data directory; its parent must exist. */
  dir: string;
  logFile: string;
  /** Of the role `postgres`; used when the cluster is made, and to connect. */
  superuserPassword: string;
  /** Another PostgreSQL than the one shipped, e.g. /usr/lib/postgresql/15/bin. */
  binDir?: string;
  /** Server settings beside those of the launcher, e.g. { fsync: 'off' }. */
  settings?: Record<string, string>;
  /** False: initdb does not wait for the disk. For throw-away clusters. */
  durable?: boolean;
  onProgress?: (message: string) => void;
}

/** A data directory that is there, of the right major version, and how to run programs on it. */
export interface Cluster extends Omit<ClusterOptions, 'binDir'> {
  readonly dir: string;
  readonly binaries: Binaries;
  readonly runAs: RunAs;
}

/**
 * Finds the data directory, or makes it. Making is atomic: it grows under another name, so that a start killed in the
 * middle leaves nothing half. The caller sees to it that only one process does this at a time.
 * @throws EmbeddedServerError for another major version, a folder that is something else, or a failing initdb
 */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const binaries = findBinaries(options.binDir);
  const dir = path.join(realpathSync(path.dirname(path.resolve(options.dir))), path.basename(options.dir));
  const cluster: Cluster = { ...options, dir, binaries, runAs: chooseRunAs(dir, binaries.postgres) };
  const found = majorOf(dir);
  if (found === undefined) await makeCluster(cluster);
  else if (found !== String(binaries.major)) {
    throw new EmbeddedServerError(
      `${dir} holds a database of PostgreSQL ${found}, and this release of Ingot ships PostgreSQL ${binaries.major}: ${Number(found) < binaries.major ? 'run `ingot upgrade`, which moves it' : 'start it with the Ingot release that made it'}, or set INGOT_DATA_DIR to another folder.`,
    );
  }
  return cluster;
}

/** postgres:// URL of the cluster's superuser. */
export function superuserUrl(cluster: Pick<Cluster, 'superuserPassword'>, port: number, database = 'postgres'): string {
  return urlOf('postgres', cluster.superuserPassword, port, database);
}

/** sslmode is fixed because the driver would otherwise take PGSSLMODE, meant for another server, from the environment. */
export function urlOf(role: string, password: string, port: number, database: string): string {
  return `postgres://${role}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}?sslmode=disable`;
}

function majorOf(dir: string): string | undefined {
  if (!existsSync(dir)) return undefined;
  try {
    return readFileSync(path.join(dir, 'PG_VERSION'), 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new EmbeddedServerError(`Cannot read the database in ${dir}: ${(error as Error).message}`, { cause: error });
  }
  if (readdirSync(dir).length === 0) return undefined;
  throw new EmbeddedServerError(`${dir} is not empty and holds no PostgreSQL database: move it away, or set INGOT_DATA_DIR to another folder.`);
}

async function makeCluster(cluster: Cluster): Promise<void> {
  cluster.onProgress?.(`Creating the database in ${cluster.dir} (once)...`);
  const parent = path.dirname(cluster.dir);
  const prefix = `${path.basename(cluster.dir)}.init-`;
  // Left by a start that was killed. Its initdb may still be writing there: it fails when its files vanish.
  for (const name of readdirSync(parent)) {
    if (name.startsWith(prefix)) rmSync(path.join(parent, name), { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  }
  const draft = path.join(parent, prefix + randomBytes(6).toString('hex'));
  const passwordFile = `${draft}.password`;
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, `${cluster.superuserPassword}\n`, { mode: 0o600 });
  if (cluster.runAs.kind === 'user') for (const file of [draft, passwordFile]) chownSync(file, cluster.runAs.uid, cluster.runAs.gid);
  try {
    await runInitdb(cluster, draft, passwordFile);
    renameSync(draft, cluster.dir);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  } finally {
    rmSync(passwordFile, { force: true });
  }
  if (cluster.durable !== false) syncFolder(parent);
}

async function runInitdb(cluster: Cluster, dir: string, passwordFile: string): Promise<void> {
  const { major, initdb } = cluster.binaries;
  // 17 brought a locale provider of its own, the same on every machine. Before it, the C library's.
  const locale = major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'] : ['--lc-collate=C', '--lc-ctype=C.UTF-8', '--lc-messages=C'];
  const args = ['-D', dir, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', ...locale, '-k', '--no-instructions'];
  if (cluster.durable === false) args.push('--no-sync');
  const { code, output } = await run(cluster.runAs, initdb, args);
  if (code !== 0) throw new EmbeddedServerError(`PostgreSQL could not create its database in ${cluster.dir}: ${lastError(output)}`);
}

/** Runs a program of the server to its end. `code` is null when it could not be started or was killed. */
export async function run(as: RunAs, program: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const command = commandAs(as, program, args);
  const child = spawn(command.file, command.args, { ...command.options, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** The line of a program's output that says what went wrong. */
export function lastError(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const told = lines.filter((line) => /(FATAL|PANIC|ERROR|error|could not|cannot)\b/.test(line));
  return (told.at(-1) ?? lines.at(-1) ?? 'no output').trim();
}

/** Makes a rename in the folder survive a power failure. Windows has no such call on folders, and needs none. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

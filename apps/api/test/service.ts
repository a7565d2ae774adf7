import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { serviceLogins } from '@ingot/testing';

/** A running service under test: the compiled entry in a process of its own, spoken to by HTTP alone. */
export interface RunningService extends LaunchedService {
  readonly url: string;
}

/** One that may not serve yet. */
export interface LaunchedService {
  /** http://host:port, once it serves. Rejects when it ends before. */
  readonly ready: Promise<string>;
  readonly process: ChildProcess;
  /** What it has written so far: JSON log lines on stdout, words for people on stderr. */
  readonly output: { stdout: string; stderr: string };
  /** Sends the signal and waits for the exit. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

const ENTRY = path.resolve('dist/apps/api/src/main.js');
const READY = /http:\/\/[^\s]+:\d+/;

/**
 * Starts the service on a free port against the given test database (applied by itself), by the logins of its services, and
 * waits until it serves.
 * @param env further variables, e.g. limits
 */
export async function startService(databaseUrl: string, env: Record<string, string> = {}): Promise<RunningService> {
  const { ingest, read, run } = serviceLogins(databaseUrl);
  const service = launchService({
    DATABASE_URL: databaseUrl,
    DATABASE_INGEST_URL: ingest,
    DATABASE_READ_URL: read,
    DATABASE_RUN_URL: run,
    INGOT_ALLOW_UNSAFE_DURABILITY: 'unsafe', // the clusters of tests do not wait for the disk
    INGOT_APPLY: 'auto',
    ...env,
  });
  return { ...service, url: await service.ready };
}

/**
 * Starts the service on a free port, and does not wait.
 * @param env its variables; without DATABASE_URL it has a server of its own under INGOT_DATA_DIR
 * @param before words of the command line that node's own come after, e.g. `prlimit --nofile=64`
 */
export function launchService(env: Record<string, string>, before: readonly string[] = []): LaunchedService {
  const [program = '', ...args] = [...before, process.execPath, '--enable-source-maps', ENTRY];
  const child = spawn(program, args, { env: { ...inherited(), PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;

  const ready = new Promise<string>((resolve, reject) => {
    child.stderr.on('data', () => {
      const match = READY.exec(output.stderr);
      if (match !== null) resolve(match[0]);
    });
    void exited.then(([code]) => reject(new Error(`the service ended with ${code} before it served:\n${output.stdout}${output.stderr}`)));
  });
  ready.catch(() => undefined); // who does not wait for it is not told
  return {
    ready,
    process: child,
    output,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const [code, ended] = await exited;
      return { code, signal: ended };
    },
  };
}

/** Nothing of the caller's own configuration may reach the service under test. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('INGOT_') && !name.startsWith('OTEL_') && !['HOST', 'PORT', 'DATABASE_URL'].includes(name)));
}

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

/** A running service under test: the compiled entry in a process of its own, spoken to by HTTP alone. */
export interface RunningService {
  readonly url: string;
  readonly process: ChildProcess;
  /** What it has written so far: JSON log lines on stdout, words for people on stderr. */
  readonly output: { stdout: string; stderr: string };
  /** Sends the signal and waits for the exit. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

const ENTRY = path.resolve('dist/apps/api/src/main.js');
const READY = /http:\/\/[^\s]+:\d+/;

/**
 * Starts the service on a free port against the given database (applied by itself) and waits until it serves.
 * @param env further variables, e.g. limits
 */
export async function startService(databaseUrl: string, env: Record<string, string> = {}): Promise<RunningService> {
  const child = spawn(process.execPath, ['--enable-source-maps', ENTRY], {
    env: { ...inherited(), DATABASE_URL: databaseUrl, INGOT_APPLY: 'auto', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;

  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', () => {
      const match = READY.exec(output.stderr);
      if (match !== null) resolve(match[0]);
    });
    void exited.then(([code]) => reject(new Error(`the service ended with ${code} before it served:\n${output.stdout}${output.stderr}`)));
  });
  return {
    url,
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

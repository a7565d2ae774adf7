import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** A program that was started for a workload and answers. */
export interface Running {
  readonly pid: number;
  /** What it has written to both outputs so far. */
  readonly output: () => string;
  /** SIGTERM, and SIGKILL to one that has not ended 10 s later. */
  stop(): Promise<void>;
}

const PATIENCE_MS = 10_000;

/** Starts a program; the environment is what it needs and nothing of the caller's own configuration. */
export function startProcess(file: string, args: readonly string[], env: Record<string, string> = {}, cwd?: string): Running & { readonly child: ChildProcess } {
  const child = spawn(file, args, { env: { ...plainEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'], ...(cwd === undefined ? {} : { cwd }) });
  let output = '';
  const keep = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-65_536));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.once('error', (error) => (output += error.message));
  const ended = once(child, 'close').catch(() => undefined); // it could not be started: said by output
  // However this process ends: a service that is told to stop takes its PostgreSQL with it.
  const lastResort = (): void => void child.kill('SIGTERM');
  process.once('exit', lastResort);
  void ended.then(() => process.removeListener('exit', lastResort));
  return {
    child,
    pid: child.pid ?? 0,
    output: () => output,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
      await ended;
      clearTimeout(patience);
    },
  };
}

/**
 * Waits until a look at a program gives something.
 * @throws Error with what it wrote when it ends before, or needs longer than a minute
 */
export async function untilReady<T>(program: Running & { readonly child: ChildProcess }, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const end = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const found = await look();
    if (found !== undefined) return found;
    if (program.child.exitCode !== null || program.child.signalCode !== null || program.pid === 0) throw new Error(`it ended before it answered:\n${program.output()}`);
    if (Date.now() > end) throw new Error(`it did not answer within a minute:\n${program.output()}`);
  }
}

/** Runs a program to its end. @throws Error with its output unless it exits with 0 */
export async function runProcess(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const program = startProcess(file, args, env);
  await once(program.child, 'close');
  if (program.child.exitCode !== 0) throw new Error(`${file} ended with ${program.child.exitCode ?? program.child.signalCode}:\n${program.output()}`);
  return program.output();
}

/** The full name of an installed program, or undefined. */
export function installed(program: string): string | undefined {
  const found = spawnSync(process.platform === 'win32' ? 'where' : 'which', [program], { encoding: 'utf8', env: plainEnvironment() });
  return found.status === 0 ? found.stdout.split('\n')[0]?.trim() : undefined;
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const PASSED_ON = /^(PATH|HOME|TMPDIR|TEMP|TMP|LANG|SystemRoot|PYENV_ROOT)$/;

/** Nothing of the caller's configuration may reach a program under measurement. */
function plainEnvironment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value !== undefined && PASSED_ON.test(name) ? [[name, value]] : [])));
}

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A copy of the project as a clone has it, in a folder with a space in its name; the installed packages are shared. */
export interface Checkout {
  readonly root: string;
  remove(): void;
}

const NOT_IN_A_CLONE = ['.git', '.ingot', 'coverage', 'dist', 'dist.fresh', 'dist.old', 'node_modules'];

export function makeCheckout(): Checkout {
  const folder = mkdtempSync(path.join(tmpdir(), 'ingot checkout '));
  chmodSync(folder, 0o755);
  const root = path.join(folder, 'in got');
  const project = process.cwd();
  cpSync(project, root, { recursive: true, filter: (from) => !NOT_IN_A_CLONE.includes(path.relative(project, from)) });
  symlinkSync(path.join(project, 'node_modules'), path.join(root, 'node_modules'));
  return { root, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }) };
}

/** `npm start`, or the same without npm around it. */
export interface Start {
  readonly process: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  /** [code, signal], when it has ended. */
  readonly exit: Promise<[number | null, NodeJS.Signals | null]>;
  /** http://host:port, once it serves. Rejects when it ends before. */
  ready(): Promise<string>;
  /** What it said to people, without npm's own lines. */
  said(): string[];
}

export interface StartOptions {
  dataDir: string;
  env?: Record<string, string>;
  npm?: boolean;
  user?: { uid: number; gid: number };
}

export function start(checkout: Checkout, options: StartOptions): Start {
  const [file, args] = options.npm === true ? ['npm', ['start']] : [process.execPath, ['scripts/start.mjs']];
  const child = spawn(file, args, {
    cwd: checkout.root,
    env: { ...plainEnvironment(), PORT: '0', INGOT_DATA_DIR: options.dataDir, ...options.env },
    detached: true, // a process group of its own, as a terminal gives it: Ctrl-C goes to all of it
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options.user,
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const exit = once(child, 'close') as Start['exit'];
  return {
    process: child,
    output,
    exit,
    async ready() {
      for (;;) {
        const address = /^Ingot \S+ serves (\S+)$/m.exec(output.stderr)?.[1];
        if (address !== undefined) return address;
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`ended before it served:\n${output.stderr}${output.stdout}`);
        await sleep(5);
      }
    },
    said: () => output.stderr.split('\n').filter((line) => line !== '' && !/^npm /.test(line)),
  };
}

/** The postmaster of a data folder as its pid file names it, else undefined. */
export function postmasterOf(dataDir: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(path.join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'), 10);
  } catch {
    return undefined;
  }
}

/** Nothing of the caller's own configuration, nor of the npm that runs the tests, may reach the start under test. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const ours = /^(INGOT_|npm_|JEST_|NODE_)|^(HOST|PORT|DATABASE_URL|INIT_CWD)$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}

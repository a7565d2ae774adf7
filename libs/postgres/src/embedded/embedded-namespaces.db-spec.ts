import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connect } from '../pool.js';

// Real containers as far as it matters here: PID and IPC namespaces of their own, on one data folder.
const UNSHARE = ['--pid', '--ipc', '--mount-proc', '--fork', '--kill-child'];
const canUnshare = spawnSync('unshare', [...UNSHARE, 'true']).status === 0;
const LAUNCHER = path.resolve('dist/libs/postgres/src/index.js');
const SERVICE = `
  const { startEmbedded } = await import(${JSON.stringify(pathToFileURL(LAUNCHER).href)});
  const [dataDir, binDir] = process.argv.slice(1);
  try {
    const server = await startEmbedded({ dataDir, binDir: binDir || undefined });
    process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)));
    console.log(server.url);
    setInterval(() => {}, 1000);
  } catch (error) {
    console.log(error.message);
    process.exitCode = 1;
  }`;

let folder: string;
let dataDir: string;
let containers: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ingot namespaces '));
  chmodSync(folder, 0o755);
  dataDir = path.join(folder, 'data');
  containers = [];
});
afterEach(async () => {
  for (const container of containers) await killContainer(container);
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

/** The service as a child of the container's first process, so that it can be killed alone, and the first line it said. */
async function startContainer(): Promise<{ container: ChildProcess; said: string }> {
  const container = spawn('unshare', [...UNSHARE, 'sh', '-c', '"$@" & wait; sleep 60', 'sh', process.execPath, '--input-type=module', '-e', SERVICE, dataDir, process.env.INGOT_TEST_PG_BIN ?? ''], {
    cwd: '/',
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  containers.push(container);
  const [line] = (await once(container.stdout, 'data')) as [Buffer];
  return { container, said: line.toString().trim() };
}

async function killContainer(container: ChildProcess): Promise<void> {
  if (container.exitCode !== null || container.signalCode !== null) return;
  const init = childOf(container.pid);
  container.kill('SIGKILL');
  await once(container, 'exit');
  await untilGone(init);
}

async function killService(container: ChildProcess): Promise<void> {
  const service = childOf(childOf(container.pid));
  process.kill(service, 'SIGKILL');
  await untilGone(service);
}

function childOf(pid = 0): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]);
}

async function untilGone(pid: number): Promise<void> {
  for (const end = Date.now() + 10_000; existsSync(`/proc/${pid}`); await sleep(10)) if (Date.now() > end) throw new Error(`process ${pid} stays`);
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = await connect({ url, name: 'test' });
  try {
    return (await client.query(text)).rows as unknown[];
  } finally {
    await client.end();
  }
}

const inData = (name: string) => path.join(dataDir, name);
const pidFile = () => inData('postgres/postmaster.pid');
const KEEP = 'create table public.kept (n int); insert into public.kept values (1)';

(canUnshare ? describe : describe.skip)('startEmbedded in two containers on one data folder (needs unshare --pid --ipc)', () => {
  it('refuses the second while the first runs', async () => {
    const first = await startContainer();
    await query(first.said, KEEP);
    const before = readFileSync(pidFile(), 'utf8');
    expect((await startContainer()).said).toMatch(/^The data folder .* is in use by process \d+, since /);
    expect(readFileSync(pidFile(), 'utf8')).toBe(before);
    expect(await query(first.said, 'select n from public.kept')).toEqual([{ n: 1 }]);
  });

  it('leaves alone a server that a killed service left in a running container', async () => {
    const first = await startContainer();
    await query(first.said, KEEP);
    await killService(first.container);
    const before = readFileSync(pidFile(), 'utf8');
    const refusal = `The PostgreSQL server of ${inData('postgres')} still runs in another container, left behind by a service that was killed: stop that container first.`;
    expect((await startContainer()).said).toBe(refusal);
    rmSync(pidFile()); // no way around it
    expect((await startContainer()).said).toBe(refusal);
    writeFileSync(pidFile(), before);
    expect(await query(first.said, 'select n from public.kept')).toEqual([{ n: 1 }]);

    rmSync(inData('postgres.live')); // as on a file system without sockets
    expect((await startContainer()).said).toBe(
      `The PostgreSQL server of ${inData('postgres')} was started in another container and may still run there: stop that container, and when you are sure that it is gone, remove ${pidFile()}.`,
    );
    expect(readFileSync(pidFile(), 'utf8')).toBe(before);
  });

  it('goes on by itself after a whole container was killed', async () => {
    const first = await startContainer();
    await query(first.said, KEEP);
    await killContainer(first.container);
    expect(existsSync(pidFile())).toBe(true);
    const second = await startContainer();
    expect(await query(second.said, 'select n from public.kept')).toEqual([{ n: 1 }]);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('service.'))).toHaveLength(2); // the killed one's are gone
  });

  it('goes on by itself after the machine was started again, without a socket to ask', async () => {
    const first = await startContainer();
    await query(first.said, KEEP);
    await killContainer(first.container);
    rmSync(inData('postgres.live'));
    const start = JSON.parse(readFileSync(inData('postgres.start.json'), 'utf8')) as object;
    writeFileSync(inData('postgres.start.json'), JSON.stringify({ ...start, pidNamespace: 'pid:[1]', boot: 'the one before' }));
    expect(await query((await startContainer()).said, 'select n from public.kept')).toEqual([{ n: 1 }]);
  });
});

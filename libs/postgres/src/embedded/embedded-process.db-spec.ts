import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { queryAt } from '@ingot/testing';
import { readPostmasterFile } from './postmaster-file.js';
import { processIdentity } from './process-identity.js';

// Real processes, so that they can be killed: they run what the build made of the launcher.
const LAUNCHER = path.resolve('dist/libs/postgres/src/index.js');
const SERVICE = `
  const { startEmbedded } = await import(${JSON.stringify(pathToFileURL(LAUNCHER).href)});
  const say = (word, value) => process.stdout.write(word + ' ' + value + '\\n');
  const [dataDir, binDir] = process.argv.slice(1);
  try {
    const server = await startEmbedded({ dataDir, binDir: binDir || undefined, onProgress: (message) => say('progress', message) });
    process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)));
    process.on('SIGUSR2', () => process.exit(3));
    say('adopted', server.adopted);
    say('url', server.url);
    setInterval(() => {}, 1000);
  } catch (error) {
    say(error.name, error.message);
    process.exitCode = 1;
  }`;

interface Service {
  process: ChildProcess;
  exit: Promise<unknown[]>;
  /** The first line that begins with the word. Rejects when the process ends without one. */
  word(word: string): Promise<string>;
}

let folder: string;
let dataDir: string;
let services: Service[];

beforeAll(() => {
  if (!existsSync(LAUNCHER)) throw new Error('dist/ is missing: run the tests by `npm test`, which builds first.');
});
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ingot process '));
  chmodSync(folder, 0o755);
  dataDir = path.join(folder, 'data');
  services = [];
});
afterEach(async () => {
  for (const service of services) {
    service.process.kill('SIGTERM');
    await service.exit;
  }
  rmSync(folder, { recursive: true, force: true });
});

function startService(user: { uid?: number; gid?: number } = {}): Service {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SERVICE, dataDir, process.env.INGOT_TEST_PG_BIN ?? ''], {
    ...user,
    cwd: '/',
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exit = once(child, 'exit');
  const service: Service = {
    process: child,
    exit,
    async word(word) {
      const pattern = new RegExp(`^${word} (.*)\n`, 'm');
      for (;;) {
        const found = pattern.exec(output)?.[1];
        if (found !== undefined) return found;
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`ended (${child.exitCode}, ${child.signalCode}) and said: ${output}`);
        await sleep(5);
      }
    },
  };
  services.push(service);
  return service;
}

async function kill(service: Service): Promise<void> {
  service.process.kill('SIGKILL');
  await service.exit;
}

const cluster = () => path.join(dataDir, 'postgres');

describe('startEmbedded in a process of its own', () => {
  it('leaves a server that the next start adopts after kill -9, with everything committed', async () => {
    const first = startService();
    const url = await first.word('url');
    await queryAt(url, 'create table public.kept (n int); insert into public.kept values (1)');
    const postmaster = readPostmasterFile(cluster())?.pid ?? 0;
    await kill(first);
    expect(processIdentity(postmaster)).toBeDefined();

    const second = startService();
    expect(await second.word('url')).toBe(url);
    expect(await second.word('adopted')).toBe('true');
    expect(await queryAt(url, 'select n from public.kept')).toEqual([{ n: 1 }]);

    await kill(second);
    process.kill(postmaster, 'SIGKILL'); // nobody is there to start it again
    const third = startService();
    expect(await queryAt(await third.word('url'), 'select n from public.kept')).toEqual([{ n: 1 }]);
    expect(await third.word('adopted')).toBe('false');
    third.process.kill('SIGTERM');
    expect(await third.exit).toEqual([0, null]);
    expect(readPostmasterFile(cluster())).toBeUndefined();
  });

  it('may be killed at any moment of its first start', async () => {
    const moments = [150, 300, 450, 600, 750, 900];
    for (const [round, moment] of moments.entries()) {
      dataDir = path.join(folder, `data ${round}`);
      const killed = startService();
      await sleep(moment);
      await kill(killed);
      const next = startService();
      const url = await next.word('url');
      expect(await queryAt(url, 'select current_user as role')).toEqual([{ role: 'ingot' }]);
      next.process.kill('SIGTERM');
      await next.exit;
      expect(readdirSync(dataDir).filter((name) => name.includes('.init-'))).toEqual([]);
    }
  });

  it('lets exactly one of several starters have a folder that a killed one left, and tells the others who', async () => {
    await kill(startService());
    mkdirSync(dataDir, { recursive: true });
    for (let round = 0; round < 3; round++) {
      const starters = Array.from({ length: 5 }, () => startService());
      const outcomes = await Promise.all(starters.map((one) => Promise.any([one.word('url'), one.word('EmbeddedServerError')])));
      const winners = starters.filter((_, index) => outcomes[index]?.startsWith('postgres://'));
      expect(winners).toHaveLength(1);
      const [winner] = winners as [Service];
      for (const outcome of outcomes) if (!outcome.startsWith('postgres://')) expect(outcome).toContain(`is in use by process ${winner.process.pid}, since `);
      await Promise.all(starters.filter((one) => one !== winner).map((one) => one.exit));
      await kill(winner);
    }
    startService(); // stops the orphan in the end
    await services.at(-1)?.word('url');
  });

  it('stops its server even when the process exits without stop()', async () => {
    const service = startService();
    await service.word('url');
    const postmaster = readPostmasterFile(cluster())?.pid ?? 0;
    service.process.kill('SIGUSR2');
    expect(await service.exit).toEqual([3, null]);
    for (let i = 0; i < 200 && processIdentity(postmaster) !== undefined; i++) await sleep(10); // it was only asked to
    expect(processIdentity(postmaster)).toBeUndefined();
  });

  const nobody = () => /^nobody:[^:]*:(\d+):(\d+)/m.exec(readFileSync('/etc/passwd', 'utf8'))?.slice(1).map(Number);
  // Started by root in a clone that others cannot read, there is no ordinary user to try it as.
  const canTry = process.getuid?.() === 0 && spawnSync('/bin/ls', [LAUNCHER], { uid: nobody()?.[0], gid: nobody()?.[1] }).status === 0;
  (canTry ? it : it.skip)('works as an ordinary user, and refuses the folder of another', async () => {
    const [uid = 0, gid = 0] = nobody() ?? [];
    chownSync(folder, uid, gid);
    chmodSync(folder, 0o700);
    const service = startService({ uid, gid });
    expect(await queryAt(await service.word('url'), 'select current_user as role')).toEqual([{ role: 'ingot' }]);
    expect(statSync(cluster()).uid).toBe(uid);
    service.process.kill('SIGTERM');
    await service.exit;

    const root = startService(); // root goes on as the owner
    await root.word('url');
    expect(statSync(path.join(cluster(), 'PG_VERSION')).uid).toBe(uid);
    root.process.kill('SIGTERM');
    await root.exit;

    chmodSync(folder, 0o755);
    const stranger = startService({ uid: 4242, gid: 4242 });
    expect(await stranger.word('EmbeddedServerError')).toBe(`Cannot write in the data folder ${dataDir} (INGOT_DATA_DIR): it belongs to the user with id ${uid}, and you are 4242`);
  });
});

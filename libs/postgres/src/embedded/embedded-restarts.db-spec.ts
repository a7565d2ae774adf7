import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { queryAt } from '@ingot/testing';
import { addRow, countRows, EmbeddedFolder, OTHER_SERVER, Seed } from '../../test/embedded-folder.js';
import { connect } from '../pool.js';
import { openCluster } from './cluster.js';
import { startPostmaster, type Postmaster } from './postmaster.js';
import { processesIn, readPostmasterFile } from './postmaster-file.js';
import { processIdentity } from './process-identity.js';

let seed: Seed;
let folder: EmbeddedFolder;

beforeAll(async () => {
  seed = await Seed.make();
});
afterAll(() => seed.remove());
beforeEach(() => {
  folder = new EmbeddedFolder(seed);
});
afterEach(() => folder.close());

/** A server in the folder that no service watches, as one that was killed leaves it. */
async function startOrphan(): Promise<Postmaster> {
  folder.copySeed();
  return startPostmaster(await openCluster({ dir: folder.cluster, logFile: folder.log, superuserPassword: folder.passwords().postgres, binDir: OTHER_SERVER }));
}

describe('startEmbedded, on what is there', () => {
  it('starts again on what is there, with a new port, and stops for good', async () => {
    const first = await folder.startWarm();
    await addRow(first.url);
    const pid = folder.pid();
    await first.stop();
    await first.stop();
    expect(processIdentity(pid)).toBeUndefined();
    const begun = Date.now();
    const second = await folder.start();
    process.stdout.write(`warm start of the embedded server: ${Date.now() - begun} ms\n`);
    expect(await countRows(second.url)).toBe('1');
  });

  it('starts a server that was killed again, on the same port, with all that was committed', async () => {
    const told: string[] = [];
    const server = await folder.startWarm({ onProgress: (message) => told.push(message) });
    await addRow(server.url);
    for (const signal of ['SIGKILL', 'SIGQUIT', 'SIGKILL'] as const) {
      const pid = folder.pid();
      const session = await connect({ url: server.url, name: 'cut by the crash' });
      process.kill(pid, signal);
      await folder.untilReplaced(pid);
      expect(await countRows(server.url)).toBe('1');
      await session.end().catch(() => undefined);
    }
    expect(told.filter((line) => /^PostgreSQL ended by itself/.test(line))).toHaveLength(3);
    expect(processesIn(folder.cluster)?.length ?? 2).toBeGreaterThan(1);
    const last = folder.pid();
    await server.stop();
    await sleep(600);
    expect(processIdentity(last)).toBeUndefined();
    expect(readPostmasterFile(folder.cluster)).toBeUndefined(); // nothing started it again
  });

  it('waits for the orphaned backends of a killed server before it starts a new one, and in the end kills them', async () => {
    const server = await folder.startWarm();
    await addRow(server.url);
    const busy = await connect({ url: server.url, name: 'busy' });
    // A backend in a computation does not look at its postmaster: it outlives it.
    const work = busy.query('select sum(n) from generate_series(1, 100000000) n').catch((error: Error) => error.message);
    await sleep(100);
    const [{ pid: backend } = { pid: 0 }] = await queryAt<{ pid: number }>(server.url, `select pid from pg_stat_activity where application_name = 'busy'`);
    const pid = folder.pid();
    process.kill(pid, 'SIGKILL');
    while (processIdentity(pid) !== undefined) await sleep(5);
    expect(processIdentity(backend)).toBeDefined();
    await folder.untilReplaced(pid);
    expect(processIdentity(backend)).toBeUndefined();
    expect(await countRows(server.url)).toBe('1');
    await work;
    await busy.end().catch(() => undefined);
  });

  it('adopts a server that a killed service left behind, and stops it in the end', async () => {
    const orphan = await startOrphan();
    const server = await folder.start();
    expect(server.adopted).toBe(true);
    expect(new URL(server.url).port).toBe(String(orphan.port));
    process.kill(orphan.pid, 'SIGKILL'); // an adopted one is watched too
    await folder.untilReplaced(orphan.pid);
    expect(await queryAt(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    await server.stop();
    expect(readPostmasterFile(folder.cluster)).toBeUndefined();
  });

  it('does not trust a running server whose password is another', async () => {
    const orphan = await startOrphan();
    writeFileSync(folder.passwordFile, JSON.stringify({ ...folder.passwords(), postgres: 'wrong' }));
    await expect(folder.start()).rejects.toThrow(/^Process \d+ on port \d+ looks like the server of .*, but password authentication failed.*: stop it first, by hand\.$/);
    expect(processIdentity(orphan.pid)).toBeDefined();
    await orphan.stop();
  });

  it('ignores a pid file whose pid now belongs to somebody else', async () => {
    const first = await folder.startWarm();
    await addRow(first.url);
    const text = readFileSync(path.join(folder.cluster, 'postmaster.pid'), 'utf8');
    await first.stop();
    // Of the server's own user: the server itself sees through a process of anybody else.
    const { uid, gid } = statSync(folder.cluster);
    const stranger = spawn('sleep', ['60'], { cwd: '/', ...(process.getuid?.() === 0 ? { uid, gid } : {}) });
    writeFileSync(path.join(folder.cluster, 'postmaster.pid'), text.replace(/^\d+/, String(stranger.pid)));
    try {
      const second = await folder.start();
      expect(second.adopted).toBe(false);
      expect(await countRows(second.url)).toBe('1');
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  it('completes a first start that was killed before the service had its role and database', async () => {
    mkdirSync(folder.dataDir);
    writeFileSync(folder.passwordFile, JSON.stringify({ postgres: 'one', ingot: "o'two" }));
    await openCluster({ dir: folder.cluster, logFile: folder.log, superuserPassword: 'one', binDir: OTHER_SERVER });
    const server = await folder.start();
    expect(await queryAt(server.url, 'select current_user as role')).toEqual([{ role: 'ingot' }]);
    expect(statSync(folder.passwordFile).mode & 0o777).toBe(0o600);
  });

  it('clears away what a killed initdb left', async () => {
    mkdirSync(path.join(folder.dataDir, 'postgres.init-0123'), { recursive: true });
    writeFileSync(path.join(folder.dataDir, 'postgres.init-0123', 'PG_VERSION'), '18\n');
    writeFileSync(path.join(folder.dataDir, 'postgres.init-0123.password'), 'old');
    await folder.start();
    expect(readdirSync(folder.dataDir).filter((name) => name.includes('init'))).toEqual([]);
  });

  it('works in a folder that only its owner may enter', async () => {
    chmodSync(folder.root, 0o700);
    const server = await folder.start();
    await addRow(server.url);
    const pid = folder.pid();
    process.kill(pid, 'SIGKILL');
    await folder.untilReplaced(pid);
    expect(await countRows(server.url)).toBe('1');
    await server.stop();
    expect(existsSync(path.join(folder.cluster, 'postmaster.pid'))).toBe(false);
  });
});

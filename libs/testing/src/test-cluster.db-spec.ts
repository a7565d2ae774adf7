import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, processIdentity } from '@ingot/postgres';
import { createTestDatabase } from './database.js';
import { removeAbandonedClusters, startTestCluster, type TestCluster } from './test-cluster.js';

describe('startTestCluster', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster();
  });
  afterAll(() => cluster.stop());

  const rows = async () => {
    const client = await connect({ url: cluster.url, name: 'count' });
    const { rowCount } = await client.query('select from public.kept');
    await client.end();
    return rowCount;
  };
  const add = async () => {
    const client = await connect({ url: cluster.url, name: 'add' });
    await client.query('create table if not exists public.kept (n int)');
    await client.query('insert into public.kept values (1)');
    return client; // left open on purpose: the crash cuts it
  };

  it('keeps what was committed over kill, immediate and fast stops, on the same port', async () => {
    for (const [expected, crash] of [() => cluster.kill(), () => cluster.stopImmediate(), () => cluster.stopFast()].entries()) {
      const open = await add();
      const before = cluster.pid;
      await crash();
      await expect(connect({ url: cluster.url, name: 'nobody' })).rejects.toThrow(/ECONNREFUSED/);
      await cluster.restart();
      expect(await rows()).toBe(expected + 1);
      expect(cluster.pid).not.toBe(before);
      await open.end().catch(() => undefined);
    }
  });

  it('hangs while paused, and goes on afterwards', async () => {
    const client = await add();
    cluster.pause();
    const answer = client.query('select 1');
    const first = await Promise.race([answer.then(() => 'answered'), new Promise((resolve) => setTimeout(resolve, 300, 'hung'))]);
    cluster.resume();
    expect(first).toBe('hung');
    await answer;
    await client.end();
  });

  it('serves migrated databases too', async () => {
    const database = await createTestDatabase(cluster.url);
    expect(await database.query('select from ingot.datasets')).toEqual([]);
    await database.drop();
  });

  it('removes its folder, killed or not, and its shared memory with it', async () => {
    const other = await startTestCluster({ durable: false });
    if (process.platform === 'linux') expect(readdirSync(path.join(other.dir, 'pg_dynshmem'))).toContainEqual(expect.stringMatching(/^mmap/));
    await other.kill();
    await other.stop();
    expect(existsSync(other.dir)).toBe(false);
  });
});

describe('removeAbandonedClusters', () => {
  it('ends and removes the cluster of a test run that was killed, and no other', async () => {
    const launcher = pathToFileURL(path.resolve('dist/libs/testing/src/test-cluster.js')).href;
    const source = `const { startTestCluster } = await import('${launcher}'); const c = await startTestCluster({ durable: false }); console.log(JSON.stringify({ pid: c.pid, dir: c.dir })); setInterval(() => {}, 1000)`;
    const run = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(run.stdout, 'data')) as [Buffer];
    const { pid, dir } = JSON.parse(line.toString()) as { pid: number; dir: string };
    const mine = await startTestCluster({ durable: false });

    removeAbandonedClusters();
    expect(processIdentity(pid)).toBeDefined(); // its run still lives

    run.kill('SIGKILL');
    await once(run, 'exit');
    removeAbandonedClusters();
    expect(existsSync(dir)).toBe(false);
    for (let i = 0; i < 100 && processIdentity(pid) !== undefined; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(processIdentity(pid)).toBeUndefined();
    expect(processIdentity(mine.pid)).toBeDefined();
    await mine.stop();
  });
});

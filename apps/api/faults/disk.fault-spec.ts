import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestCluster } from '@ingot/testing';
import { afterAll, describe, expect } from '@jest/globals';
import type { Load } from './load.js';
import { ask } from './oracle.js';
import { patience, sized } from './options.js';
import { faultCase, notRun } from './record.js';
import { Stage } from './stage.js';

// A file system in memory, which only root may mount.
const disk = mkdtempSync(path.join(tmpdir(), 'ingot-small-disk-'));
chmodSync(disk, 0o755);
const mount = (...options: string[]): boolean => spawnSync('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', disk]).status === 0;
const unmount = (): boolean => spawnSync('umount', ['-l', disk]).status === 0;
const canMount = process.platform === 'linux' && mount('size=1m') && unmount();

/** Takes all the room there is, but for so many bytes. */
function fill(leave: number): string {
  const ballast = path.join(disk, 'ballast');
  const free = Number(/(\d+)\s+\d+%/.exec(spawnSync('df', ['-B1', disk], { encoding: 'utf8' }).stdout)?.[1] ?? 0);
  writeFileSync(ballast, Buffer.alloc(Math.max(0, free - leave)));
  return ballast;
}

afterAll(() => {
  unmount(); // a case that has run out of time has not come to it
  rmSync(disk, { recursive: true, force: true });
});

const TABLES = '10: the disk of the tables is full, and has room again';
const ALL = '10: the disk of everything, the write-ahead log too, is full, and has room again';

describe('a disk that is full', () => {
  if (!canMount) {
    for (const name of [TABLES, ALL]) notRun(name, 'needs the right to mount a small tmpfs');
    return;
  }

  faultCase(TABLES, async (record, random) => {
    const stage = await Stage.open();
    try {
      const { uid, gid } = statSync(stage.cluster.dir);
      expect(mount('size=64m', `uid=${uid}`, `gid=${gid}`)).toBe(true);
      const database = new URL(stage.databaseUrl).pathname.slice(1);
      await ask(stage.cluster.url, `create tablespace small_disk location '${disk}'`);
      await ask(stage.cluster.url, `alter database ${database} set tablespace small_disk`);
      await stage.serve();
      const load = stage.load(random, { lines: 200 });
      for (; record.rounds < sized(1, 5); record.rounds++) {
        await load.untilAcknowledged(5, patience(5_000));
        const ballast = fill(256 * 1024);
        await untilRefused(load);
        await sleep(500);
        rmSync(ballast);
        const since = performance.now();
        await stage.recover(record, since);
      }
      await load.stop();
      expect(load.seen.filter(({ status }) => !ALLOWED.includes(status))).toEqual([]);
      await stage.judge(record);
    } finally {
      await stage.close();
      unmount();
    }
  }, 5);

  faultCase(ALL, async (record, random) => {
    expect(mount('size=320m', 'mode=755')).toBe(true);
    const cluster = await startTestCluster({ parent: disk, settings: { min_wal_size: '32MB', max_wal_size: '64MB' } });
    const stage = await Stage.open({ cluster });
    try {
      const service = await stage.serve();
      const load = stage.load(random, { lines: 200 });
      await load.untilAcknowledged(5, patience(5_000));
      const ballast = fill(128 * 1024);
      await untilRefused(load);
      await sleep(1_000);
      rmSync(ballast);
      const since = performance.now();
      await cluster.restart(); // it ends itself where it cannot write its log; whoever looks after it starts it again
      await stage.recover(record, since);
      record.rounds = 1;
      await load.stop();
      expect([load.seen.filter(({ status }) => !ALLOWED.includes(status)), service.process.exitCode]).toEqual([[], null]);
      await stage.judge(record);
    } finally {
      await stage.close();
      await cluster.stop();
      unmount();
    }
  }, 5);
});

/** 507 as long as PostgreSQL says why, 503 when it has gone down over it. */
const ALLOWED = [200, 409, 503, 507];

async function untilRefused(load: Load): Promise<void> {
  const limit = patience(20_000);
  const count = (): number => load.seen.filter(({ status, retryAfter }) => status > 500 && retryAfter !== undefined).length;
  for (const [before, end] = [count(), performance.now() + limit]; count() < before + 3; await sleep(20)) if (performance.now() > end) throw new Error(`nothing is refused after ${limit} ms`);
}

describe('a PostgreSQL that does not keep what it has acknowledged', () => {
  faultCase('11: fsync = off', async (record) => {
    const stage = await Stage.open({ settings: { durable: false } });
    try {
      await stage.serve();
      const answer = await fetch(`${stage.url}/health/ready`);
      expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('fsync')]);
      record.rounds = 1;
    } finally {
      await stage.close();
    }
  });

  faultCase('11: synchronous_commit = off', async (record, random) => {
    const stage = await Stage.open({ settings: { settings: { synchronous_commit: 'off' } } });
    try {
      await stage.serve();
      const load = stage.load(random);
      for (; record.rounds < sized(2, 10); record.rounds++) {
        await load.untilAcknowledged(5, patience(5_000));
        await stage.cluster.stopImmediate(); // what was not flushed by then is gone
        await stage.cluster.restart();
        const since = performance.now();
        await stage.recover(record, since);
      }
      await load.stop();
      await stage.judge(record);
    } finally {
      await stage.close();
    }
  });

  notRun('11: fsync fails (PANIC)', 'needs a device that fails on demand, e.g. dm-flakey; what follows a PANIC is case 3');
});

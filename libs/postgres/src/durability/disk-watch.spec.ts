import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { DiskWatch, type DiskState } from './disk-watch.js';

const MIB = 1024 * 1024;
const folder = mkdtempSync(path.join(tmpdir(), 'ingot-disk-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('DiskWatch', () => {
  it('knows the free bytes of each folder, and which has too few', async () => {
    const watch = new DiskWatch({ folders: [{ name: 'database', path: folder }, { name: 'spool', path: path.join(folder, 'not there') }], minFreeBytes: 1, onChange: () => undefined });
    expect(watch.disks.map(({ freeBytes }) => freeBytes)).toEqual([undefined, undefined]);
    await watch.look();
    expect(watch.disks).toEqual([{ name: 'database', freeBytes: expect.any(Number), low: false }, { name: 'spool', freeBytes: undefined, low: false }]);
    expect(['database', 'spool', 'other'].map((name) => watch.isLow(name))).toEqual([false, false, false]);
  });

  it('has nothing to say where no limit is set, and much where none can be met', async () => {
    const told: string[] = [];
    const options = { folders: [{ name: 'database', path: folder }], onChange: ({ name }: DiskState) => void told.push(name) };
    const [never, always] = [new DiskWatch({ ...options, minFreeBytes: 0 }), new DiskWatch({ ...options, minFreeBytes: Number.MAX_SAFE_INTEGER })];
    await never.look();
    expect(told).toEqual([]);
    for (let i = 0; i < 3; i++) await always.look();
    expect(told).toEqual(['database']); // told once
    expect([never.isLow('database'), always.isLow('database')]).toEqual([false, true]);
  });

  // A disk of known size: a file system in memory, which only root may mount.
  const mount = (): boolean => spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', folder]).status === 0;
  const unmount = (): boolean => spawnSync('umount', [folder]).status === 0;
  const canMount = process.platform === 'linux' && mount() && unmount();
  (canMount ? describe : describe.skip)('on a disk that fills up', () => {
    afterEach(() => void unmount());

    it('says so below the limit, and that there is room again a tenth above it', async () => {
      expect(mount()).toBe(true);
      const told: boolean[] = [];
      const watch = new DiskWatch({ folders: [{ name: 'database', path: folder }], minFreeBytes: 10 * MIB, onChange: ({ low }) => void told.push(low) });
      const use = async (mebibytes: number): Promise<void> => {
        writeFileSync(path.join(folder, 'file'), Buffer.alloc(mebibytes * MIB));
        await watch.look();
      };
      await use(10);
      expect(told).toEqual([]);
      await use(25);
      expect(told).toEqual([true]);
      await use(21.5); // 10.5 MiB free: above the limit, not yet above 11
      expect(watch.isLow('database')).toBe(true);
      await use(20);
      expect(watch.isLow('database')).toBe(false);
      expect(told).toEqual([true, false]);
    });
  });
});

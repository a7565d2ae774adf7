import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { mkdtemp, open as openFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { prepareSpoolFolder, SpoolFile } from './spool-file.js';
import { SMALL_BYTES, SpoolSpace, type SpoolOptions } from './spool-space.js';
import { Spool } from './spool.js';

describe('Spool', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'ingot-spool-test-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  interface Opened {
    space: SpoolSpace;
    spool: Spool;
    failures: Error[];
  }
  function open(options: Partial<SpoolOptions> = {}, space = new SpoolSpace({ folder, ...options })): Opened {
    const failures: Error[] = [];
    const spool = new Spool(space, { readable: () => undefined, writable: () => undefined, failed: (error) => failures.push(error) });
    return { space, spool, failures };
  }
  async function drain(spool: Spool): Promise<Buffer> {
    const taken: Buffer[] = [];
    while (!spool.isEmpty) {
      const next = await spool.take();
      if (next === undefined) await turn(); // on its way to the disk
      else taken.push(next);
    }
    return Buffer.concat(taken);
  }

  it('gives the bytes back in their order, whatever is taken in between', async () => {
    const step = fc.oneof(fc.record({ append: fc.integer({ min: 1, max: 400_000 }) }), fc.record({ take: fc.integer({ min: 1, max: 4 }) }));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const { spool, space, failures } = open();
        const sent: Buffer[] = [];
        const taken: Buffer[] = [];
        for (const each of steps) {
          if ('append' in each) {
            const chunk = Buffer.alloc(each.append, sent.length + 1);
            sent.push(chunk);
            spool.append(chunk);
          } else {
            for (let i = 0; i < each.take; i++) taken.push((await spool.take()) ?? Buffer.alloc(0));
          }
        }
        taken.push(await drain(spool));
        expect(Buffer.concat(taken).equals(Buffer.concat(sent))).toBe(true);
        await spool.close();
        expect([failures, space.usage]).toEqual([[], expect.objectContaining({ reads: 0, fileBytes: 0, memoryBytes: 0 })]);
      }),
      { numRuns: 40 },
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it('never touches the disk for a small result', async () => {
    const { spool, space } = open({ folder: path.join(folder, 'missing') });
    for (let i = 0; i < 8; i++) expect(spool.append(Buffer.alloc(SMALL_BYTES / 8))).toBe(true);
    expect(space.usage.memoryBytes).toBe(SMALL_BYTES);
    expect((await drain(spool)).length).toBe(SMALL_BYTES);
    expect(spool.spooledBytes).toBe(0);
    await spool.close();
  });

  it('uses its file from the start again once the reader has caught up', async () => {
    const { spool, space } = open({ limitBytes: 1_000_000 });
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 3; i++) spool.append(Buffer.alloc(400_000, round)); // the first stays in memory
      expect((await drain(spool)).length).toBe(1_200_000);
    }
    expect(spool.spooledBytes).toBe(8_000_000);
    expect(space.usage.fileBytes).toBe(800_000);
    await spool.close();
  });

  it('fails beyond the limit of one, and of all', async () => {
    const one = open({ limitBytes: 1_000_000 });
    for (let i = 0; i < 4; i++) one.spool.append(Buffer.alloc(500_000));
    await until(() => one.failures.length > 0);
    expect(one.failures[0]).toMatchObject({ name: 'ReadError', code: 'spool full' });
    await one.spool.close();

    const space = new SpoolSpace({ folder, totalLimitBytes: 1_500_000 });
    const [a, b] = [open({}, space), open({}, space)];
    for (const { spool } of [a, b]) for (let i = 0; i < 3; i++) spool.append(Buffer.alloc(500_000));
    await until(() => a.failures.length + b.failures.length > 0);
    await Promise.all([a.spool.close(), b.spool.close()]);
    expect(space.usage).toMatchObject({ reads: 0, fileBytes: 0, memoryBytes: 0 });
  });

  it('takes many small results to the disk when together they fill the memory there is', async () => {
    const space = new SpoolSpace({ folder });
    const all = Array.from({ length: 140 }, () => open({}, space));
    for (const { spool } of all) spool.append(Buffer.alloc(500_000));
    await until(() => all.every(({ spool }) => spool.spooledBytes > 0 || space.usage.memoryBytes > 60_000_000));
    expect(space.usage.memoryBytes).toBeLessThanOrEqual(64 * 1024 * 1024);
    for (const { spool } of all) expect((await drain(spool)).length).toBe(500_000);
    await Promise.all(all.map(({ spool }) => spool.close()));
    expect(space.usage).toMatchObject({ reads: 0, fileBytes: 0, memoryBytes: 0 });
  });

  it('tells a disk that is full by name, and frees what it had', async () => {
    if (process.platform !== 'linux') return; // /dev/full answers every write with ENOSPC
    const { spool, space, failures } = open();
    const full = new SpoolFile(await openFile('/dev/full', 'r+'));
    const made = jest.spyOn(SpoolFile, 'create').mockResolvedValue(full);
    for (let i = 0; i < 3; i++) spool.append(Buffer.alloc(500_000));
    await until(() => failures.length > 0);
    made.mockRestore();
    expect(failures[0]).toMatchObject({ code: 'spool full', cause: expect.objectContaining({ code: 'ENOSPC' }) });
    await spool.close();
    expect(space.usage).toMatchObject({ reads: 0, fileBytes: 0, memoryBytes: 0 });
  });

  describe('the folder', () => {
    it('is made, and what processes that are gone left there is swept', async () => {
      const made = path.join(folder, 'deep', 'er');
      await prepareSpoolFolder(made);
      const names = { gone: 'ingot-spool-4194999-0123456789abcdef', alive: `ingot-spool-${process.ppid}-0123456789abcdef`, others: 'something-else' };
      for (const name of Object.values(names)) await writeFile(path.join(made, name), 'x');
      await prepareSpoolFolder(made);
      expect((await readdir(made)).sort()).toEqual([names.alive, names.others].sort());
    });

    it('that cannot be written to is refused', async () => {
      const file = path.join(folder, 'file');
      await writeFile(file, '');
      await expect(prepareSpoolFolder(file)).rejects.toThrow('EEXIST');
      await rm(file);
      await rm(path.join(folder, 'deep'), { recursive: true });
    });
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (const start = Date.now(); !condition(); ) {
    if (Date.now() - start > 5_000) throw new Error('not within 5 s');
    await turn();
  }
}

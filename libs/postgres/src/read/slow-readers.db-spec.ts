import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { kilobytes, Reads, request, text, until } from '../../test/reads.js';

describe('readers that are slow', () => {
  let database: TestDatabase;
  let given: Reads;
  let folder: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    given = new Reads(database);
    folder = await mkdtemp(path.join(tmpdir(), 'ingot-slow-readers-'));
  });
  afterAll(async () => {
    await given.close();
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
    await database.drop();
  });
  const spool = (): { folder: string } => ({ folder });
  /** Files without a name that this process has open in the folder. */
  const unlinked = async (): Promise<number> => {
    const links = await Promise.all((await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
    return links.filter((link) => link.startsWith(folder) && link.endsWith(' (deleted)')).length;
  };

  it('hold no transaction and no connection: what they have not taken waits on disk, and is all there', async () => {
    const reads = given.repository({ max: 1, transactionSeconds: 10, spool: spool() });
    const read = await reads.copyOut(request(kilobytes(20_000)));
    read.read(1); // and nothing more for now
    await until(() => read.isComplete && reads.pool.idleCount === 1, 10_000);
    expect(await given.busy()).toBe(0);
    expect(reads.status.spool.memoryBytes).toBeLessThanOrEqual(512 * 1024);
    if (process.platform === 'linux') expect(await unlinked()).toBe(1);
    expect(await readdir(folder)).toEqual([]);
    expect(await text(await reads.copyOut(request('select 1')))).toBe('[(1)\n]');
    const rest = await text(read);
    expect(rest.split('\n')).toHaveLength(20_001);
    expect(rest.endsWith(`${'x'.repeat(1000)})\n]`)).toBe(true);
    expect(read.times).toMatchObject({ rows: 20_000, spooledBytes: expect.any(Number) });
    expect(read.times.spooledBytes).toBeGreaterThan(15_000_000);
    await until(() => reads.status.large.streams === 0, 1_000);
    expect(reads.status.spool).toMatchObject({ reads: 0, fileBytes: 0, memoryBytes: 0 });
  });

  it('that leave free the disk', async () => {
    const reads = given.repository({ max: 1, transactionSeconds: 10, spool: spool() });
    const client = new AbortController();
    const read = await reads.copyOut(request(kilobytes(5_000), { signal: client.signal }));
    await until(() => read.isComplete, 10_000);
    client.abort();
    await until(() => reads.status.spool.reads === 0, 1_000);
    expect(reads.status).toMatchObject({ large: { streams: 0, copying: 0 }, spool: { fileBytes: 0, memoryBytes: 0 } });
    if (process.platform === 'linux') expect(await unlinked()).toBe(0);
  });

  it('are cut when they leave more than they may', async () => {
    given.logged.length = 0;
    const reads = given.repository({ max: 1, spool: { ...spool(), limitBytes: 3_000_000 } });
    const read = await reads.copyOut(request(kilobytes(20_000)));
    await expect(new Promise((_, reject) => read.once('error', reject))).rejects.toMatchObject({ code: 'spool full' });
    await until(async () => (await given.busy()) === 0, 1_000);
    expect(reads.status).toMatchObject({ large: { streams: 0 }, spool: { reads: 0, fileBytes: 0 } });
    expect(given.logged.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual(['statement broke off']);
  });

  it('a folder that cannot be written to fails large reads, and no small ones', async () => {
    const reads = given.repository({ max: 1, spool: { folder: path.join(folder, 'missing') } });
    const read = await reads.copyOut(request(kilobytes(20_000)));
    await expect(new Promise((_, reject) => read.once('error', reject))).rejects.toMatchObject({ code: 'spool full', cause: expect.objectContaining({ code: 'ENOENT' }) });
    expect((await text(await reads.copyOut(request(kilobytes(500))))).split('\n')).toHaveLength(501);
  });

  describe('large reads', () => {
    it('hold half of the connections at most; small ones pass them', async () => {
      const reads = given.repository({ max: 4, acquireTimeoutMs: 5_000, transactionSeconds: 10, spool: spool() });
      const slowCopy = "select repeat('x', 1000) || case when i > 600 then pg_sleep(0.001)::text else '' end from generate_series(1, 1600) i";
      const large = Array.from({ length: 4 }, () => reads.copyOut(request(slowCopy)).then(text));
      await until(() => reads.status.large.copying === 2 && reads.status.large.waiting === 2, 10_000);
      let most = 0;
      for (let i = 0; i < 20; i++) {
        await text(await reads.copyOut(request('select 1')));
        most = Math.max(most, reads.status.large.copying);
      }
      expect(most).toBe(2);
      expect(reads.status.large.waiting).toBeGreaterThan(0); // the small ones did not wait for them
      for (const each of await Promise.all(large)) expect(each.split('\n')).toHaveLength(1_601);
      expect(reads.status.large).toMatchObject({ streams: 0, copying: 0, waiting: 0 });
    });

    it('beyond the number there may be are refused before their first byte, small ones are not', async () => {
      const reads = given.repository({ largeReads: 1, acquireTimeoutMs: 1_000, spool: spool() });
      const first = await reads.copyOut(request(kilobytes(5_000)));
      await expect(reads.copyOut(request(kilobytes(5_000)))).rejects.toMatchObject({ name: 'ReadError', code: 'large reads busy' });
      expect((await text(await reads.copyOut(request(kilobytes(400))))).split('\n')).toHaveLength(401);
      const waiting = reads.copyOut(request(kilobytes(5_000)));
      await until(() => reads.status.large.waiting === 1, 1_000);
      await until(async () => (await given.busy()) === 0, 500); // it waits without a connection
      expect(reads.status.large.waiting).toBe(1);
      first.destroy();
      expect((await text(await waiting)).split('\n')).toHaveLength(5_001);
    });

    it('that fail when it is their turn give it back', async () => {
      const reads = given.repository({ largeReads: 1, spool: spool() });
      const first = await reads.copyOut(request(kilobytes(2_000)));
      const client = new AbortController();
      const left = reads.copyOut(request(`${kilobytes(1_000)} union all select pg_sleep(1)::text`, { signal: client.signal }));
      await until(() => reads.status.large.waiting === 1, 1_000);
      await text(first);
      await until(async () => (await given.busy()) === 1, 1_000);
      client.abort();
      await left.then((read) => expect(text(read)).rejects.toMatchObject({ code: 'abandoned' }), () => undefined);
      await until(() => reads.status.large.streams === 0, 1_000);
    });
  });

  it('are ended by close(), with their files', async () => {
    const reads = given.repository({ max: 1, transactionSeconds: 10, spool: spool() });
    const read = await reads.copyOut(request(kilobytes(5_000)));
    const failed = new Promise<Error>((resolve) => read.once('error', resolve));
    await until(() => read.isComplete, 10_000);
    await reads.close();
    expect(await failed).toMatchObject({ code: 'unavailable' });
    expect(reads.status.spool).toMatchObject({ reads: 0, fileBytes: 0, memoryBytes: 0 });
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPool, type ConnectionPool } from '@ingot/postgres';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { AdmissibleLines, Admitted } from '../admission.js';
import { scanLines } from '../ingest/line-grammar.js';
import { NameGuard } from './name-guard.js';
import { NameLedger } from './name-ledger.js';

describe('NameGuard', () => {
  let database: TestDatabase;
  let pool: ConnectionPool;
  let asked: number;
  beforeEach(async () => {
    database = await createTestDatabase();
    pool = createPool({ url: database.url, name: 'limits', max: 1, acquireTimeoutMs: 5_000, onError: () => undefined });
    asked = 0;
  });
  afterEach(async () => {
    await pool.end();
    await database.drop();
  });

  class CountingLedger extends NameLedger {
    override of(devices: readonly string[]): ReturnType<NameLedger['of']> {
      asked++;
      return super.of(devices);
    }
  }
  const newGuard = (limits: { namesPerDevice?: number; devices?: number; patienceMs?: number } = {}): NameGuard => new NameGuard({ ledger: new CountingLedger(pool), namesPerDevice: 3, devices: 100, patienceMs: 10_000, ...limits });
  const lines = (text: string, device = 'd1'): AdmissibleLines => ({ ...scanLines(Buffer.from(text), 's'), body: Buffer.from(text), device });
  const named = (names: readonly string[]): string => names.map((name, i) => `${i + 1} ${name} 1`).join('\n');
  const admit = async (guard: NameGuard, names: readonly string[], device = 'd1', bound = false): Promise<Admitted | undefined> => guard.admit('bronze.raw_readings', lines(named(names), device), bound);
  const store = async (guard: NameGuard, names: readonly string[], device = 'd1', bound = false): Promise<void> => (await admit(guard, names, device, bound))?.stored(false);
  const ledger = (): Promise<unknown[]> => database.query<{ row: string }>(`select device || ' ' || name as row from ingot.device_names order by 1`).then((rows) => rows.map(({ row }) => row));

  it('answers at once, with nothing to be told, when every name is known', async () => {
    const guard = newGuard();
    await store(guard, ['a', 'b']);
    expect(guard.admit('r', lines(named(['b', 'a', 'a'])), false)).toBeUndefined();
    expect(asked).toBe(1);
  });

  it('refuses names that find no room, each by its line and column, and keeps the others', async () => {
    const guard = newGuard();
    await store(guard, ['a', 'b']);
    await expect(Promise.resolve(guard.admit('r', lines('1 a 1\n\n  2\tc 1\n3 d 1\n4 e 1\n5 d 1'), false))).rejects.toMatchObject({
      code: 'invalid-lines',
      members: { total_errors: 2, errors: [{ line: 4, column: 3, code: 'too-many-names', detail: expect.stringContaining('more than the 3 that a device may have') }, { line: 5, column: 3 }] },
    });
    await store(guard, ['c']); // the last there is room for: the refused body has not taken it
    await expect(admit(guard, ['d'])).rejects.toThrow(/INGOT_MAX_NAMES_PER_DEVICE/);
    expect(await admit(guard, ['a', 'b', 'c'])).toBeUndefined();
    await store(guard, ['d'], 'd2'); // another device has its own
  });

  it('names every surplus one of a device that had more than there may be before the limit was lowered', async () => {
    const before = newGuard({ namesPerDevice: 10 });
    await store(before, ['a', 'b', 'c', 'd', 'e']);
    await before.save();
    await expect(admit(newGuard(), ['f', 'g', 'h'])).rejects.toMatchObject({ members: { total_errors: 3, errors: [{ line: 1 }, { line: 2 }, { line: 3 }] } });
  });

  it('gives names back whose lines were not stored, and lets no two requests take the last one', async () => {
    const guard = newGuard();
    await store(guard, ['a', 'b']);
    await guard.save();
    const first = await admit(guard, ['c']);
    await expect(admit(guard, ['d'])).rejects.toThrow(/as many names/);
    first?.lost();
    await store(guard, ['d']);
    await guard.save();
    expect(await ledger()).toEqual(['d1 a', 'd1 b', 'd1 d']);
  });

  it('counts on after a restart, and with what other processes let in', async () => {
    const [one, other] = [newGuard(), newGuard()];
    await store(one, ['a']);
    await one.save();
    await store(other, ['b']);
    await other.save();
    await store(one, ['c']); // it does not know of b yet
    await one.save();
    await expect(admit(one, ['d'])).rejects.toThrow(/as many names/);
    const restarted = newGuard();
    expect(await admit(restarted, ['a', 'b', 'c'])).toBeUndefined();
    await expect(admit(restarted, ['d'])).rejects.toThrow(/as many names/);
  });

  it('knows a device by many names with one question, and many devices with few', async () => {
    const guard = newGuard();
    await Promise.all(Array.from({ length: 50 }, (_, i) => store(guard, ['a', 'b'], `d${i}`)));
    expect(asked).toBeLessThanOrEqual(2);
    await guard.save();
    expect(await ledger()).toHaveLength(100);
  });

  it('refuses one device too many, but none that a key is bound to; and none that was there before', async () => {
    const guard = newGuard({ devices: 2 });
    await guard.save();
    await store(guard, ['a'], 'd1');
    await store(guard, ['a'], 'd2');
    await expect(admit(guard, ['a'], 'd3')).rejects.toMatchObject({ code: 'too-many-devices', message: expect.stringContaining('the 2 there may be') });
    await store(guard, ['a'], 'd4', true);
    await guard.save();
    const restarted = newGuard({ devices: 2 });
    await restarted.save();
    await expect(admit(restarted, ['a'], 'd5')).rejects.toThrow(/INGOT_MAX_DEVICES/);
    expect(await admit(restarted, ['a'], 'd2')).toBeUndefined();
  });

  it('gives back the place of a device whose first lines were not stored', async () => {
    const guard = newGuard({ devices: 1 });
    await guard.save();
    (await admit(guard, ['a'], 'd1'))?.lost();
    await store(guard, ['a'], 'd2');
  });

  it('lets through, uncounted, what it cannot ask about in time', async () => {
    const guard = newGuard({ patienceMs: 100 });
    const blocker = await database.session();
    await blocker.query('begin; lock table ingot.devices in access exclusive mode');
    expect(await admit(guard, ['a', 'b', 'c', 'd'])).toBeUndefined();
    await blocker.query('rollback');
    await blocker.end();
  });

  it('counts devices where names are not limited, and names where devices are not', async () => {
    const devicesOnly = newGuard({ namesPerDevice: 0, devices: 1 });
    await devicesOnly.save();
    await store(devicesOnly, ['a', 'b', 'c', 'd', 'e']);
    expect(devicesOnly.admit('r', lines(named(['x'])), false)).toBeUndefined();
    await expect(admit(devicesOnly, ['a'], 'd2')).rejects.toThrow(/INGOT_MAX_DEVICES/);
    const namesOnly = newGuard({ devices: 0 });
    for (let i = 0; i < 5; i++) await store(namesOnly, ['a'], `e${i}`);
    await expect(admit(namesOnly, ['b', 'c', 'd'], 'e0')).rejects.toThrow(/as many names/);
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPool, type ConnectionPool } from '@ingot/postgres';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { FastifyRequest } from 'fastify';
import { identify, type Principal } from '../principal.js';
import { DayLedger } from './day-ledger.js';
import { Quotas } from './quotas.js';

const DAY = 20_000;

describe('Quotas', () => {
  let database: TestDatabase;
  let pool: ConnectionPool;
  beforeEach(async () => {
    database = await createTestDatabase();
    pool = createPool({ url: database.url, name: 'limits', max: 1, acquireTimeoutMs: 5_000, onError: () => undefined });
  });
  afterEach(async () => {
    await pool.end();
    await database.drop();
  });

  const at = { utc: DAY * 86_400 + 100 };
  const process = (quota = { linesPerSecond: 0, bytesPerDay: 1_000 }): Quotas => new Quotas({ quota, burstSeconds: 10, ledger: new DayLedger(pool), clocks: { steady: () => at.utc, utc: () => at.utc } });
  const request = (ip: string, principal?: Partial<Principal>): FastifyRequest => {
    const made = { ip } as FastifyRequest;
    if (principal !== undefined) identify(made, { scopes: new Set(), ...principal });
    return made;
  };
  const rows = (): Promise<unknown[]> => database.query('select day::text, subject, bytes::int from ingot.quota_days order by 1, 2');

  it('is that of the key, else that of the service; of a key, a subject or an address', () => {
    const quotas = process();
    expect(quotas.of(request('10.0.0.1'))?.subject).toBe('address 10.0.0.1');
    expect(quotas.of(request('10.0.0.1', { subject: 'me' }))?.subject).toBe('subject me');
    const own = quotas.of(request('10.0.0.1', { keyId: 'k1', quota: { linesPerSecond: 7 } }));
    expect([own?.subject, own?.headers()['ratelimit-policy']]).toEqual(['key k1', '"lines";q=70;w=10;qu="lines", "bytes";q=1000;w=86400;qu="content-bytes"']);
    expect(quotas.of(request('10.0.0.1', { keyId: 'k2', quota: { bytesPerDay: 0 } }))).toBeUndefined();
    expect(process({ linesPerSecond: 0, bytesPerDay: 0 }).of(request('10.0.0.1'))).toBeUndefined();
  });

  it('is one for all addresses that an IPv6 client can choose of', () => {
    const quotas = process();
    expect(quotas.of(request('2001:db8:0:1::1'))).toBe(quotas.of(request('2001:db8:0:1:ffff::2')));
    expect(quotas.of(request('2001:db8:0:2::1'))).not.toBe(quotas.of(request('2001:db8:0:1::1')));
    expect(quotas.of(request('::ffff:10.0.0.1'))).toBe(quotas.of(request('10.0.0.1')));
  });

  it('holds no more addresses than a hundred thousand, also while the ledger cannot be written', async () => {
    const quotas = process();
    for (let i = 0; i < 100_010; i++) quotas.of(request(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`));
    quotas.of(request('10.0.0.1'))?.take(1, 1);
    await database.query('alter table ingot.quota_days rename to away');
    await expect(quotas.save()).rejects.toThrow();
    expect((quotas as unknown as { usages: Map<string, unknown> }).usages.size).toBe(100_000);
  });

  it('sums up over processes, and counts on after a restart', async () => {
    const [one, other] = [process(), process()];
    one.of(request('10.0.0.1'))?.take(1, 400);
    other.of(request('10.0.0.1'))?.take(1, 500);
    other.of(request('10.0.0.2'))?.take(1, 10);
    await one.save();
    await other.save();
    expect(await rows()).toEqual([{ day: '2024-10-04', subject: 'address 10.0.0.1', bytes: 900 }, { day: '2024-10-04', subject: 'address 10.0.0.2', bytes: 10 }]);
    expect(other.of(request('10.0.0.1'))?.refuse(101)).toBeDefined();
    expect(one.of(request('10.0.0.1'))?.refuse(101)).toBeUndefined(); // hears of it when it has something to add
    one.of(request('10.0.0.1'))?.take(1, 1);
    await one.save();
    expect(one.of(request('10.0.0.1'))?.refuse(100)).toBeDefined();
    const restarted = process();
    await restarted.load();
    expect(restarted.of(request('10.0.0.1'))?.refuse(99)).toBeUndefined();
    expect(restarted.of(request('10.0.0.1'))?.refuse(100)).toBeDefined();
  });

  it('loses nothing when the ledger cannot be written, and takes back what was given back', async () => {
    const quotas = process();
    const usage = quotas.of(request('10.0.0.1'));
    usage?.take(1, 400);
    await database.query('alter table ingot.quota_days rename to away');
    await expect(quotas.save()).rejects.toThrow();
    await database.query('alter table ingot.away rename to quota_days');
    usage?.take(1, 5);
    await quotas.save();
    usage?.giveBack(1, 5);
    await quotas.save();
    expect(await rows()).toEqual([{ day: '2024-10-04', subject: 'address 10.0.0.1', bytes: 400 }]);
    expect(usage?.refuse(600)).toBeUndefined();
    expect(usage?.refuse(601)).toBeDefined();
  });

  it('sweeps days of more than a week ago', async () => {
    await database.query(`insert into ingot.quota_days values ('2024-09-26', 'address 10.0.0.1', 1), ('2024-09-27', 'address 10.0.0.1', 1)`);
    const quotas = process();
    quotas.of(request('10.0.0.1'))?.take(1, 1);
    await quotas.save();
    expect((await rows()).length).toBe(2);
  });
});

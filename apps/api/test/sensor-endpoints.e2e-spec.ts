import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import fc from 'fast-check';
import { latestOf, namesOf, powerOf, seriesOf, type Reading, type SeriesQuestion } from './sensor-oracle.js';
import { startService, type RunningService } from './service.js';

const DAY_US = 86_400_000_000n;
const BASE = BigInt(Date.parse('2030-03-10T00:00:00Z')) * 1_000n;

// Each test has devices of its own, so that none sees another's readings.
describe('the endpoints of the sensor dataset', () => {
  let database: TestDatabase;
  let service: RunningService;
  let devices = 0;
  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startService(database.url, { INGOT_FRESHNESS_WAIT_MS: '30000' });
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const newDevice = (): string => `device-${++devices}`;
  async function post(readings: readonly Reading[], device?: string): Promise<void> {
    const body = readings.map(({ time, name, value }) => `${time} ${name} ${value}`).join('\n');
    const headers = { 'content-type': 'text/plain', ...(device === undefined ? {} : { 'x-device-id': device }) };
    const response = await fetch(`${service.url}/data?precision=us`, { method: 'POST', body, headers });
    expect([response.status, await response.text()]).toEqual([200, '{"success":true}']);
  }
  async function get(path: string, query: Record<string, string> = {}): Promise<Record<string, unknown>[]> {
    const response = await fetch(`${service.url}${path}?${new URLSearchParams(query).toString()}`);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path} ${JSON.stringify(query)}: ${response.status} ${text}`);
    expect(response.headers.get('ingot-stale')).toBeNull();
    return JSON.parse(text) as Record<string, unknown>[];
  }

  // Times near edges of buckets and days, and values that are easy to tell apart.
  const offset = fc.oneof(fc.bigInt({ min: 0n, max: 3_000_000n }), fc.bigInt({ min: 0n, max: 3n * DAY_US }), fc.bigInt({ min: 0n, max: 800n * DAY_US }), fc.constantFrom(0n, DAY_US - 1n, DAY_US, 7n * DAY_US - 1n));
  const value = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((v) => v + 0)); // no -0: a line of it is 0
  const reading = fc.record({ time: offset.map((us) => BASE + us), name: fc.constantFrom('Voltage', 'Current', 'room/temp'), value });
  const readings = fc.array(reading, { minLength: 1, maxLength: 25 });
  const question: fc.Arbitrary<SeriesQuestion> = fc
    .record({
      ends: fc.tuple(offset, offset),
      points: fc.option(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5_000 })), { nil: undefined }),
      bucket: fc.option(fc.constantFrom('10ms', '1s', '5m', '1h', '12h', '1d', '7d'), { nil: undefined }),
      names: fc.option(fc.subarray(['Voltage', 'Current', 'room/temp', 'other'], { minLength: 1 }), { nil: undefined }),
    })
    .map(({ ends: [a, b], ...rest }) => ({ from: BASE + (a < b ? a : b), to: BASE + (a < b ? b : a), ...rest }));

  describe('GET /series', () => {
    it('gives what a program makes of the same readings, whatever the range, the points and the bucket', async () => {
      // Many devices in one go: their lines are transformed in one run.
      const cases = fc.array(fc.record({ given: readings, questions: fc.array(question, { minLength: 3, maxLength: 5 }) }), { minLength: 20, maxLength: 20 });
      await fc.assert(
        fc.asyncProperty(cases, async (all) => {
          const named = all.map((one) => ({ ...one, device: newDevice() }));
          await Promise.all(named.map(({ given, device }) => post(given, device)));
          for (const { given, questions, device } of named) for (const asked of questions) await check(given, asked, device);
        }),
        { numRuns: 2, endOnFailure: true },
      );
    });

    async function check(given: readonly Reading[], asked: SeriesQuestion, device: string): Promise<void> {
      const query = {
        from: iso(asked.from), to: iso(asked.to), device,
        ...(asked.points === undefined ? {} : { points: String(asked.points) }),
        ...(asked.bucket === undefined ? {} : { bucket: asked.bucket }),
        ...(asked.names === undefined ? {} : { name: asked.names.join(',') }),
      };
      const expected = seriesOf(given, asked);
      const rows = await get('/series', query);
      expect(rows.map(({ avg: _, ...row }) => row)).toEqual(expected.map(({ avg: _, ...row }) => ({ ...row, device })));
      for (const [i, { avg }] of rows.entries()) expect(isNear(avg as number, expected[i]!.avg)).toBe(true);
    }

    it('shows no more points than asked for, also where the narrower bucket was asked for', async () => {
      const device = newDevice();
      await post(Array.from({ length: 600 }, (_, i) => ({ time: BASE + BigInt(i) * 1_000_000n, name: 'Voltage', value: i })), device);
      const day = { from: '2030-03-10', to: '2030-03-10', device };
      expect(await get('/series', { ...day, from: '2030-03-10T00:00:00Z', to: '2030-03-10T00:09:59Z' })).toHaveLength(120); // 5 s
      expect(await get('/series', { ...day, bucket: '1s', points: '2' })).toEqual([{ time: '2030-03-10T00:00:00.000Z', seconds: 43_200, name: 'Voltage', device, count: 600, min: 0, avg: 299.5, max: 599, first: 0, last: 599 }]);
      expect((await get('/series', { ...day, points: '5000' })).map(({ seconds, count }) => [seconds, count])).toEqual(Array.from({ length: 20 }, () => [30, 30]));
    });

    it('takes the first and the last of one instant by arrival', async () => {
      const device = newDevice();
      await post([1, 3, 2].map((v) => ({ time: BASE, name: 'Voltage', value: v })), device);
      await post([{ time: BASE, name: 'Voltage', value: 0 }], device);
      expect(await get('/series', { from: '2030-03-10', to: '2030-03-10', device })).toMatchObject([{ first: 1, last: 0, count: 4 }]);
      expect(await get('/series', { from: '2030-03-10', to: '2030-03-10', device, bucket: '1d' })).toMatchObject([{ first: 1, last: 0, count: 4, seconds: 86_400 }]);
    });

    it.each(['1h', '7d'])('takes values at both ends of float8, in buckets of %s', async (bucket) => {
      const device = newDevice();
      const of = (name: string, ...values: number[]): Reading[] => values.map((v) => ({ time: BASE, name, value: v }));
      await post([...of('huge', 1.7976931348623157e308, 1.7976931348623157e308), ...of('both', 1.7976931348623157e308, -1.7976931348623157e308, 3), ...of('tiny', 5e-324, 0, 0), ...of('small', 5e-324, 1.5e-323)], device);
      const rows = await get('/series', { from: '2030-03-04', to: '2030-03-17', device, bucket });
      expect(rows.map(({ name, min, avg, max }) => [name, min, avg, max])).toEqual([
        ['both', -1.7976931348623157e308, 1, 1.7976931348623157e308],
        ['huge', 1.7976931348623157e308, 1.7976931348623157e308, 1.7976931348623157e308],
        ['small', 5e-324, 1e-323, 1.5e-323],
        ['tiny', 0, 0, 5e-324],
      ]);
    });

    it('names no device for readings of none', async () => {
      await post([{ time: BASE + 900n * DAY_US, name: 'Voltage', value: 7 }]);
      const range = { from: iso(BASE + 900n * DAY_US), to: iso(BASE + 901n * DAY_US) };
      expect(await get('/series', range)).toMatchObject([{ name: 'Voltage', count: 1, first: 7 }]);
      expect((await get('/series', range))[0]).not.toHaveProperty('device');
      expect(await get('/series', { ...range, device: 'default' })).toHaveLength(1);
      expect(await get('/series', { ...range, device: 'nobody' })).toEqual([]);
    });

    it('takes the widest range there is', async () => {
      const device = newDevice();
      await post([{ time: BASE, name: 'Voltage', value: 7 }], device);
      const rows = await get('/series', { from: '0001-01-01', to: '9999-12-31', device, points: '1' });
      expect(rows).toEqual([{ time: '0001-01-01T00:00:00.000Z', seconds: 315_576_000_000, name: 'Voltage', device, count: 1, min: 7, avg: 7, max: 7, first: 7, last: 7 }]);
    });

    it.each<[string, Record<string, string>]>([
      ['points', { points: '5001' }],
      ['points', { points: '0' }],
      ['bucket', { bucket: '2h' }],
      ['from', { from: '2030-03-11', to: '2030-03-10' }],
      ['device', { device: '' }],
    ])('refuses a wrong %s: %j', async (parameter, wrong) => {
      const response = await fetch(`${service.url}/series?${new URLSearchParams({ from: '2030-03-10', to: '2030-03-10', ...wrong }).toString()}`);
      expect([response.status, ((await response.json()) as { errors: { parameter: string }[] }).errors.map((error) => error.parameter)]).toEqual([400, [parameter]]);
    });
  });

  describe('GET /latest, /names and /power', () => {
    it('give what a program makes of the same readings, in whatever order they come', async () => {
      const cases = fc.array(fc.tuple(readings, readings, readings), { minLength: 12, maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(cases, async (all) => {
          const named = all.map((posts) => ({ posts, device: newDevice(), given: [] as Reading[] }));
          for (let round = 0; round < 3; round++) {
            await Promise.all(named.map(({ posts, device }) => post(posts[round]!, device)));
            for (const { posts, device, given } of named) {
              given.push(...posts[round]!);
              expect(await get('/latest', { device })).toEqual(latestOf(given).map((row) => ({ ...row, device })));
            }
          }
          for (const { device, given } of named) {
            expect(await get('/latest', { device, name: 'Voltage,room/temp' })).toEqual(latestOf(given).filter(({ name }) => name !== 'Current').map((row) => ({ ...row, device })));
            expect(await get('/names', { device })).toEqual(namesOf(given).map((row) => ({ ...row, devices: [device] })));
            const power = powerOf(given);
            const rows = await get('/power', { from: '2030-03-01', to: '2035-01-01', device });
            expect(rows.map(({ date }) => date)).toEqual(power.map(({ date }) => date));
            for (const [i, row] of rows.entries()) expect(isNear(row['power'] as number, power[i]!.power)).toBe(true);
          }
        }),
        { numRuns: 2, endOnFailure: true },
      );
    });

    it('keep devices and names apart, in order of both', async () => {
      const [a, b] = [newDevice(), newDevice()];
      await post([{ time: BASE, name: 'Voltage', value: 2 }, { time: BASE, name: 'Current', value: 3 }], a);
      await post([{ time: BASE + 1n, name: 'Voltage', value: 5 }], b);
      const device = `${b},${a}`;
      expect((await get('/latest', { device })).map(({ name, device: of, value: v }) => [name, of, v])).toEqual([['Current', a, 3], ['Voltage', a, 2], ['Voltage', b, 5]]);
      expect(await get('/names', { device })).toEqual([
        { name: 'Current', devices: [a], first: '2030-03-10T00:00:00.000Z', last: '2030-03-10T00:00:00.000Z', count: 1 },
        { name: 'Voltage', devices: [a, b], first: '2030-03-10T00:00:00.000Z', last: '2030-03-10T00:00:00.000Z', count: 2 },
      ]);
      expect(await get('/power', { from: '2030-03-10', to: '2030-03-10', device })).toEqual([{ date: '2030-03-10', device: a, power: 6 }]);
    });

    it('answer [] to a device that nobody knows', async () => {
      for (const path of ['/latest', '/names']) expect(await get(path, { device: 'nobody' })).toEqual([]);
      expect(await get('/power', { from: '2030-03-10', to: '2030-03-10', device: 'nobody' })).toEqual([]);
    });

    it('/latest follows the index from one device and metric to the next, whatever the history', async () => {
      await database.query(`insert into silver.int_daily_metric (reading_date, device, metric_name, readings, total, lowest, highest, first_reading, last_reading, _run_id)
        select date '1990-01-01' + day, 'old-' || d, 'm' || m, 1, day, day, day, array[1, day, day], array[2, day, day], 0 from generate_series(1, 5000) as day, generate_series(1, 3) as d, generate_series(1, 3) as m`);
      const touched = async (): Promise<number> => {
        const before = await reads();
        await get('/latest');
        return (await reads()) - before;
      };
      // Rows that statements have read of the table, by its statistics; they arrive with some delay.
      const reads = async (): Promise<number> => {
        const read = async () => Number((await database.query<{ n: string }>(`select seq_tup_read + idx_tup_fetch as n from pg_stat_user_tables where relname = 'int_daily_metric'`))[0]?.n);
        for (let [last, now] = [-1, await read()]; ; [last, now] = [now, await read()]) {
          if (now === last) return now;
          await new Promise((resolve) => setTimeout(resolve, 1_200));
        }
      };
      expect((await get('/latest', { device: 'old-2' })).map(({ name, value: v, time }) => [name, v, time])).toEqual(['m1', 'm2', 'm3'].map((name) => [name, 5_000, '2003-09-10T00:00:02.000Z']));
      const series = (await get('/latest')).length;
      expect(await touched()).toBeLessThanOrEqual(3 * series + 10);
    });
  });

  /** Means are summed up in another order, and exactly. */
  const isNear = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b));
  const iso = (us: bigint): string => `${new Date(Number(us / 1_000_000n) * 1_000).toISOString().slice(0, 19)}.${String(us % 1_000_000n).padStart(6, '0')}Z`;
});

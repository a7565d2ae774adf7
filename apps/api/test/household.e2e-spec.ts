import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { startService, type RunningService } from './service.js';

const FIXTURES = path.resolve('apps/api/test/fixtures/household');
const LINES_PER_BODY = 1_000;
const CONNECTIONS = 8;

interface Item {
  time: string;
  name: string;
  value: number;
}

describe('two months of a household, posted in bodies of 1,000 lines by 8 connections while the runner runs', () => {
  let database: TestDatabase;
  let service: RunningService;
  let items: Item[];

  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startService(database.url, { INGOT_FRESHNESS_WAIT_MS: '60000' });
    const lines = gunzipSync(readFileSync(path.join(FIXTURES, '2007-01_02.txt.gz'))).toString().trimEnd().split('\n');
    await postAll(service.url, lines);
    const answer = await fetch(`${service.url}/data?from=2007-01-01&to=2007-03-01`);
    items = (await answer.json()) as Item[];
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('gives 169,912 readings, in order of time', () => {
    const readings = items.filter((item) => item.name !== 'Power');
    expect(readings).toHaveLength(169_912);
    expect(readings.every((item, i) => i === 0 || item.time >= (readings[i - 1]?.time ?? ''))).toBe(true);
  });

  it("gives every day's Power within 1e-6 relative of a computation apart from this project", () => {
    const expected = readFileSync(path.join(FIXTURES, '2007-01_02.power.csv'), 'utf8').trim().split('\n').slice(1);
    const power = items.filter((item) => item.name === 'Power');
    expect(power.map((item) => item.time.slice(0, 10))).toEqual(expected.map((row) => row.split(',')[0]));
    for (const [i, row] of expected.entries()) {
      const value = Number(row.split(',')[2]);
      expect(Math.abs((power[i]?.value ?? NaN) - value)).toBeLessThanOrEqual(1e-6 * value);
    }
  });
});

async function postAll(url: string, lines: string[]): Promise<void> {
  const bodies: string[] = [];
  for (let i = 0; i < lines.length; i += LINES_PER_BODY) bodies.push(lines.slice(i, i + LINES_PER_BODY).join('\n'));
  const connection = async (): Promise<void> => {
    for (let body = bodies.shift(); body !== undefined; body = bodies.shift()) {
      const answer = await fetch(`${url}/data`, { method: 'POST', body });
      if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
}

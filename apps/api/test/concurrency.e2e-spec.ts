import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { startService, type RunningService } from './service.js';

const CONNECTIONS = 64;
const POSTS_EACH = 50;
const DAY = 1_900_000_000;

describe('64 connections posting 4 lines each while the runner runs', () => {
  let database: TestDatabase;
  let service: RunningService;
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });

  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startService(database.url, { INGOT_FRESHNESS_WAIT_MS: '60000' });
  });
  afterAll(async () => {
    agent.destroy();
    await service.stop();
    await database.drop();
  });

  it('answers each with success, and bronze and silver hold exactly the acknowledged lines', async () => {
    let acknowledged = 0;
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async (_, connection) => {
        for (let i = 0; i < POSTS_EACH; i++) {
          const second = DAY + connection * POSTS_EACH + i;
          const body = `${second} Voltage 230.${i}\n${second} Current ${connection}\n${second} Voltage 231\n${second} Current 2\n`;
          const answer = await post(`${service.url}/data`, body, agent);
          expect(answer).toEqual({ status: 200, body: '{"success":true}' });
          acknowledged += 4;
        }
      }),
    );
    const read = await fetch(`${service.url}/data?from=2030-01-01&to=2030-01-01`); // waits until all of it is transformed
    expect(read.headers.get('ingot-stale')).toBeNull();

    const count = async (table: string): Promise<number> => Number((await database.query<{ n: string }>(`select count(*) as n from ${table}`))[0]?.n);
    expect(acknowledged).toBe(CONNECTIONS * POSTS_EACH * 4);
    expect({ bronze: await count('bronze.raw_readings'), silver: await count('silver.stg_readings') }).toEqual({ bronze: acknowledged, silver: acknowledged });
    const [runs] = await database.query<{ failed: string; succeeded: string }>(
      `select count(*) filter (where status = 'failed') as failed, count(*) filter (where status = 'succeeded') as succeeded from ingot.runs`,
    );
    expect(Number(runs?.failed)).toBe(0);
    expect(Number(runs?.succeeded)).toBeGreaterThan(1); // it did run meanwhile
  });
});

function post(url: string, body: string, agent: http.Agent): Promise<{ status?: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', agent, headers: { 'content-type': 'text/plain' } }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode, body: text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

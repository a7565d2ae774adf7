import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import request from 'supertest';
import { startService, type RunningService } from './service.js';

describe('health, errors and shutdown', () => {
  let database: TestDatabase;
  let service: RunningService;

  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startService(database.url);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('GET /health says healthy and connected', async () => {
    const answer = await request(service.url).get('/health').expect(200);
    expect(answer.body).toMatchObject({ status: 'healthy', database: 'connected' });
    expect(answer.text).not.toMatch(/\s\n/);
  });

  it('GET /health/live and /health/ready answer 200', async () => {
    await request(service.url).get('/health/live').expect(200, '{"status":"alive"}');
    const ready = await request(service.url).get('/health/ready').expect(200);
    expect(ready.body).toMatchObject({ status: 'ready', process: 'serving', database: 'connected', ingest: { 'bronze.raw_readings': { queueBytes: 0, flushing: 0, database: 'connected' } }, datasets: { sensor: { applied: true } } });
  });

  it('gives every answer a request id, the one of the client when it is a plain token', async () => {
    const given = await request(service.url).get('/health/live').set('x-request-id', 'abc-1');
    expect(given.headers['x-request-id']).toBe('abc-1');
    const made = await request(service.url).get('/health/live').set('x-request-id', 'no good');
    expect(made.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('answers an unknown route with a problem body that carries the request id', async () => {
    const answer = await request(service.url).get('/nothing/here').set('x-request-id', 'abc-2').expect(404);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.body).toEqual({
      success: false,
      type: 'urn:ingot:problem:not-found',
      title: 'There is no such route',
      status: 404,
      detail: 'There is no route GET /nothing/here.',
      instance: 'abc-2',
    });
  });

  it('answers a known route asked with the wrong method by 405 and Allow', async () => {
    const answer = await request(service.url).put('/data').send('x').expect(405);
    expect(answer.headers.allow).toBe('GET, POST');
  });

  it('writes JSON lines to its log', () => {
    for (const line of service.output.stdout.split('\n').filter(Boolean)) expect(JSON.parse(line)).toHaveProperty('level');
  });

  it('answers what is in flight on SIGTERM, then exits 0 and leaves no session behind', async () => {
    const posts = Array.from({ length: 20 }, (_, i) => fetch(`${service.url}/data`, { method: 'POST', body: `19000000${i + 10} Voltage 1` }).then((answer) => answer.status));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await service.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    const statuses = await Promise.allSettled(posts);
    const answered = statuses.filter((status) => status.status === 'fulfilled' && status.value === 200);
    const [row] = await database.query<{ n: string }>('select count(*) as n from bronze.raw_readings');
    expect(Number(row?.n)).toBe(answered.length);
    expect(statuses.every((status) => status.status === 'rejected' || status.value === 200)).toBe(true);
  });
});

import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, startTestCluster, type TestDatabase } from '@ingot/testing';
import request from 'supertest';
import { startService, type RunningService } from './service.js';

describe('health, errors and shutdown', () => {
  let database: TestDatabase;
  let service: RunningService;

  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startService(database.url, { INGOT_LOG_LEVEL: 'debug' });
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
      type: '/docs/errors#not-found',
      title: 'There is no such route',
      status: 404,
      detail: 'There is no route GET /nothing/here. GET /docs lists the routes.',
      instance: 'abc-2',
      nearest: [],
    });
  });

  it('answers a known route asked with the wrong method by 405 and Allow', async () => {
    const answer = await request(service.url).put('/data').send('x').expect(405);
    expect(answer.headers.allow).toBe('GET, HEAD, POST');
  });

  it('writes its log as JSON lines, with the request id that the client was told', async () => {
    await request(service.url).get('/data?from=never').set('x-request-id', 'abc-3').expect(400);
    for (let i = 0; i < 100 && !service.output.stdout.includes('abc-3'); i++) await new Promise((resolve) => setTimeout(resolve, 20));
    const lines = service.output.stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toContainEqual(expect.objectContaining({ level: 'debug', request: 'abc-3', problem: 'invalid-parameter', status: 400 }));
  });

  it.each([
    ['a URL that cannot be decoded', 'GET /% HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['two lengths at once', 'POST /data HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['a name of the internet, which a page may have point here', 'GET /data?from=2022-04-14&to=2022-04-14 HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n', 403],
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['a header of 20 kB', `GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ])('answers %s with a problem body too', async (_, text, status) => {
    const answer = await sendRaw(service.url, text);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*application/problem\\+json`));
    const id = /x-request-id: (.*)/i.exec(head)?.[1]?.trim();
    expect(JSON.parse(body)).toMatchObject({ success: false, status, instance: id });
  });

  it('HEAD claims no length that GET does not have', async () => {
    const answer = await request(service.url).head('/data?from=2022-04-14&to=2022-04-14').expect(200);
    expect(answer.headers['content-length']).toBeUndefined();
  });

  it('does not wait on SIGTERM for a connection that never said anything', async () => {
    const other = await startService(database.url);
    const { port } = new URL(other.url);
    const socket = net.connect(Number(port), '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    expect(await other.stop()).toEqual({ code: 0, signal: null });
    await closed;
    expect(other.output.stderr).not.toContain('Stopping: HTTP');
  });

  it('answers what is in flight on SIGTERM, then exits 0 and leaves no session behind', async () => {
    const posts = Array.from({ length: 20 }, (_, i) => fetch(`${service.url}/data`, { method: 'POST', body: `19000000${i + 10} Voltage 1` }).then((answer) => answer.status));
    await Promise.any(posts); // the others are on their way
    expect(await service.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    const statuses = await Promise.allSettled(posts);
    const answered = statuses.filter((status) => status.status === 'fulfilled' && status.value === 200);
    const [row] = await database.query<{ n: string }>('select count(*) as n from bronze.raw_readings');
    expect(answered.length).toBeGreaterThan(0);
    expect(Number(row?.n)).toBe(answered.length);
    expect(statuses.every((status) => status.status === 'rejected' || status.value === 200)).toBe(true);
  });
});

describe('a database that goes away and comes back', () => {
  it('is told by /health with 503, and needs no restart of the service', async () => {
    const cluster = await startTestCluster();
    const service = await startService((await createTestDatabase(cluster.url)).url);
    const health = async (): Promise<[number, unknown]> => {
      const answer = await fetch(`${service.url}/health`);
      return [answer.status, ((await answer.json()) as { status: string; database: string }).database];
    };
    const ready = async (): Promise<number> => (await fetch(`${service.url}/health/ready`)).status;
    const post = async (): Promise<number> => (await fetch(`${service.url}/data`, { method: 'POST', body: '1900000000 Voltage 1' })).status;
    expect([await health(), await ready(), await post()]).toEqual([[200, 'connected'], 200, 200]);

    await cluster.stopImmediate();
    expect([await health(), await ready(), await post()]).toEqual([[503, 'disconnected'], 503, 503]);
    expect((await fetch(`${service.url}/health/live`)).status).toBe(200);

    await cluster.restart();
    const back = async (): Promise<boolean> => (await ready()) === 200 && (await post()) === 200;
    for (let i = 0; i < 50 && !(await back()); i++) await new Promise((resolve) => setTimeout(resolve, 100));
    expect([await health(), await ready(), await post()]).toEqual([[200, 'connected'], 200, 200]);
    expect((await service.stop()).code).toBe(0);
    await cluster.stop();
  });
});

/** Sends bytes as they are and returns what comes back within a second. */
async function sendRaw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname).on('error', () => undefined);
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString())).write(text);
  await Promise.race([once(socket, 'close'), new Promise((resolve) => setTimeout(resolve, 1_000))]);
  socket.destroy();
  return received;
}

import { once } from 'node:events';
import net from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '@ingot/config';
import { Controller, Get, HttpException, Post, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pino } from 'pino';
import { ErrorsFilter } from './errors.filter.js';
import { httpLimits } from './http-limits.js';
import { createHttpAdapter } from './http-server.js';
import { configureBodies } from './ingest/bodies.js';
import { Lifecycle } from './lifecycle.js';
import { problems, type ProblemEvent } from './measuring-points.js';
import { problemSchemaName, problemSchemas } from './openapi/schemas/problem-schemas.js';
import { Problem, type ProblemCode } from './problem.js';

// Closing lets the test see at once that the answer is whole.
const HOST = 'Host: x\r\nConnection: close\r\n';
const SECRET = 'select secret from the_inside';

@Controller()
class Everything {
  @Post('data')
  post(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    void reply.send(String((request.body as Buffer | undefined)?.length ?? 0));
  }

  @Get('data')
  get(@Res() reply: FastifyReply): void {
    void reply.send('[]');
  }

  @Get('runs/:id')
  run(): never {
    throw new Error(SECRET);
  }

  @Get('thrown/nothing')
  nothing(): never {
    throw undefined as unknown as Error;
  }

  @Get('thrown/problem')
  problem(): never {
    throw new Problem('overloaded', 'Busy.', { headers: { 'retry-after': '7' } });
  }

  @Get('thrown/http')
  http(): never {
    throw new HttpException(SECRET, 599);
  }

  @Get('thrown/connection')
  connection(): never {
    throw Object.assign(new Error(SECRET), { code: 'ECONNREFUSED' });
  }

  @Get('broken')
  broken(@Res() reply: FastifyReply): void {
    void reply.header('content-type', 'application/json').send(
      Readable.from(
        (async function* () {
          yield '[1\n';
          await new Promise((resolve) => setTimeout(resolve, 50));
          throw new Error(SECRET);
        })(),
      ),
    );
  }

  @Get('thrown/dressed')
  dressed(@Res() reply: FastifyReply): never {
    void reply.headers({ 'content-encoding': 'gzip', 'content-length': '7', 'content-disposition': 'attachment', etag: 'W/"1"', link: '<x>; rel="next"', 'cache-control': 'max-age=9' });
    throw new Problem('overloaded', 'Busy.', { headers: { link: '<y>; rel="first"' } });
  }

  @Get('thrown/late')
  async late(@Res() reply: FastifyReply): Promise<never> {
    reply.raw.writeHead(200, { 'content-type': 'application/json' }).write('[1\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    throw new Error(SECRET);
  }

  @Get('slow')
  slow(@Res() reply: FastifyReply): void {
    void reply.header('content-type', 'application/json').send(
      Readable.from(
        (async function* () {
          yield '[1\n';
          await new Promise((resolve) => setTimeout(resolve, 300));
          yield ',2\n]';
        })(),
      ),
    );
  }
}

describe('what leaves the HTTP server', () => {
  let app: NestFastifyApplication;
  let port: number;
  const ajv = new Ajv2020({ schemas: Object.entries(problemSchemas()).map(([name, schema]) => ({ ...schema, $id: name })) });

  beforeAll(async () => {
    class Root {}
    app = await NestFactory.create<NestFastifyApplication>({ module: Root, controllers: [Everything] }, createHttpAdapter({ ...httpLimits(loadConfig({})), bodyBytes: 1_000, corsOrigins: ['https://dash.example'] }, new Lifecycle()), { bodyParser: false, logger: false, abortOnError: false });
    configureBodies(app, { limitBytes: 1_000, heldLimitBytes: 10_000 });
    app.useGlobalFilters(new ErrorsFilter(pino({ level: 'silent' })));
    await app.listen(0, '127.0.0.1');
    ({ port } = app.getHttpServer().address() as net.AddressInfo);
  });
  afterAll(() => app.close());

  /** Sends bytes as they are and returns what comes back until the server closes, or is silent for a while. */
  async function raw(text: string, waitMs = 150, then?: string): Promise<string> {
    const socket = net.connect(port, '127.0.0.1').on('error', () => undefined);
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1'))).write(text, 'latin1');
    if (then !== undefined) socket.once('data', () => socket.write(then, 'latin1'));
    const closed = once(socket, 'close');
    for (let before = -1; before !== received.length || received === ''; ) {
      before = received.length;
      if ((await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, waitMs, 'silent'))])) !== 'silent') break;
    }
    socket.destroy();
    return received;
  }

  interface Answer {
    status: number;
    headers: Record<string, string>;
    body: string;
  }
  function parse(text: string): Answer {
    const [head = '', ...rest] = text.split('\r\n\r\n');
    const [line = '', ...lines] = head.split('\r\n');
    const headers = Object.fromEntries(lines.map((header) => [header.slice(0, header.indexOf(':')).toLowerCase(), header.slice(header.indexOf(':') + 1).trim()]));
    return { status: Number(line.split(' ')[1]), headers, body: rest.join('\r\n\r\n') };
  }
  function expectProblem(answer: Answer, status: number, code: ProblemCode): Record<string, unknown> {
    expect(answer).toMatchObject({ status, headers: { 'x-content-type-options': 'nosniff', 'content-security-policy': expect.stringContaining("default-src 'none'"), 'content-type': 'application/problem+json; charset=utf-8', 'x-request-id': expect.stringMatching(/^[\w.:-]+$/) } });
    const body = JSON.parse(answer.body) as Record<string, unknown>;
    expect(body).toMatchObject({ success: false, type: `/docs/errors#${code}`, status, instance: answer.headers['x-request-id'] });
    const isRight = ajv.validate(problemSchemaName(code), body);
    expect([isRight, ajv.errors]).toEqual([true, null]);
    expect(JSON.stringify(body)).not.toContain('the_inside');
    return body;
  }

  const GET = (target: string, headers = ''): string => `GET ${target} HTTP/1.1\r\n${HOST}${headers}\r\n`;
  const POST = (target: string, type: string, body: string, method = 'POST'): string => `${method} ${target} HTTP/1.1\r\n${HOST}Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

  it.each<[string, string, number, ProblemCode]>([
    ['an unknown route', GET('/nothing'), 404, 'not-found'],
    ['JSON to an unknown route', POST('/dat', 'application/json', '{}'), 404, 'not-found'],
    ['a garbage content type to an unknown route', POST('/dat', 'garbage', '{}'), 404, 'not-found'],
    ['a garbage content type', POST('/data', 'garbage', 'x'), 415, 'unsupported-media-type'],
    ['a content type of blanks and signs', POST('/data', ' ;;/ "', 'x'), 415, 'unsupported-media-type'],
    ['JSON to a route for text', POST('/data', 'application/json', '{}'), 415, 'unsupported-media-type'],
    ['JSON with the wrong method', POST('/data', 'application/json', '{}', 'PUT'), 405, 'method-not-allowed'],
    ['POST to a route with a parameter', POST('/runs/12', 'application/json', '{}'), 405, 'method-not-allowed'],
    ['DELETE', `DELETE /data HTTP/1.1\r\n${HOST}\r\n`, 405, 'method-not-allowed'],
    ['TRACE', `TRACE /data HTTP/1.1\r\n${HOST}\r\n`, 405, 'method-not-allowed'],
    ['PROPFIND of nothing', `PROPFIND /nothing HTTP/1.1\r\n${HOST}\r\n`, 404, 'not-found'],
    ['OPTIONS of nothing', `OPTIONS /nothing HTTP/1.1\r\n${HOST}\r\n`, 404, 'not-found'],
    ['OPTIONS of everything', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 404, 'not-found'],
    ['a method that does not exist', `FOO /data HTTP/1.1\r\n${HOST}\r\n`, 501, 'unknown-method'],
    ['a target without a slash', GET('data'), 400, 'bad-request'],
    ['a whole URL as target', GET('http://x/dat'), 404, 'not-found'],
    ['a URL that cannot be decoded', GET('/%'), 400, 'bad-request'],
    ['a URL that is not UTF-8', GET('/runs/%ff'), 400, 'bad-request'],
    ['a long parameter in the path', GET(`/runs/${'1'.repeat(101)}`), 414, 'url-too-long'],
    ['a long URL', GET(`/${'a/'.repeat(3_000)}`), 404, 'not-found'],
    ['a URL of 20 kB', GET(`/${'a'.repeat(20_000)}`), 431, 'headers-too-large'],
    ['a header of 20 kB', GET('/data', `X-Long: ${'x'.repeat(20_000)}\r\n`), 431, 'headers-too-large'],
    ['no Host', 'GET /data HTTP/1.1\r\n\r\n', 400, 'bad-request'],
    ['an unknown expectation', GET('/data', 'Expect: the-unexpected\r\n'), 417, 'expectation-failed'],
    ['no HTTP', 'hello\r\n\r\n', 400, 'bad-request'],
    ['TLS to a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'bad-request'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'bad-request'],
    ['HTTP/3.7', `GET /data HTTP/3.7\r\n${HOST}\r\n`, 400, 'bad-request'],
    ['two lengths', `POST /data HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400, 'bad-request'],
    ['a length that is none', `POST /data HTTP/1.1\r\n${HOST}Content-Length: x\r\n\r\n`, 400, 'bad-request'],
    ['a chunk that is none', `POST /data HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400, 'bad-request'],
    ['a body larger than may be', POST('/data', 'text/plain', 'x'.repeat(1_001)), 413, 'body-too-large'],
    ['an unknown encoding', `POST /data HTTP/1.1\r\n${HOST}Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx`, 415, 'unsupported-encoding'],
    ['a damaged gzip', `POST /data HTTP/1.1\r\n${HOST}Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx`, 400, 'invalid-body'],
    ['an error of ours', GET('/runs/12'), 500, 'internal'],
    ['undefined thrown', GET('/thrown/nothing'), 500, 'internal'],
    ['an exception with a status of its own', GET('/thrown/http'), 500, 'internal'],
    ['a database that is gone', GET('/thrown/connection'), 503, 'database-unavailable'],
    ['a problem', GET('/thrown/problem'), 503, 'overloaded'],
  ])('%s is a problem', async (_, request, status, code) => {
    const told = new Set<string>();
    const hear = (event: ProblemEvent): unknown => told.add(`${event.status} ${event.code}`);
    problems.subscribe(hear);
    expectProblem(parse(await raw(request)), status, code);
    problems.unsubscribe(hear);
    expect([...told]).toEqual([`${status} ${code}`]); // what the metrics count
  });

  it('answers the allowed methods with 405, and with OPTIONS', async () => {
    expect(parse(await raw(POST('/data', 'application/json', '{}', 'PATCH'))).headers.allow).toBe('GET, HEAD, POST');
    expect(parse(await raw(POST('/runs/12', 'application/json', '{}'))).headers.allow).toBe('GET, HEAD');
    expect(parse(await raw(`OPTIONS /data/ HTTP/1.1\r\n${HOST}\r\n`))).toMatchObject({ status: 204, headers: { allow: 'GET, HEAD, OPTIONS, POST' }, body: '' });
  });

  it('lists the nearest routes with 404', async () => {
    const nearest = async (target: string): Promise<unknown> => expectProblem(parse(await raw(GET(target))), 404, 'not-found').nearest;
    const DATA = [{ method: 'GET', path: '/data' }, { method: 'POST', path: '/data' }]; // the method asked for first
    expect(await nearest('/dat?from=1')).toEqual(DATA);
    expect(await nearest('/Data')).toEqual(DATA);
    expect(await nearest('http://x/daat')).toEqual(DATA);
    expect(await nearest('/run/12')).toEqual([{ method: 'GET', path: '/runs/:id' }]);
    expect(await nearest('/xyz')).toEqual([]);
    expect(await nearest(`/${'a'.repeat(9_000)}`)).toEqual([]);
  });

  it('answers HEAD with the status and headers of GET, and no body', async () => {
    const [head, get] = [parse(await raw(`HEAD /dat HTTP/1.1\r\n${HOST}X-Request-Id: a\r\n\r\n`)), parse(await raw(GET('/dat', 'X-Request-Id: b\r\n')))];
    expect(head).toMatchObject({ status: 404, body: '', headers: { 'x-request-id': 'a', 'content-type': get.headers['content-type'] } });
  });

  it('says when to ask again, in the words of the problem or by its kind', async () => {
    expect(parse(await raw(GET('/thrown/problem'))).headers['retry-after']).toBe('7');
    expect(parse(await raw(GET('/thrown/connection'))).headers['retry-after']).toMatch(/^[2-6]$/);
  });

  it('has none of the headers that were meant for another answer, and is not to be kept', async () => {
    const { headers } = parse(await raw(GET('/thrown/dressed')));
    expect(Object.keys(headers).sort()).toEqual(['cache-control', 'connection', 'content-length', 'content-security-policy', 'content-type', 'date', 'link', 'referrer-policy', 'retry-after', 'vary', 'x-content-type-options', 'x-request-id']);
    expect([headers['cache-control'], headers.link, headers['content-length']]).toEqual(['no-store', '<y>; rel="first"', expect.not.stringMatching(/^7$/)]);
  });

  it('keeps the connection for the next request after a refused body', async () => {
    const answers = await raw((POST('/nothing', 'application/json', 'x'.repeat(50_000)) + GET('/data')).replaceAll('Connection: close', 'Connection: keep-alive'));
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 200']);
  });

  it('meets the expectation of 100-continue', async () => {
    expect(await raw(`POST /data HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`)).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 [^]*\r\n\r\n5$/);
  });

  it('takes HTTP/1.0 without a Host, and ignores an Upgrade', async () => {
    expect(parse(await raw('GET /data HTTP/1.0\r\n\r\n')).status).toBe(200);
    expect(parse(await raw(GET('/data', 'Upgrade: websocket\r\n').replace('close', 'Upgrade'))).status).toBe(200);
  });

  it('lets a page of an allowed origin call, and no other', async () => {
    const allowed = parse(await raw(GET('/data', 'Origin: https://dash.example\r\n')));
    expect(allowed.headers).toMatchObject({ 'access-control-allow-origin': 'https://dash.example', vary: 'origin', 'access-control-expose-headers': expect.stringContaining('ingot-stale') });
    expect(allowed.headers).not.toHaveProperty('access-control-allow-credentials');
    for (const origin of ['https://dash.example.evil.com', 'https://evil.example', 'null', 'https://dash.example,https://evil.example']) {
      const { status, headers } = parse(await raw(GET('/data', `Origin: ${origin}\r\n`)));
      expect([status, headers.vary, Object.keys(headers).filter((name) => name.startsWith('access-control'))]).toEqual([200, 'origin', []]);
    }
    const preflight = (target: string, origin: string): string => `OPTIONS ${target} HTTP/1.1\r\n${HOST}Origin: ${origin}\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-evil\r\n\r\n`;
    expect(parse(await raw(preflight('/data', 'https://dash.example')))).toMatchObject({
      status: 204,
      headers: { 'access-control-allow-origin': 'https://dash.example', 'access-control-allow-methods': 'GET, HEAD, OPTIONS, POST', 'access-control-allow-headers': expect.not.stringContaining('evil') },
    });
    expect(parse(await raw(preflight('/data', 'https://evil.example'))).headers).not.toHaveProperty('access-control-allow-methods');
    expect(parse(await raw(preflight('/nothing', 'https://dash.example'))).status).toBe(404);
  });

  it('repeats no key, neither as the id of a request nor in the words of a problem', async () => {
    const key = `ingot_${'a1B'.repeat(16)}Z`;
    const answer = parse(await raw(GET(`/nothing/${key}?token=abcdef`, `X-Request-Id: ${key}\r\n`)));
    expectProblem(answer, 404, 'not-found');
    expect(JSON.stringify(answer)).not.toMatch(/a1Ba1B|abcdef/);
  });

  it('says of no answer what made it', async () => {
    for (const request of [GET('/data'), GET('/nothing'), 'hello\r\n\r\n']) {
      const { headers } = parse(await raw(request));
      expect(Object.keys(headers).filter((name) => /^(server|via|x-powered-by|x-.*version)$/.test(name))).toEqual([]);
      expect(JSON.stringify(headers)).not.toMatch(/node|fastify|nest|ingot\//i);
    }
  });

  it('never lets a header of the client through unescaped', async () => {
    const answer = await raw(GET('/data', 'X-Request-Id: a\tb\r\n'));
    expect(parse(answer).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  describe('after the first byte', () => {
    it.each(['/broken', '/thrown/late'])('an error of %s cuts the connection: the last chunk is missing', async (target) => {
      const answer = await raw(GET(target));
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(answer).toContain('[1\n');
      expect(answer).not.toContain('\r\n0\r\n\r\n');
      expect(answer).not.toContain('HTTP/1.1 5');
    });

    it('what is not HTTP on the same connection cuts the answer, and writes no other into it', async () => {
      expect(await raw(GET('/slow'), 600)).toContain('\r\n0\r\n\r\n');
      const answer = await raw(GET('/slow').replace('close', 'keep-alive'), 600, 'garbage\r\n\r\n');
      expect(answer.match(/HTTP\/1\.1/g)?.length).toBe(1);
      expect(answer).not.toContain('\r\n0\r\n\r\n');
    });
  });
});

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { holdsSecret } from '@ingot/config';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { capConnections } from './http/connection-cap.js';
import { allowOrigins } from './http/cross-origin.js';
import type { HttpLimits } from './http-limits.js';
import { SECURITY_HEADER_LINES, SECURITY_HEADERS } from './http/security-headers.js';
import type { Lifecycle } from './lifecycle.js';
import { problems } from './measuring-points.js';
import { Problem, PROBLEM_TYPE } from './problem.js';
import { pathOf, Routes } from './routes.js';

const REQUEST_ID = /^[\w.:-]{1,128}$/;

/**
 * Fastify with time limits tighter than Node's (headers 60 s, request 300 s, looked at every 30 s, any number of
 * connections): a client that stalls holds a socket for seconds, not minutes. The request id is the client's `X-Request-Id` when
 * it is a plain token that looks like no secret, else a fresh UUID.
 */
export function createHttpAdapter(limits: HttpLimits, lifecycle: Lifecycle): FastifyAdapter {
  const headersTimeout = limits.headersSeconds * 1_000;
  const adapter = new FastifyAdapter({
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestSeconds * 1_000,
    keepAliveTimeout: limits.keepAliveSeconds * 1_000,
    maxRequestsPerSocket: limits.requestsPerConnection,
    // Without a Host header Node answers a bare 400 of its own: refuseMisdirected() gives ours.
    http: { headersTimeout, connectionsCheckingInterval: Math.min(5_000, headersTimeout / 4), maxHeaderSize: limits.headerBytes, requireHostHeader: false },
    trustProxy: limits.trustedProxies.length === 0 ? false : [...limits.trustedProxies],
    forceCloseConnections: 'idle',
    return503OnClosing: false, // a request that still arrives on an open connection is answered, with Connection: close
    routerOptions: { ignoreTrailingSlash: true },
    genReqId: requestId,
    frameworkErrors: answerUnroutable,
    clientErrorHandler: (error, socket) => answerMalformed(error, socket, limits.headerBytes),
  });
  const server = adapter.getInstance();
  // A client that says it has sent all it will, and then reads, gets its answer: its lines are stored by then.
  (server.server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  server.server.on('checkExpectation', answerExpectation);
  capConnections(server, limits.connections);
  refuseMisdirected(server);
  allowOrigins(server, limits.corsOrigins);
  server.addHook('onSend', (request, reply, payload, done) => {
    void reply.header('x-request-id', request.id);
    for (const name in SECURITY_HEADERS) if (!reply.hasHeader(name)) void reply.header(name, SECURITY_HEADERS[name as keyof typeof SECURITY_HEADERS]);
    // An answer given while draining ends its connection; left open, it would hold up the close for keepAliveTimeout.
    if (lifecycle.draining) void reply.header('connection', 'close');
    done(null, payload);
  });
  return adapter;
}

function requestId({ headers }: { headers: Record<string, string | string[] | undefined> }): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) && !holdsSecret(given) ? given : randomUUID();
}

/**
 * Answers what no route does before a byte of its body is read: otherwise a JSON body to an unknown route would be
 * told that its type is wrong (415), not that there is no such route. OPTIONS of a route says which methods it answers.
 */
function refuseMisdirected(server: FastifyInstance): void {
  const routes = new Routes();
  server.addHook('onRoute', ({ method, url }) => routes.add(method, pathOf(url)));
  server.addHook('onRequest', (request, reply, done) => {
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1') return done(new Problem('bad-request', 'An HTTP/1.1 request has a Host header.'));
    if (!request.is404) return done();
    const path = pathOf(request.url);
    const allowed = request.method === 'OPTIONS' ? routes.methodsOf(path) : [];
    if (allowed.length === 0) return done(routes.refusal(request.method, path));
    void reply.status(204).header('allow', ['OPTIONS', ...allowed].sort().join(', ')).send();
  });
}

/**
 * Ends connections that have never sent a request when it is called: probes, a browser's spare ones. Node does not
 * count them as idle, so closing a server waits for them.
 */
export function trackSilentConnections(server: Server): () => void {
  const silent = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  // Not by 'data': a listener for it takes the socket out of the parser's own fast path.
  server.on('request', (request: IncomingMessage) => silent.delete(request.socket));
  return () => silent.forEach((socket) => socket.destroy());
}

/** A URL that cannot be decoded, or with too long a parameter, before there is a route to answer it. */
function answerUnroutable(error: Error & { statusCode?: number }, request: Pick<FastifyRequest, 'id' | 'url'>, reply: FastifyReply): void {
  const problem =
    error.statusCode === 414
      ? new Problem('url-too-long', 'A part of the path that stands for a parameter holds at most 100 characters.')
      : new Problem('bad-request', `The path ${JSON.stringify(request.url.slice(0, 200))} cannot be decoded: % is followed by two hexadecimal digits, of UTF-8 text.`);
  tell(problem);
  void reply.status(problem.status).headers({ ...SECURITY_HEADERS, 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store', 'x-request-id': request.id }).send(JSON.stringify(problem.body(request.id)));
}

/** The errors filter tells of the others. */
function tell({ code, status }: Problem): void {
  problems.publish({ code, status, route: undefined });
}

/** `Expect` with anything but 100-continue: Node would answer a bare 417 of its own. */
function answerExpectation(request: IncomingMessage, response: ServerResponse): void {
  const id = requestId(request);
  const problem = new Problem('expectation-failed', 'The only expectation that can be met is 100-continue.');
  const body = JSON.stringify(problem.body(id));
  tell(problem);
  response.writeHead(problem.status, { ...SECURITY_HEADERS, 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store', 'x-request-id': id, 'content-length': Buffer.byteLength(body) }).end(body);
}

/** Fastify's type says otherwise: `rawPacket` is the Buffer that could not be parsed. */
type ParseError = Error & { code?: string; rawPacket?: unknown };

/** What is not HTTP, or too slow or too large a head: answered by hand, because there is no request to reply to. */
function answerMalformed(error: ParseError, socket: Socket & { _httpMessage?: { headersSent: boolean } | null }, headerBytes: number): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  // In the middle of another answer these bytes would be taken for its rows. Node's own handler asks the same field.
  if (socket._httpMessage?.headersSent === true) {
    socket.destroy();
    return;
  }
  const id = randomUUID();
  const [reason, problem] = malformed(error, headerBytes);
  const body = JSON.stringify(problem.body(id));
  tell(problem);
  if (socket.writable) {
    socket.write(`HTTP/1.1 ${problem.status} ${reason}\r\n${SECURITY_HEADER_LINES}Content-Type: ${PROBLEM_TYPE}\r\nX-Request-Id: ${id}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  }
  socket.destroySoon();
}

const REQUEST_LINE = /^[!#$%&'*+.^`|~\w-]+ \S+ HTTP\/1\.[01]\r?\n/;

function malformed({ code, rawPacket }: ParseError, headerBytes: number): [reason: string, Problem] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['Request Timeout', new Problem('request-timeout', 'The request did not arrive in time.')];
  if (code === 'HPE_HEADER_OVERFLOW') return ['Request Header Fields Too Large', new Problem('headers-too-large', `The request line and the headers hold more than ${headerBytes} bytes.`)];
  if (code === 'HPE_INVALID_METHOD' && Buffer.isBuffer(rawPacket) && REQUEST_LINE.test(rawPacket.toString('latin1'))) return ['Not Implemented', new Problem('unknown-method', 'The service knows no such HTTP method.')];
  return ['Bad Request', new Problem('bad-request', 'This is not a well-formed HTTP request.')];
}

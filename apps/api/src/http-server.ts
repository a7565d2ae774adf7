import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Lifecycle } from './lifecycle.js';
import { Problem } from './problem.js';

const REQUEST_ID = /^[\w.:-]{1,128}$/;
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/**
 * Fastify with time limits tighter than Node's (headers 60 s, request 300 s): a device that stalls holds a socket for
 * seconds, not minutes. The request id is the client's `X-Request-Id` when it is a plain token, else a fresh UUID.
 */
export function createHttpAdapter(bodyLimit: number, lifecycle: Lifecycle): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit,
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000, // above the usual 60 s of proxies, which must be the ones to close an idle connection
    http: { headersTimeout: 20_000, connectionsCheckingInterval: 5_000, maxHeaderSize: 16_384 },
    forceCloseConnections: 'idle',
    return503OnClosing: false, // a request that still arrives on an open connection is answered, with Connection: close
    routerOptions: { ignoreTrailingSlash: true },
    genReqId: (request: { headers: Record<string, string | string[] | undefined> }) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    frameworkErrors: answerUnroutable,
    clientErrorHandler: answerMalformed,
  });
  const server = adapter.getInstance();
  // A client that says it has sent all it will, and then reads, gets its answer: its lines are stored by then.
  (server.server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  server.addHook('onSend', (request, reply, payload, done) => {
    void reply.header('x-request-id', request.id);
    // An answer given while draining ends its connection; left open, it would hold up the close for keepAliveTimeout.
    if (lifecycle.draining) void reply.header('connection', 'close');
    done(null, payload);
  });
  return adapter;
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

/** A URL that cannot be decoded, before there is a route to answer it. */
function answerUnroutable(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const problem = new Problem('bad-request', error.message);
  void reply.status(problem.status).headers({ 'content-type': PROBLEM_TYPE, 'x-request-id': request.id }).send(JSON.stringify(problem.body(request.id)));
}

/** What is not HTTP, or too slow or too large a head: answered by hand, because there is no request to reply to. */
function answerMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const id = randomUUID();
  const [line, problem] = malformed(error.code);
  const body = JSON.stringify(problem.body(id));
  if (socket.writable) {
    socket.write(`HTTP/1.1 ${line}\r\nContent-Type: ${PROBLEM_TYPE}\r\nX-Request-Id: ${id}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  }
  socket.destroySoon();
}

function malformed(code: string | undefined): [statusLine: string, Problem] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['408 Request Timeout', new Problem('request-timeout', 'The request did not arrive in time.')];
  if (code === 'HPE_HEADER_OVERFLOW') return ['431 Request Header Fields Too Large', new Problem('headers-too-large', 'The headers are larger than 16 KiB.')];
  return ['400 Bad Request', new Problem('bad-request', 'This is not a well-formed HTTP request.')];
}

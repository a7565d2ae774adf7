import { randomUUID } from 'node:crypto';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { Lifecycle } from './lifecycle.js';

const REQUEST_ID = /^[\w.:-]{1,128}$/;

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
  });
  adapter.getInstance().addHook('onSend', (request, reply, payload, done) => {
    void reply.header('x-request-id', request.id);
    // An answer given while draining ends its connection; left open, it would hold up the close for keepAliveTimeout.
    if (lifecycle.draining) void reply.header('connection', 'close');
    done(null, payload);
  });
  return adapter;
}

import type { FastifyInstance, FastifyReply } from 'fastify';

// Constants: nothing of a request is echoed.
const EXPOSED = 'etag, link, content-disposition, idempotency-replayed, ingot-stale, ratelimit, ratelimit-policy, retry-after, x-request-id';
const ALLOWED = 'accept, authorization, content-encoding, content-type, idempotency-key, if-none-match, prefer, x-api-key, x-device-id, x-request-id';
const PREFLIGHT_SECONDS = '600';

/**
 * Lets pages of these origins, and of no other, call the service from a browser; without any nothing is added to a request.
 * Keys travel in headers, so no credentials of the browser are allowed. An own few lines, because @fastify/cors takes OPTIONS
 * of every path, known or not, and answers what is no preflight in text.
 */
export function allowOrigins(server: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const allowed = new Set(origins);
  server.addHook('onSend', (request, reply, payload, done) => {
    varyByOrigin(reply);
    const { origin } = request.headers;
    if (origin !== undefined && allowed.has(origin)) {
      void reply.header('access-control-allow-origin', origin);
      if (request.method !== 'OPTIONS') void reply.header('access-control-expose-headers', EXPOSED);
      else if (reply.statusCode === 204 && request.headers['access-control-request-method'] !== undefined) {
        void reply.headers({ 'access-control-allow-methods': reply.getHeader('allow'), 'access-control-allow-headers': ALLOWED, 'access-control-max-age': PREFLIGHT_SECONDS });
      }
    }
    done(null, payload);
  });
}

/** A cache in between must not give one origin's answer to another. */
function varyByOrigin(reply: FastifyReply): void {
  const others = [reply.getHeader('vary') ?? []].flat().join(', ');
  void reply.header('vary', others === '' ? 'origin' : `${others}, origin`);
}

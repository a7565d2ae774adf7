import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** What a socket takes at once whatever its client does; answers up to this size need no watch. */
const AT_ONCE_BYTES = 16_384;

/**
 * Cuts a client off that has taken nothing of its answer for so long: connection, memory and spool file are free again.
 * A socket that waits for us, because the database is slow, is left alone. Seen from the socket, so that it holds for
 * every kind of answer, up to its last byte.
 */
export function dropStalledReaders(server: FastifyInstance, seconds: number): void {
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (mayStall(payload)) {
      reply.raw.setTimeout(seconds * 1000, () => {
        if (isOwedReading(reply.raw)) reply.raw.destroy();
      });
    }
    done(null, payload);
  });
}

function mayStall(payload: unknown): boolean {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload.length > AT_ONCE_BYTES;
  return payload !== null && payload !== undefined;
}

function isOwedReading(response: ServerResponse): boolean {
  return (response.socket?.writableLength ?? 0) > 0 || response.writableLength > 0;
}

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../problem.js';

/** Beyond the cap so many more are let in to be told why; those beyond are closed as soon as they are accepted. */
function toldWhy(most: number): number {
  return Math.max(16, Math.ceil(most / 10));
}

/**
 * Serves at most so many connections at a time. A request on one more gets a 503 that ends its connection, before a byte of
 * its body is read; where even these are too many, Node closes the connection unanswered. Health is answered on those as
 * well: an orchestrator that hears nothing would kill a process that is only busy.
 */
export function capConnections(app: FastifyInstance, most: number): void {
  const server: Server = app.server;
  server.maxConnections = most + toldWhy(most);
  const surplus = new Set<Socket>();
  let open = 0;
  server.on('connection', (socket: Socket) => {
    if (++open > most) surplus.add(socket);
    socket.once('close', () => {
      open--;
      surplus.delete(socket);
    });
  });
  app.addHook('onRequest', (request, _reply, done) => {
    if (surplus.size === 0 || !surplus.has(request.raw.socket) || request.url.startsWith('/health')) return done();
    const members = request.method === 'POST' ? { outcome: 'not_stored' } : {};
    done(new Problem('overloaded', `The service has as many connections as it serves at a time, ${most}. Try again later.`, { members, headers: { connection: 'close' } }));
  });
}

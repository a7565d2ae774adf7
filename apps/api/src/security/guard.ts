import type { FastifyInstance, FastifyRequest } from 'fastify';
import { accessOfRoute, type Access } from '../access.js';
import { identify, type Principal } from '../principal.js';
import { Problem } from '../problem.js';
import type { Authenticator } from './authenticator.js';
import { refusal } from './refusals.js';

/**
 * Lets a request on when its sender may ask it, before a byte of its body is read. A route that does not declare what it
 * takes (`@Access`) stops the start. What no route answers, and OPTIONS, which tells only of routes, takes nothing.
 * @param openPaths routes that everybody may ask whatever they declare
 */
export function guardRoutes(server: FastifyInstance, authenticator: Authenticator, openPaths: ReadonlySet<string> = new Set()): void {
  server.addHook('onRoute', ({ method, url, config }) => {
    if (accessOfRoute(config) === undefined && [method].flat().some((each) => each !== 'OPTIONS')) {
      throw new Error(`${[method].flat().join(', ')} ${url} does not declare who may ask it: put @Access on its method`);
    }
  });
  server.addHook('onRequest', (request, _reply, done) => {
    const { config, url } = request.routeOptions;
    // Closed for a route that the hook above has not seen.
    const access = accessOfRoute(config) ?? (request.is404 || request.method === 'OPTIONS' ? 'public' : 'admin');
    if (access === 'public' || openPaths.has(url ?? '')) {
      identify(request, authenticator.everybody);
      return done();
    }
    let found: Principal | Promise<Principal>;
    try {
      found = authenticator.authenticate(request.raw, () => request.ip);
    } catch (error) {
      return done(explained(error, access));
    }
    if (found instanceof Promise) found.then((principal) => done(admit(request, principal, access)), (error: unknown) => done(explained(error, access)));
    else done(admit(request, found, access));
  });
}

/** A POST that could not be looked at says, as every one that fails on our side, what became of its lines. */
function explained(error: unknown, access: Access): Error {
  if (!(error instanceof Problem) || error.status !== 503 || access !== 'ingest') return error as Error;
  return new Problem(error.code, error.message, { members: { outcome: 'not_stored' }, headers: error.headers, cause: error.cause });
}

/** Why the principal may not; undefined when he may, and the request bears his name. */
function admit(request: FastifyRequest, principal: Principal, access: Access): Problem | undefined {
  if (access !== 'public' && !principal.scopes.has(access)) return refusal.forbidden(access, principal);
  if (access === 'ingest' && principal.device !== undefined) {
    const named = request.headers['x-device-id'];
    if (named !== undefined && named !== principal.device) return refusal.otherDevice();
  }
  identify(request, principal);
  return undefined;
}

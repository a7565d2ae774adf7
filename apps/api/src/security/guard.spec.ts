import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { grantedScopes, type Scope } from '@ingot/keys';
import fastify, { type FastifyInstance, type InjectOptions } from 'fastify';
import { ANYBODY, NOBODY, principalOf, type Principal } from '../principal.js';
import type { Problem } from '../problem.js';
import type { Authenticator } from './authenticator.js';
import { OpenAuthenticator } from './foreign-pages.js';
import { guardRoutes } from './guard.js';
import { refusal } from './refusals.js';

const principal = (scopes: Scope[], device?: string): Principal => ({ keyId: '1', scopes: grantedScopes(scopes, device), ...(device === undefined ? {} : { device }) });
let found: () => Principal | Promise<Principal>;
const authenticator: Authenticator = { everybody: NOBODY, authenticate: () => found() };

let server: FastifyInstance;
let seen: Principal[];
const route = (method: 'GET' | 'POST', url: string, access?: string): void => {
  server.route({ method, url, config: { access }, handler: (request) => {
    seen.push(principalOf(request));
    return { ok: true };
  } });
};
const statusOf = async (options: InjectOptions): Promise<unknown> => {
  const answer = await server.inject(options);
  return answer.statusCode === 200 ? 200 : [answer.statusCode, answer.json<{ code: string }>().code];
};
beforeEach(() => {
  seen = [];
  server = fastify();
  server.setErrorHandler((error: Problem, _request, reply) => reply.status(error.status).send({ code: error.code, ...error.members }));
});
afterEach(() => server.close());

describe('guardRoutes', () => {
  it.each([['GET'], ['POST']] as const)('stops the start for a %s route that does not say who may ask it', (method) => {
    guardRoutes(server, authenticator);
    expect(() => route(method, '/new')).toThrow(`${method} /new does not declare who may ask it`);
  });

  it('closes what was registered before it', async () => {
    route('GET', '/before');
    guardRoutes(server, authenticator);
    found = () => principal(['read:all']);
    expect(await statusOf({ url: '/before' })).toEqual([403, 'forbidden']);
  });

  it.each([[(one: Principal) => one], [(one: Principal) => Promise.resolve(one)]])('lets in who has the scope, looked up or known', async (give) => {
    guardRoutes(server, authenticator, new Set(['/open']));
    for (const scope of ['public', 'ingest', 'read:own', 'read:all', 'admin']) route('GET', `/${scope.replace(':', '-')}`, scope);
    route('GET', '/open', 'read:all');
    const table = async (one: Principal) => {
      found = () => give(one);
      return Promise.all(['public', 'open', 'ingest', 'read-own', 'read-all', 'admin'].map(async (path) => (await statusOf({ url: `/${path}` })) === 200));
    };
    expect(await table(principal(['ingest']))).toEqual([true, true, true, false, false, false]);
    expect(await table(principal(['read:own']))).toEqual([true, true, false, false, false, false]); // whose own?
    expect(await table(principal(['read:own'], 'd1'))).toEqual([true, true, false, true, false, false]);
    expect(await table(principal(['read:all']))).toEqual([true, true, false, true, true, false]);
    expect(await table(principal(['admin']))).toEqual([true, true, true, true, true, true]);
    expect(await table(principal([]))).toEqual([true, true, false, false, false, false]);
  });

  it('tells the handler who asks; on a public route nobody', async () => {
    guardRoutes(server, authenticator);
    route('GET', '/public', 'public');
    route('GET', '/all', 'read:all');
    const one = principal(['read:all']);
    found = () => one;
    await server.inject({ url: '/public' });
    await server.inject({ url: '/all' });
    expect([seen[0] === NOBODY, seen[1] === one, principalOf({}) === NOBODY]).toEqual([true, true, true]);
  });

  it('lets everybody do everything where no key is asked for', async () => {
    guardRoutes(server, new OpenAuthenticator({ origins: [], isLocal: true }));
    route('GET', '/admin', 'admin');
    expect(await statusOf({ url: '/admin', headers: { authorization: 'Nonsense' } })).toBe(200);
    expect(seen[0]).toBe(ANYBODY);
  });

  it('refuses a device that names another one, before it is heard', async () => {
    guardRoutes(server, authenticator);
    route('POST', '/data', 'ingest');
    found = () => principal(['ingest'], 'd1');
    const named = (device?: string) => statusOf({ method: 'POST', url: '/data', headers: device === undefined ? {} : { 'x-device-id': device } });
    expect([await named(), await named('d1'), await named('d2'), await named('D1')]).toEqual([200, 200, [403, 'forbidden'], [403, 'forbidden']]);
    found = () => principal(['ingest']);
    expect(await named('d2')).toBe(200);
  });

  it('says of a POST that it could not look at that nothing was stored', async () => {
    guardRoutes(server, authenticator);
    route('POST', '/data', 'ingest');
    route('GET', '/data', 'read:own');
    for (const fail of [() => Promise.reject(refusal.tableUnreachable(new Error('gone'))), () => { throw refusal.overloaded(); }]) {
      found = fail;
      expect((await server.inject({ method: 'POST', url: '/data' })).json()).toMatchObject({ outcome: 'not_stored' });
      expect((await server.inject({ url: '/data' })).json()).not.toHaveProperty('outcome');
    }
  });
});

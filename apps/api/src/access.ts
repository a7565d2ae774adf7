import { RouteConfig } from '@nestjs/platform-fastify';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';
import type { Scope } from './principal.js';

/** What a request needs to be answered by a route: a scope, or nothing. */
export type Access = Scope | 'public';

const ACCESS = Symbol('ingot:access');

/**
 * Declares what a controller's method takes. Every route declares it, or the service does not start. It becomes part of
 * the config of the Fastify route; a `@RouteConfig` beside it stands below it.
 */
export function Access(access: Access): MethodDecorator {
  return (target, name, descriptor) => {
    const handler = descriptor.value as object;
    Reflect.defineMetadata(ACCESS, access, handler);
    const config = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, handler) as object | undefined;
    RouteConfig({ ...config, access })(target, name, descriptor as TypedPropertyDescriptor<unknown>);
  };
}

/** What `@Access` said of a controller's method. */
export function accessOfHandler(handler: object): Access | undefined {
  return Reflect.getMetadata(ACCESS, handler) as Access | undefined;
}

/** The same of a Fastify route, by its config. */
export function accessOfRoute(config: object | undefined): Access | undefined {
  return (config as { access?: Access } | undefined)?.access;
}

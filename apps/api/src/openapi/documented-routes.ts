import { RequestMethod, type Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { accessOfHandler } from '../access.js';
import { documentationOf } from '../documented.js';
import type { DocumentedRoute } from './documented-operation.js';

export interface RouteOfController {
  readonly method: string;
  readonly path: string;
  readonly handler: object;
}

/** The routes that Nest takes from a controller class. */
export function routesOf(controller: Type): RouteOfController[] {
  const prefixes = [Reflect.getMetadata(PATH_METADATA, controller) as string | string[]].flat();
  const prototype = controller.prototype as Record<string, object>;
  return Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const handler = prototype[name];
    const method = typeof handler === 'function' ? (Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined) : undefined;
    if (handler === undefined || method === undefined) return [];
    const paths = [Reflect.getMetadata(PATH_METADATA, handler) as string | string[]].flat();
    return prefixes.flatMap((prefix) => paths.map((path) => ({ method: RequestMethod[method], path: joined(prefix, path), handler })));
  });
}

/** Those that say themselves what they do; the routes of endpoint files and sources do not. */
export function documentedRoutes(controllers: readonly Type[]): DocumentedRoute[] {
  return controllers.flatMap(routesOf).flatMap(({ method, path, handler }) => {
    const documentation = documentationOf(handler);
    return documentation === undefined ? [] : [{ method, path, documentation, access: accessOfHandler(handler) ?? 'admin' }];
  });
}

function joined(...parts: string[]): string {
  return `/${parts.flatMap((part) => part.split('/')).filter((part) => part !== '').join('/')}`;
}

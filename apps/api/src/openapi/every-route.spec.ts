import { describe, expect, it } from '@jest/globals';
import type { DynamicModule, Type } from '@nestjs/common';
import { AppModule, type AppOptions } from '../app.module.js';
import { accessOfHandler } from '../access.js';
import { documentationOf } from '../documented.js';
import { openApiDocument } from './document.js';
import { documentedRoutes, routesOf } from './documented-routes.js';

/** The controllers of a project without sources and endpoints; those of both have no documentation of their own. */
function controllersOf({ controllers = [], imports = [] }: DynamicModule): Type[] {
  return [...controllers, ...imports.flatMap((each) => controllersOf(each as DynamicModule))];
}

describe('every route of the service', () => {
  const options = { ingest: { sources: [] }, query: { endpoints: [] }, transform: {}, operations: {}, metrics: {}, openApi: { version: '1', endpoints: [], sources: [] } } as unknown as AppOptions;
  const controllers = controllersOf(AppModule.register(options));

  it('says what it does', () => {
    const routes = controllers.flatMap(routesOf);
    expect(routes.length).toBeGreaterThan(10);
    expect(routes.filter(({ handler }) => documentationOf(handler) === undefined).map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  it('declares who may ask it', () => {
    const routes = controllers.flatMap(routesOf);
    const open = routes.filter(({ handler }) => accessOfHandler(handler) === 'public').map(({ path }) => path);
    expect(routes.filter(({ handler }) => accessOfHandler(handler) === undefined)).toEqual([]);
    expect(open.sort()).toEqual(['/docs', '/docs/assets/:file', '/docs/errors', '/health', '/health/live', '/health/ready', '/openapi.json']);
    expect(routes.filter(({ method, handler }) => method !== 'GET' && accessOfHandler(handler) !== 'admin')).toEqual([]);
  });

  it('is in a document that can be made: no two classes have one name, every schema is there', () => {
    const document = openApiDocument({ version: '1', endpoints: [], sources: [], routes: documentedRoutes(controllers) });
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name ?? '');
    expect(references.filter((name) => !Object.hasOwn(document.components.schemas, name))).toEqual([]);
  });
});

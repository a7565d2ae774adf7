import { createHash } from 'node:crypto';
import { Inject, Injectable, type Type } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { DescribedEndpoint } from '@ingot/endpoints';
import { openApiDocument, type OpenApiDocument } from './document.js';
import { documentedRoutes, routesOf } from './documented-routes.js';
import { withRecordedExamples } from './recorded-examples.js';
import type { DocumentedSource } from './source-operation.js';

export const OPENAPI_OPTIONS = Symbol('OPENAPI_OPTIONS');

export interface OpenApiOptions {
  readonly version: string;
  readonly endpoints: readonly DescribedEndpoint[];
  readonly sources: readonly DocumentedSource[];
}

interface Rendered {
  readonly body: string;
  /** A strong entity tag. */
  readonly etag: string;
}

/** The OpenAPI document of this very service: its endpoint files, sources and controllers. Made when it is first asked for. */
@Injectable()
export class OpenApiService {
  private rendering?: Promise<Rendered>;

  constructor(
    @Inject(OPENAPI_OPTIONS) private readonly options: OpenApiOptions,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
  ) {}

  rendered(): Promise<Rendered> {
    this.rendering ??= this.render();
    return this.rendering;
  }

  document(): OpenApiDocument {
    return openApiDocument({ ...this.options, routes: documentedRoutes(this.controllers()) });
  }

  /** `METHOD /path` of every route that a controller has. */
  routes(): string[] {
    return this.controllers().flatMap(routesOf).map(({ method, path }) => `${method} ${path}`);
  }

  private async render(): Promise<Rendered> {
    const body = JSON.stringify(await withRecordedExamples(this.document()));
    return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` };
  }

  private controllers(): Type[] {
    return this.discovery.getControllers().flatMap(({ metatype }) => (metatype === null ? [] : [metatype as Type]));
  }
}

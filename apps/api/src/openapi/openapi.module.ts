import { Module, type DynamicModule } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { OpenApiController } from './openapi.controller.js';
import { OPENAPI_OPTIONS, OpenApiService, type OpenApiOptions } from './openapi.service.js';

export type { OpenApiOptions } from './openapi.service.js';

@Module({})
export class OpenApiModule {
  static register(options: OpenApiOptions): DynamicModule {
    return {
      module: OpenApiModule,
      imports: [DiscoveryModule],
      controllers: [OpenApiController],
      providers: [OpenApiService, { provide: OPENAPI_OPTIONS, useValue: options }],
    };
  }
}

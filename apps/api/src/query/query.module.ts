import { Module, type DynamicModule } from '@nestjs/common';
import { endpointController } from './endpoint-controller.js';
import { QUERY_OPTIONS, QueryService, type QueryOptions } from './query.service.js';

export type { QueryOptions } from './query.service.js';

/** One GET route for each endpoint file. */
@Module({})
export class QueryModule {
  static register(options: QueryOptions): DynamicModule {
    return {
      module: QueryModule,
      controllers: options.endpoints.map(endpointController),
      providers: [QueryService, { provide: QUERY_OPTIONS, useValue: options }],
    };
  }
}

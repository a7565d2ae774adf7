import { Module, type DynamicModule } from '@nestjs/common';
import { IngestModule } from './ingest/ingest.module.js';
import type { IngestOptions } from './ingest/ingest.service.js';
import { OpenApiModule, type OpenApiOptions } from './openapi/openapi.module.js';
import { MetricsModule } from './operations/metrics/metrics.module.js';
import type { MetricsOptions } from './operations/metrics/metrics.service.js';
import { OperationsModule, type OperationsOptions } from './operations/operations.module.js';
import { QueryModule, type QueryOptions } from './query/query.module.js';
import { TransformModule } from './transform/transform.module.js';
import type { TransformOptions } from './transform/transform.service.js';

export interface AppOptions {
  ingest: IngestOptions;
  query: QueryOptions;
  transform: TransformOptions;
  operations: OperationsOptions;
  metrics: MetricsOptions;
  openApi: OpenApiOptions;
}

/** The one place where the features meet; none of them knows another. */
@Module({})
export class AppModule {
  static register({ ingest, query, transform, operations, metrics, openApi }: AppOptions): DynamicModule {
    return {
      module: AppModule,
      imports: [
        IngestModule.register(ingest),
        QueryModule.register(query),
        TransformModule.register(transform),
        OperationsModule.register(operations),
        MetricsModule.register(metrics),
        OpenApiModule.register(openApi),
      ],
    };
  }
}

import { Module, type DynamicModule } from '@nestjs/common';
import { ingestController } from './ingest.controller.js';
import { INGEST_OPTIONS, IngestService, type IngestOptions } from './ingest.service.js';

@Module({})
export class IngestModule {
  static register(options: IngestOptions): DynamicModule {
    return {
      module: IngestModule,
      controllers: options.sources.map(ingestController),
      providers: [IngestService, { provide: INGEST_OPTIONS, useValue: options }],
      exports: [IngestService],
    };
  }
}

import { Module, type DynamicModule } from '@nestjs/common';
import { HealthController } from './health.controller.js';
import { HEALTH_OPTIONS, HealthService, type HealthOptions } from './health.service.js';

@Module({})
export class OperationsModule {
  static register(options: HealthOptions): DynamicModule {
    return {
      module: OperationsModule,
      controllers: [HealthController],
      providers: [HealthService, { provide: HEALTH_OPTIONS, useValue: options }],
    };
  }
}

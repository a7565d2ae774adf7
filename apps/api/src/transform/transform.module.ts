import { Module, type DynamicModule } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { TRANSFORM_OPTIONS, TransformService, type TransformOptions } from './transform.service.js';

@Module({})
export class TransformModule {
  static register(options: TransformOptions): DynamicModule {
    return {
      module: TransformModule,
      imports: [ScheduleModule.forRoot()],
      providers: [TransformService, { provide: TRANSFORM_OPTIONS, useValue: options }],
    };
  }
}

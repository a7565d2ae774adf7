import { Module, type DynamicModule } from '@nestjs/common';
import { HealthController } from './health.controller.js';
import { HEALTH_OPTIONS, HealthService, type HealthOptions } from './health.service.js';
import { LineageController } from './lineage/lineage.controller.js';
import { ModelsController } from './models/models.controller.js';
import { QuarantineController } from './quarantine/quarantine.controller.js';
import { RECORDS, type Records } from './records.js';
import { RequestPipe } from './request-pipe.js';
import { RunsController } from './runs/runs.controller.js';
import { RejectedLines } from './stats/rejected-lines.js';
import { StatsController } from './stats/stats.controller.js';

export interface OperationsOptions {
  health: HealthOptions;
  records: Records;
}

/** What operators ask: is it up, how far behind is it, what ran, what was put aside. */
@Module({})
export class OperationsModule {
  static register({ health, records }: OperationsOptions): DynamicModule {
    return {
      module: OperationsModule,
      controllers: [HealthController, RunsController, StatsController, ModelsController, LineageController, QuarantineController],
      providers: [HealthService, RequestPipe, RejectedLines, { provide: HEALTH_OPTIONS, useValue: health }, { provide: RECORDS, useValue: records }],
    };
  }
}

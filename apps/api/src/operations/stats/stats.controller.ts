import { Controller, Get, Header, Inject, Query } from '@nestjs/common';
import { jsonDocument } from '@ingot/datasets';
import { readDatasetStats, type DatasetStats, type SourceStats } from '@ingot/models';
import { Access } from '../../access.js';
import { Documented } from '../../documented.js';
import { NoQuery } from '../no-query.js';
import { RECORDS, type Records } from '../records.js';
import { RequestPipe } from '../request-pipe.js';
import { RejectedLines } from './rejected-lines.js';
import { StatsAnswer } from './stats-answer.js';

/** How each dataset and source is doing. */
@Controller('stats')
export class StatsController {
  constructor(
    @Inject(RECORDS) private readonly records: Records,
    @Inject(RejectedLines) private readonly rejected: RejectedLines,
  ) {}

  @Documented({
    tag: 'Operations',
    summary: 'What came in, what was refused, how far behind each dataset is',
    query: NoQuery,
    answers: { 200: { description: 'Datasets that this database holds.', body: StatsAnswer } },
    problems: ['invalid-parameter', 'overloaded', 'database-unavailable'],
  })
  @Access('read:all')
  @Get()
  @Header('cache-control', 'no-store')
  async stats(@Query(RequestPipe) _query: NoQuery): Promise<StatsAnswer> {
    const { datasets, database } = this.records;
    const all = await database.ask(async (client) => {
      const found: (DatasetStats | undefined)[] = [];
      for (const dataset of datasets) found.push(await readDatasetStats(client, dataset));
      return found;
    });
    return jsonDocument({ at: new Date(), datasets: all.flatMap((stats) => (stats === undefined ? [] : [this.tellDataset(stats)])) });
  }

  private tellDataset({ dataset, isApplied, sources, ...rest }: DatasetStats) {
    return { dataset, applied: isApplied, standsStill: this.records.standsStill(dataset) ?? null, ...rest, sources: sources.map((source) => this.tellSource(source)) };
  }

  private tellSource({ source, stored, held, quarantined, backlog, freshness }: SourceStats) {
    const { relation, path } = source;
    return {
      source: relation,
      route: `POST ${path}`,
      stored,
      held,
      rejected: { ...this.rejected.of(relation), since: this.rejected.since },
      quarantined: { rows: quarantined.rows, exact: quarantined.isExact },
      backlog: { lines: backlog.lines, exact: backlog.isExact },
      lagSeconds: backlog.ageMs / 1_000,
      freshness: {
        newestAt: freshness.newest === null ? null : new Date(freshness.newest),
        ageSeconds: freshness.ageMs === null ? null : Math.max(0, freshness.ageMs) / 1_000,
        outcome: freshness.outcome,
        message: freshness.message ?? null,
      },
    };
  }
}

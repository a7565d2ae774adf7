import { Controller, Get, Header, Inject, Param, Query, Res } from '@nestjs/common';
import { jsonDocument } from '@ingot/datasets';
import { runDetailDocument, runDocument, type Run, type RunHistory } from '@ingot/db';
import { compareRuns } from '@ingot/models';
import type { FastifyReply } from 'fastify';
import { Access } from '../../access.js';
import { Documented } from '../../documented.js';
import { Problem, wrongParameters } from '../../problem.js';
import { nextPage } from '../next-page.js';
import { NoQuery } from '../no-query.js';
import { RECORDS, type Records } from '../records.js';
import { RequestPipe } from '../request-pipe.js';
import { ComparisonAnswer } from './comparison-answer.js';
import { RunDetailAnswer, RunsAnswer } from './run-answers.js';
import { CompareQuery, RunParams, RunsQuery } from './run-requests.js';

const DEFAULT_LIMIT = 20;
const DEFAULT_LAST = 20;

/** What has run: the same records as `ingot runs`, `runs show` and `runs compare`. */
@Controller('runs')
export class RunsController {
  constructor(@Inject(RECORDS) private readonly records: Records) {}

  @Documented({
    tag: 'Operations',
    summary: 'What has run, newest first',
    query: RunsQuery,
    answers: { 200: { description: 'Records without their steps.', body: RunsAnswer, headers: { Link: 'The next page, when there is one: `rel="next"`.' } } },
    problems: ['invalid-parameter', 'overloaded', 'database-unavailable'],
  })
  @Access('read:all')
  @Get()
  @Header('cache-control', 'no-store')
  async list(@Query(RequestPipe) query: RunsQuery, @Res({ passthrough: true }) reply: FastifyReply): Promise<RunsAnswer> {
    const limit = query.limit ?? DEFAULT_LIMIT;
    const found = await this.records.database.askHistory((history) => history.list({ ...query, limit: limit + 1 }));
    const runs = found.slice(0, limit);
    if (found.length > limit) void reply.header('link', nextPage('/runs', { ...query, before: runs.at(-1)!.id }));
    return jsonDocument({ runs: runs.map(runDocument) });
  }

  @Documented({
    tag: 'Operations',
    summary: 'Two runs side by side, with what is odd about the second',
    query: CompareQuery,
    answers: { 200: { description: 'Figures of both.', body: ComparisonAnswer } },
    problems: ['invalid-parameter', 'no-such-resource', 'overloaded', 'database-unavailable'],
  })
  @Access('read:all')
  @Get('compare')
  @Header('cache-control', 'no-store')
  compare(@Query(RequestPipe) { a, b, last = DEFAULT_LAST }: CompareQuery): Promise<ComparisonAnswer> {
    return this.records.database.askHistory(async (history) => {
      const [left, right] = [await findRun(history, a), await findRun(history, b)];
      if (left.dataset !== right.dataset) throw wrongParameters([{ parameter: 'b', code: 'invalid', detail: `is a run of ${right.dataset}, a one of ${left.dataset}: only runs of one dataset compare` }]);
      if (left.kind !== right.kind) throw wrongParameters([{ parameter: 'b', code: 'invalid', detail: `is a ${right.kind}, a a ${left.kind}: only the same kind compares` }]);
      return jsonDocument(compareRuns(left, right, await history.durationsBefore(right, last)));
    });
  }

  @Documented({
    tag: 'Operations',
    summary: 'One run with its steps, tests and error',
    params: RunParams,
    query: NoQuery,
    answers: { 200: { description: 'The record.', body: RunDetailAnswer } },
    problems: ['invalid-parameter', 'no-such-resource', 'overloaded', 'database-unavailable'],
  })
  @Access('read:all')
  @Get(':id')
  @Header('cache-control', 'no-store')
  show(@Param(RequestPipe) { id }: RunParams, @Query(RequestPipe) _query: NoQuery): Promise<RunDetailAnswer> {
    return this.records.database.askHistory(async (history) => jsonDocument(runDetailDocument(await findRun(history, id))));
  }
}

async function findRun(history: RunHistory, id: number): Promise<Run> {
  const run = await history.find(id);
  if (run !== null) return run;
  throw new Problem('no-such-resource', `There is no run ${id}; GET /runs lists those that are remembered.`);
}

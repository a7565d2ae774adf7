import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { didYouMean, jsonDocument, type Dataset } from '@ingot/datasets';
import { listEntries, listQuarantine, readEntry, reasonsOf, requestReplay, type Entries, type QuarantineEntry, type Requested } from '@ingot/models';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { Access } from '../../access.js';
import { Documented } from '../../documented.js';
import { JSON_BODY } from '../../json-body.js';
import { Problem, wrongParameters } from '../../problem.js';
import { nextPage } from '../next-page.js';
import { NoQuery } from '../no-query.js';
import { datasetNames, RECORDS, type Records } from '../records.js';
import { RequestPipe } from '../request-pipe.js';
import { EntriesAnswer, EntryAnswer, GroupsAnswer, ReplayAnswer } from './quarantine-answers.js';
import { EntriesQuery, EntryParams, QuarantineQuery, ReplayRequest } from './quarantine-requests.js';

const DEFAULT_LIMIT = 20;

/** Rows kept aside: what `ingot quarantine` shows and does. */
@Controller('quarantine')
export class QuarantineController {
  constructor(@Inject(RECORDS) private readonly records: Records) {}

  @Documented({
    tag: 'Operations',
    summary: 'How many rows lie in quarantine, by model and reason',
    query: QuarantineQuery,
    answers: { 200: { description: 'Groups of entries.', body: GroupsAnswer } },
    problems: ['invalid-parameter', 'overloaded', 'database-unavailable'],
  })
  @Access('read:all')
  @Get()
  @Header('cache-control', 'no-store')
  async groups(@Query(RequestPipe) query: QuarantineQuery): Promise<GroupsAnswer> {
    return jsonDocument({ groups: await this.records.database.ask((client) => listQuarantine(client, datasetNames(this.records, query.dataset), query)) });
  }

  @Documented({
    tag: 'Operations',
    summary: 'Rows in quarantine one by one, newest first',
    query: EntriesQuery,
    answers: { 200: { description: 'Entries.', body: EntriesAnswer, headers: { Link: 'The next page, when there is one: `rel="next"`.' } } },
    problems: ['invalid-parameter', 'overloaded', 'database-unavailable'],
  })
  @Access('read:all')
  @Get('entries')
  @Header('cache-control', 'no-store')
  async list(@Query(RequestPipe) query: EntriesQuery, @Res({ passthrough: true }) reply: FastifyReply): Promise<EntriesAnswer> {
    const limit = query.limit ?? DEFAULT_LIMIT;
    const found = await this.records.database.ask((client) => listEntries(client, datasetNames(this.records, query.dataset), { ...query, limit: limit + 1 }));
    const entries = found.slice(0, limit);
    if (found.length > limit) void reply.header('link', nextPage('/quarantine/entries', { ...query, before: entries.at(-1)!.id }));
    return { entries: entries.map((entry) => this.tell(entry)) };
  }

  @Documented({
    tag: 'Operations',
    summary: 'One row in quarantine: as it came in, why it is there, where the rule stands',
    params: EntryParams,
    query: NoQuery,
    answers: { 200: { description: 'The entry.', body: EntryAnswer } },
    problems: ['invalid-parameter', 'no-such-resource', 'overloaded', 'database-unavailable'],
  })
  @Access('read:all')
  @Get('entries/:id')
  @Header('cache-control', 'no-store')
  async show(@Param(RequestPipe) { id }: EntryParams, @Query(RequestPipe) _query: NoQuery): Promise<EntryAnswer> {
    const entry = await this.records.database.ask((client) => readEntry(client, id));
    if (entry === undefined) throw new Problem('no-such-resource', `No entry ${id} lies in quarantine.`);
    return this.tell(entry);
  }

  @Documented({
    tag: 'Operations',
    summary: 'Has the next run take rows in again, after the model or a rule has changed',
    body: ReplayRequest,
    query: NoQuery,
    answers: { 202: { description: 'The runner was woken.', body: ReplayAnswer } },
    problems: ['invalid-parameter', 'invalid-body', 'no-such-resource', 'unsupported-media-type', 'overloaded', 'database-unavailable'],
  })
  @Access('admin')
  @Post('replay')
  @HttpCode(202)
  @Header('cache-control', 'no-store')
  @RouteConfig(JSON_BODY)
  async replay(@Body(RequestPipe) request: ReplayRequest, @Query(RequestPipe) _query: NoQuery): Promise<ReplayAnswer> {
    const datasets = this.records.datasets.filter(({ name }) => request.dataset === undefined || name === request.dataset);
    const entries = chooseEntries(request, datasets);
    const outcomes = await this.records.database.ask(async (client) => {
      const all: Requested[] = [];
      for (const dataset of datasets) all.push(await requestReplay(client, dataset, entries));
      return all;
    });
    const requested = outcomes.reduce((sum, outcome) => sum + outcome.requested, 0);
    const refused = outcomes.flatMap((outcome) => [...outcome.refused]);
    if (requested + refused.length === 0) throw new Problem('no-such-resource', 'No such entry lies in quarantine.');
    outcomes.forEach((outcome, at) => (outcome.requested > 0 ? this.records.wake(datasets[at]!.name) : undefined));
    return { requested, refused };
  }

  private tell(entry: QuarantineEntry): EntryAnswer {
    const { id, dataset, model, input, inputRow, runId, codeHash, firstAt, at, attempts, replay } = entry;
    const reasons = reasonsOf(entry, this.records.datasets.find(({ name }) => name === dataset));
    return jsonDocument({ id, dataset, model, input, inputRow, reasons, runId, codeHash, firstAt, at, attempts, replay });
  }
}

function chooseEntries({ ids, model, all }: ReplayRequest, datasets: readonly Dataset[]): Entries {
  const said = [ids, model, all].filter((one) => one !== undefined);
  if (said.length !== 1) throw wrongParameters([{ parameter: 'ids', code: said.length === 0 ? 'missing' : 'invalid', detail: `${said.length === 0 ? 'is missing' : 'is not alone'}: a replay takes just one of ids, model and all` }]);
  if (ids !== undefined) return { ids };
  if (model === undefined) return 'all';
  const relations = datasets.flatMap(({ models }) => models.map(({ relation }) => relation));
  if (!relations.includes(model)) throw wrongParameters([{ parameter: 'model', code: 'invalid', detail: `names no model there is${didYouMean(model, relations)}` }]);
  return { model };
}

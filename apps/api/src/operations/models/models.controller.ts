import { Controller, Get, Header, Inject, Param, Query } from '@nestjs/common';
import { bareName, didYouMean } from '@ingot/datasets';
import { Access } from '../../access.js';
import { Documented } from '../../documented.js';
import { Problem } from '../../problem.js';
import { NoQuery } from '../no-query.js';
import { RECORDS, type Records } from '../records.js';
import { RequestPipe } from '../request-pipe.js';
import { ModelDetailAnswer, ModelsAnswer } from './model-answers.js';
import { readModels } from './model-catalog.js';
import { ModelParams, ModelsQuery } from './model-requests.js';

/** The models as their files and the database have them. */
@Controller('models')
export class ModelsController {
  constructor(@Inject(RECORDS) private readonly records: Records) {}

  @Documented({
    tag: 'Operations',
    summary: 'Every model: kind, columns, tests, what it reads, its last run, its size, whether its code is applied',
    query: ModelsQuery,
    answers: { 200: { description: 'In graph order.', body: ModelsAnswer } },
    problems: ['invalid-parameter', 'overloaded', 'database-unavailable'],
  })
  @Access('read:all')
  @Get()
  @Header('cache-control', 'no-store')
  async list(@Query(RequestPipe) { dataset }: ModelsQuery): Promise<ModelsAnswer> {
    const models = await this.read(dataset);
    return { models: models.map(({ sql: _sql, columns, ...model }) => ({ ...model, columns: columns.map(({ from: _from, ...column }) => column) })) };
  }

  @Documented({
    tag: 'Operations',
    summary: 'One model with its SELECT and what each column comes from',
    params: ModelParams,
    query: NoQuery,
    answers: { 200: { description: 'The model.', body: ModelDetailAnswer } },
    problems: ['invalid-parameter', 'no-such-resource', 'overloaded', 'database-unavailable'],
  })
  @Access('read:all')
  @Get(':name')
  @Header('cache-control', 'no-store')
  async show(@Param(RequestPipe) { name }: ModelParams, @Query(RequestPipe) _query: NoQuery): Promise<ModelDetailAnswer> {
    const model = this.find(name);
    return (await this.read(model.dataset)).find((one) => one.name === model.relation)!;
  }

  private read(dataset: string | undefined): Promise<ModelDetailAnswer[]> {
    const { datasets, endpoints, database } = this.records;
    return database.ask((client) => readModels(client, datasets.filter(({ name }) => dataset === undefined || name === dataset), endpoints));
  }

  private find(name: string): { relation: string; dataset: string } {
    const all = this.records.datasets.flatMap(({ name: dataset, models }) => models.map(({ relation }) => ({ relation, dataset })));
    const exact = all.find(({ relation }) => relation === name);
    const short = all.filter(({ relation }) => bareName(relation) === name);
    if (exact !== undefined) return exact;
    if (short.length === 1) return short[0]!;
    if (short.length > 1) throw new Problem('no-such-resource', `${name} is the name of ${short.map(({ relation }) => relation).join(' and ')}: say which.`);
    const nearest = didYouMean(name, all.flatMap(({ relation }) => (name.includes('.') ? [relation] : [bareName(relation), relation])));
    throw new Problem('no-such-resource', `There is no model ${JSON.stringify(name)}${nearest || '; GET /models lists them.'}`);
  }
}

import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Param, Post } from '@nestjs/common';
import type { DescribedEndpoint, Parameter } from '@ingot/endpoints';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { IsIn, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { Documented, Field } from '../documented.js';
import { openApiDocument, type OpenApiDocument } from './document.js';
import { documentedRoutes, routesOf } from './documented-routes.js';

class Step {
  @Field({ type: 'string' }) model: string;
  @Field({ type: 'integer', nullable: true, varies: true, examples: [12] }) rows: number | null;
}
class Run {
  @Field({ type: 'integer', description: 'its id' }) id: number;
  @Field({ type: 'string', enum: ['ok', 'failed'], nullable: true }) status: string | null;
  @Field({ of: [Step] }) steps: Step[];
  @Field({ of: Step, nullable: true }) last: Step | null;
  @Field({ type: 'string', optional: true }) note?: string;
}
class RunsQuery {
  @Field({ description: 'at most so many', examples: [20] })
  @IsInt()
  @Min(1)
  @Max(500)
  @IsOptional()
  limit?: number;

  @IsIn(['a', 'b'])
  status: string;
}
class RunParams {
  @IsString()
  id: string;
}

@Controller('runs')
class RunsController {
  @Get()
  @Documented({ tag: 'operations', summary: 'Runs', query: RunsQuery, answers: { 200: { description: 'They.', body: [Run] } } })
  list(): void {}

  @Get(':id')
  @Documented({ tag: 'operations', summary: 'One run', params: RunParams, answers: { 200: { description: 'It.', body: Run, headers: { Link: 'the next one' } } }, problems: ['not-found'] })
  show(@Param('id') _id: string): void {}

  @Post(':id/again')
  @Documented({ tag: 'operations', summary: 'Again', params: RunParams, body: RunsQuery, answers: { 202: { description: 'Asked for.' } } })
  again(): void {}

  @Get('left/out')
  undocumented(): void {}
}

const parameter = (name: string, more: Partial<Parameter> = {}): Parameter => ({ name, type: 'text', required: false, description: `the ${name}`, endOfDay: false, ...more });
const ENDPOINT = {
  dataset: 'sensor',
  path: '/data',
  scope: 'read:all',
  description: 'Readings of a range.\nAnd more words.',
  formats: ['json', 'ndjson'],
  omitNull: ['device'],
  arms: [],
  cacheable: true,
  columns: [
    { name: 'time', type: 1184 },
    { name: 'name', type: 25 },
    { name: 'value', type: 701 },
    { name: 'device', type: 25 },
    { name: 'any', type: 1186 },
  ],
  parameters: [
    parameter('from', { type: 'timestamp', required: true, example: '2022-04-14' }),
    parameter('day', { type: 'date', default: '2022-04-14', minimum: '2000-01-01' }),
    parameter('points', { type: 'integer', default: '500', minimum: '1', maximum: '5000' }),
    parameter('least', { type: 'number', default: '-1.5' }),
    parameter('all', { type: 'boolean', default: 'true' }),
    parameter('kind', { type: 'enum', values: ['a', 'b'], default: 'a' }),
    parameter('names', { type: 'list', of: 'text', maxItems: 3, example: 'Voltage,Current' }),
  ],
} as unknown as DescribedEndpoint;

const make = (endpoint: Partial<DescribedEndpoint> = {}): OpenApiDocument =>
  openApiDocument({ version: '1.2.3', endpoints: [{ ...ENDPOINT, ...endpoint }], sources: [{ dataset: 'sensor', path: '/data', limits: { bytes: 1_000, lines: 10, lineBytes: 100 } }], routes: documentedRoutes([RunsController]) });

const ajv = new Ajv2020({ strict: false, validateFormats: false, schemas: [{ ...make(), $id: 'api' }] });

/** What the schema at a pointer into the document says of a value. */
function errorsOf(pointer: string, value: unknown): string[] {
  const validate = ajv.getSchema(`api#${pointer}`) ?? ajv.compile({ $ref: `api#${pointer}` });
  return validate(value) === true ? [] : (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
}

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    expect(await validator.validate(make() as unknown as Record<string, unknown>)).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
    const broken = { ...make(), paths: { '/x': { get: { responses: { 200: {} } } } } };
    expect((await new Validator().validate(broken)).valid).toBe(false);
  });

  it('has every route: of endpoint files, of sources, and of controllers that are documented', () => {
    const routes = Object.entries(make().paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`));
    expect(routes).toEqual(['post /data', 'get /data', 'get /runs', 'get /runs/{id}', 'post /runs/{id}/again']);
    expect(routesOf(RunsController).map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /runs', 'GET /runs/:id', 'POST /runs/:id/again', 'GET /runs/left/out']);
  });

  it('gives parameters their types, defaults, bounds and examples as JSON', () => {
    const parameters: Record<string, unknown> = Object.fromEntries((make().paths['/data']?.get?.parameters ?? []).map((each) => [String(each.name), each as unknown]));
    expect(parameters.from).toMatchObject({ in: 'query', required: true, example: '2022-04-14', schema: { type: 'string' } });
    expect(parameters.day).toMatchObject({ required: false, description: 'the day; not before 2000-01-01', example: '2022-04-14', schema: { type: 'string', format: 'date', default: '2022-04-14' } });
    expect(parameters.points).toMatchObject({ schema: { type: 'integer', minimum: 1, maximum: 5_000, default: 500 } });
    expect(parameters.least).toMatchObject({ schema: { type: 'number', default: -1.5 } });
    expect(parameters.all).toMatchObject({ schema: { type: 'boolean', default: true } });
    expect(parameters.kind).toMatchObject({ schema: { enum: ['a', 'b'], default: 'a' } });
    expect(parameters.names).toMatchObject({ example: ['Voltage', 'Current'], explode: false, schema: { type: 'array', minItems: 1, maxItems: 3, items: { type: 'string' } } });
    expect(parameters.format).toMatchObject({ schema: { enum: ['json', 'ndjson'], default: 'json' } });
    expect(parameters.limit).toBeUndefined();
  });

  it('documents pages only where there are any, and 304 only where answers can be told apart', () => {
    const paged = make({ page: { defaultLimit: 10, maxLimit: 100 }, arms: [{}] as unknown as DescribedEndpoint['arms'], cacheable: false }).paths['/data']?.get;
    expect(paged?.parameters).toContainEqual(expect.objectContaining({ name: 'limit', schema: { type: 'integer', minimum: 1, maximum: 100, default: 10 } }));
    expect(Object.keys(paged?.responses ?? {})).toEqual(['200', '400', '401', '403', '406', '410', '429', '503', 'default']);
    expect(paged?.responses[200]?.headers).toHaveProperty('Link');
    expect(Object.keys(make().paths['/data']?.get?.responses ?? {})).toEqual(['200', '304', '400', '401', '403', '406', '429', '503', 'default']);
  });

  it('tells null columns from left out ones, and allows no other', () => {
    const check = (row: unknown): string[] => errorsOf('/paths/~1data/get/responses/200/content/application~1json/schema', [row]);
    const row = { time: '2022-04-14T00:00:00.000Z', name: 'Voltage', value: 1.5, any: { x: [1] } };
    expect(check(row)).toEqual([]);
    expect(check({ ...row, device: 'a', value: null, name: null, time: null, any: null })).toEqual([]);
    expect(check({ ...row, device: null })).toEqual(['/0/device type']);
    expect(check({ ...row, value: '1.5' })).toEqual(['/0/value type']);
    expect(check({ ...row, more: 1 })).toEqual(['/0 additionalProperties']);
    expect(check({ time: row.time, name: 'Voltage', any: 1 })).toEqual(['/0 required']);
  });

  it('takes bodies from classes: required unless optional, null only where it may be', () => {
    const check = (run: unknown): string[] => errorsOf('/components/schemas/Run', run);
    const run = { id: 1, status: null, steps: [{ model: 'a', rows: null }], last: null };
    expect(check(run)).toEqual([]);
    expect(check({ ...run, note: 'x', last: { model: 'a', rows: 1 }, status: 'ok' })).toEqual([]);
    expect(check({ ...run, id: null })).toEqual(['/id type']);
    expect(check({ ...run, status: 'so so' })).toEqual(['/status enum']);
    expect(check({ ...run, steps: [{ model: 'a' }] })).toEqual(['/steps/0 required']);
    expect(check({ ...run, extra: 1 })).toEqual([' additionalProperties']);
    expect(make().components.schemas.Step).toMatchObject({ properties: { rows: { type: ['integer', 'null'], examples: [12], 'x-varies': true } } });
  });

  it("takes a query string and a path from class-validator's rules", () => {
    const { paths } = make();
    expect(paths['/runs']?.get?.parameters).toEqual([
      { name: 'limit', in: 'query', required: false, description: 'at most so many', schema: { type: 'integer', minimum: 1, maximum: 500 }, example: 20 },
      { name: 'status', in: 'query', required: true, schema: { enum: ['a', 'b'] } },
    ]);
    expect(paths['/runs/{id}']?.get?.parameters).toEqual([{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }]);
    expect(paths['/runs/{id}/again']?.post?.requestBody).toMatchObject({ content: { 'application/json': { schema: { $ref: '#/components/schemas/RunsQuery' } } } });
  });

  it('refuses two classes of one name', () => {
    const other = { Run: class Run {} }.Run;
    const route: ReturnType<typeof documentedRoutes>[number] = { method: 'GET', path: '/other', access: 'public', documentation: { tag: 'x', summary: 'x', answers: { 200: { description: 'x', body: other } } } };
    expect(() => openApiDocument({ version: '1', endpoints: [], sources: [], routes: [...documentedRoutes([RunsController]), route] })).toThrow('two classes of the document are called Run');
  });
});

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Api, type Document, type MediaType } from './openapi.js';
import { startService, type RunningService } from './service.js';

interface Request {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
}
interface Exchange {
  send: (url: string, request: Request) => Promise<{ status: number; type: string; value: unknown }>;
  stable: (value: unknown, schema: object, document: Document) => unknown;
}
const script = <T>(name: string): Promise<T> => import(path.resolve('scripts/openapi', name)) as Promise<T>;
const COMMITTED = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as Document;

/** [route, status, media type, name, example] of every example of the committed document. */
function examplesOf({ paths }: Document): [string, string, string, string, NonNullable<MediaType['examples']>[string]][] {
  return Object.entries(paths).flatMap(([route, item]) =>
    Object.entries(item).flatMap(([method, { responses }]) =>
      Object.entries(responses).flatMap(([status, { content = {} }]) =>
        Object.entries(content).flatMap(([type, { examples = {} }]) => Object.entries(examples).map(([name, example]) => [`${method.toUpperCase()} ${route}`, status, type, name, example] as const)),
      ),
    ),
  ) as ReturnType<typeof examplesOf>;
}

describe('the OpenAPI document of the service', () => {
  let database: TestDatabase;
  let service: RunningService;
  let api: Api;
  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startService(database.url);
    api = await Api.of(service.url);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });
  const get = (target: string, headers: Record<string, string> = {}): Promise<Response> => fetch(new URL(target, service.url), { headers });

  it('is valid OpenAPI 3.1, and the committed copy with its examples', async () => {
    expect(await new Validator().validate(structuredClone(api.document) as unknown as Record<string, unknown>)).toEqual({ valid: true });
    expect(api.document).toEqual(COMMITTED);
  });

  it('is sent again only when it changed', async () => {
    const etag = (await get('/openapi.json')).headers.get('etag') ?? '';
    const again = await get('/openapi.json', { 'if-none-match': etag });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  it('answers every example as the document shows it', async () => {
    const [{ send, stable }, { REQUESTS }] = await Promise.all([script<Exchange>('exchange.mjs'), script<{ REQUESTS: (Request & { route: string; name: string })[] }>('requests.mjs')]);
    const examples = examplesOf(COMMITTED);
    expect(examples.map(([route, , , name]) => `${route} ${name}`).sort()).toEqual(REQUESTS.map(({ route, name }) => `${route} ${name}`).sort());
    for (const { route, name } of REQUESTS) {
      const [, status, type, , { value, 'x-request': request }] = examples.find((example) => example[0] === route && example[3] === name)!;
      const answer = await send(service.url, request);
      const schema = COMMITTED.paths[route.split(' ')[1] ?? '']?.[request.method.toLowerCase()]?.responses[status]?.content?.[type]?.schema ?? {};
      expect([name, answer.status, answer.type, stable(answer.value, schema, COMMITTED)]).toEqual([name, Number(status), type, value]);
    }
  });

  it('shows only examples that its schemas allow', () => {
    const wrong = examplesOf(COMMITTED).flatMap(([route, status, type, name, { value }]) => {
      const [method = '', place = ''] = route.split(' ');
      return api.errors(['paths', place, method.toLowerCase(), 'responses', status, 'content', type, 'schema'], value).map((error) => `${route} ${name}: ${error}`);
    });
    expect(wrong).toEqual([]);
  });

  it('has a page that loads nothing from elsewhere', async () => {
    const page = await get('/docs');
    const html = await page.text();
    expect([page.status, page.headers.get('content-type'), page.headers.get('content-security-policy')]).toEqual([200, 'text/html; charset=utf-8', expect.stringContaining("default-src 'none'")]);
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
    const loaded = [...html.matchAll(/(?:src|href)="(\/docs\/assets\/[^"]+)"/g)].map(([, target]) => target ?? '');
    expect(loaded).toEqual(['/docs/assets/swagger-ui.css', '/docs/assets/swagger-ui-bundle.js', '/docs/assets/start.js']);
    for (const target of loaded) {
      const file = await get(target);
      expect([file.status, file.headers.get('content-type')]).toEqual([200, target.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8']);
      expect((await file.text()).length).toBeGreaterThan(50);
    }
    for (const other of ['package.json', '..%2fpackage.json', 'constructor']) expect((await get(`/docs/assets/${other}`)).status).toBe(404);
  });

  it('lets the type of a problem be followed to its section', async () => {
    const { type } = (await (await get('/nothing')).json()) as { type: string };
    const { hash, pathname } = new URL(type, service.url);
    const page = await get(pathname);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining(`id="${hash.slice(1)}"`)]);
  });
});

describe("a project's own endpoint files", () => {
  it('appear by themselves; examples are shown for operations that are what they were', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'ingot openapi-'));
    const endpoints = path.join(folder, 'sql/sensor/endpoints');
    cpSync('sql', path.join(folder, 'sql'), { recursive: true });
    writeFileSync(
      path.join(endpoints, 'loud.sql'),
      `/* ---
path: /loud
description: Readings above a value. By name.
parameters:
  above: { type: number, default: 1.5, minimum: 0, maximum: 100, description: the value }
formats: [json, csv]
--- */
select metric_name as name, metric_value as value, metric_value > 10 as very from silver.stg_readings where metric_value > :above order by raw_id
`,
    );
    writeFileSync(path.join(endpoints, 'data.sql'), readFileSync(path.join(endpoints, 'data.sql'), 'utf8').replace('only items of this name', 'items of this name only'));
    const database = await createTestDatabase();
    const service = await startService(database.url, { INGOT_SQL_DIR: path.join(folder, 'sql') });
    const { paths } = (await Api.of(service.url)).document;
    await service.stop();
    await database.drop();
    rmSync(folder, { recursive: true });

    const loud = paths['/loud']?.get;
    expect(loud?.parameters?.[0]).toEqual({ name: 'above', in: 'query', required: false, description: 'the value', schema: { type: 'number', minimum: 0, maximum: 100, default: 1.5 }, example: 1.5 });
    expect(Object.keys(loud?.responses[200]?.content ?? {})).toEqual(['application/json', 'text/csv']);
    expect(loud?.responses[200]?.content?.['application/json']?.schema).toEqual({
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'value', 'very'],
        properties: { name: { type: ['string', 'null'] }, value: { type: ['number', 'null'] }, very: { type: ['boolean', 'null'] } },
      },
    });
    expect(paths['/data']?.get?.responses[200]?.content?.['application/json']?.examples).toBeUndefined();
    expect(paths['/power']?.get?.responses[200]?.content?.['application/json']?.examples).toBeDefined();
  });
});

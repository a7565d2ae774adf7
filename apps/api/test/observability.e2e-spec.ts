import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startService, type RunningService } from './service.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const HEADERS = { 'content-type': 'text/plain', traceparent: `00-${TRACE}-b7ad6b7169203331-01` };

describe('metrics and traces of the compiled service', () => {
  let database: TestDatabase;
  let folder: string;
  let services: RunningService[];
  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(path.join(tmpdir(), 'ingot-loaded-'));
    services = [];
  });
  afterAll(async () => {
    await Promise.all(services.map((service) => service.stop()));
    await rm(folder, { recursive: true });
    await database.drop();
  });
  const start = async (env: Record<string, string>): Promise<RunningService> => {
    const service = await startService(database.url, env);
    services.push(service);
    return service;
  };
  const post = (service: RunningService, body: string): Promise<number> => fetch(`${service.url}/data`, { method: 'POST', body, headers: HEADERS }).then(({ status }) => status);

  /** The first log line with such a text. */
  async function logged(service: RunningService, text: string): Promise<unknown> {
    for (;;) {
      const line = service.output.stdout.split('\n').slice(0, -1).find((one) => one.includes(text));
      if (line !== undefined) return JSON.parse(line);
      await sleep(20);
    }
  }

  /** Every script that a service loads until it ends, by V8's own account. */
  async function scriptsOf(name: string, env: Record<string, string>): Promise<string[]> {
    const report = path.join(folder, name);
    const service = await start({ ...env, NODE_V8_COVERAGE: report });
    expect(await post(service, '1649941817 Voltage 1.34')).toBe(200);
    expect(await (await fetch(`${service.url}/metrics`)).text()).toContain('\ningot_ingest_lines_total{source="bronze.raw_readings"} 1\n');
    expect(await service.stop()).toEqual({ code: 0, signal: null });
    const files = await readdir(report);
    const reports = await Promise.all(files.map(async (file) => JSON.parse(await readFile(path.join(report, file), 'utf8')) as { result: { url: string }[] }));
    return reports.flatMap(({ result }) => result.map(({ url }) => url));
  }

  it('loads nothing of the tracing SDK unless traces go somewhere', async () => {
    const ofTracing = (scripts: string[]): string[] => scripts.filter((url) => /@opentelemetry\/(?!api\/)|api\/src\/tracing\/(?!start-tracing\.js)/.test(url)); // prom-client loads the API
    const [without, withTraces] = await Promise.all([scriptsOf('without', {}), scriptsOf('with', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' })]);
    expect(without.length).toBeGreaterThan(500);
    expect(ofTracing(without)).toEqual([]);
    expect(ofTracing(withTraces).length).toBeGreaterThan(20);
  });

  it('works, and stops in time, with a collector that takes requests and never answers; log lines carry the trace', async () => {
    let requests = 0;
    const collector = http.createServer(() => void requests++);
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const service = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`, INGOT_LOG_LEVEL: 'debug' });
    expect(await Promise.all(Array.from({ length: 200 }, () => post(service, '1649941817 Voltage 1.34')))).toEqual(Array(200).fill(200));
    expect((await fetch(`${service.url}/data?from=2022-04-14&to=2022-04-14`, { headers: HEADERS })).status).toBe(200);
    expect(await post(service, 'wrong')).toBe(400);
    while (requests === 0) await sleep(20);
    expect(await logged(service, '"problem":"invalid-lines"')).toMatchObject({ trace_id: TRACE, span_id: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(await logged(service, '"msg":"run"')).toMatchObject({ trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(await logged(service, '"msg":"statement"')).toMatchObject({ statement: 'sensor/data', trace_id: TRACE });
    const started = performance.now();
    expect(await service.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - started).toBeLessThan(5_000);
    collector.closeAllConnections();
    await new Promise((resolve) => collector.close(resolve));
  });
});

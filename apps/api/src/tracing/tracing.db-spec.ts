import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '@ingot/config';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { boot } from '../boot.js';
import { ClosingList } from '../shutdown.js';
import { startCollector, type CollectedSpan, type Collector } from './test/collector.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';

describe('the traces of a service', () => {
  let database: TestDatabase;
  let collector: Collector;
  let url: string;
  const open = new ClosingList();
  beforeAll(async () => {
    database = await createTestDatabase();
    collector = await startCollector();
    const { welcome } = await boot(loadConfig({ DATABASE_URL: database.url, INGOT_APPLY: 'auto', PORT: '0', INGOT_LOG_LEVEL: 'silent', INGOT_INGEST_DEADLINE_MS: '20000', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }), open, () => undefined);
    url = /http:\S+/.exec(welcome[0] ?? '')![0];
  });
  afterAll(async () => {
    await open.close(10_000, () => undefined);
    await collector.close();
    await database.drop();
  });

  const child = (of: CollectedSpan, name: string): Promise<CollectedSpan> => collector.find((span) => span.name === name && span.traceId === of.traceId && span.parentSpanId === of.spanId);
  const headers = (traceId = TRACE): Record<string, string> => ({ 'content-type': 'text/plain', traceparent: `00-${traceId}-${CALLER}-01` });

  it('leads from the device to the flush, and from the flush to the run and its steps', async () => {
    const response = await fetch(`${url}/data`, { method: 'POST', body: '1649941817 Voltage 1.34\n1649941817 Current 12', headers: headers() });
    expect([response.status, await response.text()]).toEqual([200, '{"success":true}']);
    const post = await collector.find(({ name }) => name === 'POST /data');
    expect(post).toMatchObject({ traceId: TRACE, parentSpanId: CALLER, attributes: { 'http.response.status_code': 200 } });
    const flush = await child(post, 'flush');
    expect(flush.attributes).toMatchObject({ 'ingot.lines': 2, 'db.collection.name': 'bronze.raw_readings' });
    const run = await collector.find(({ name, links }) => name === 'run' && links.some(({ spanId }) => spanId === flush.spanId));
    expect(run.attributes).toMatchObject({ 'ingot.dataset': 'sensor', 'ingot.rows': 2 });
    const step = await child(run, 'step silver.stg_readings');
    expect(step.attributes).toMatchObject({ 'ingot.rows.written': 2 });
    await child(run, 'step gold.mart_daily_power');
  });

  it('leads from the dashboard to the statement', async () => {
    const trace = TRACE.replace('0a', '0b');
    const response = await fetch(`${url}/data?from=2022-04-14&to=2022-04-14&name=Voltage`, { headers: headers(trace) });
    expect(await response.json()).toHaveLength(1);
    const request = await collector.find(({ name }) => name === 'GET /data');
    expect(request).toMatchObject({ traceId: trace, parentSpanId: CALLER });
    const statement = await child(request, 'statement sensor/data');
    expect(statement.attributes).toMatchObject({ 'ingot.outcome': 'complete', 'db.response.returned_rows': 1 });
  });

  it('shows every request that shares a flush, none of them twice', async () => {
    const before = collector.spans.length;
    const traces = Array.from({ length: 40 }, (_, i) => `${TRACE.slice(0, 28)}${String(1_000 + i)}`);
    const holder = await database.session();
    await holder.query('begin; lock table bronze.flushes'); // two flushes wait, and the rest gathers behind them
    const answers = traces.map((trace) => fetch(`${url}/data`, { method: 'POST', body: '1649941818 Voltage 1', headers: headers(trace) }));
    await sleep(500);
    await holder.query('rollback');
    await Promise.all(answers);
    for (const trace of traces) await collector.find(({ name, traceId }) => name === 'POST /data' && traceId === trace);
    const posts = collector.spans.slice(before).filter(({ name }) => name === 'POST /data');
    const flushOf = async (post: CollectedSpan): Promise<CollectedSpan> => (post.links.length === 0 ? child(post, 'flush') : collector.find(({ spanId }) => spanId === post.links[0]!.spanId));
    const flushes = await Promise.all(posts.map(flushOf));
    const shared = new Set(flushes.map(({ spanId }) => spanId));
    expect([posts.length, [...new Set(flushes)].reduce((sum, { attributes }) => sum + Number(attributes['ingot.requests']), 0)]).toEqual([40, 40]);
    expect(shared.size).toBeLessThan(40);
  });

  it('marks what went wrong', async () => {
    await database.query('alter table silver.stg_readings rename to moved');
    await fetch(`${url}/data`, { method: 'POST', body: '1649941817 Voltage 1.34', headers: headers() });
    const run = await collector.find(({ name, status }) => name === 'run' && status.code === 2);
    expect(run.attributes['error.type']).toBe('42P01');
    const response = await fetch(`${url}/data?from=2022-04-14&to=2022-04-14`, { headers: headers() });
    expect(response.status).toBeGreaterThanOrEqual(500);
    const statement = await collector.find(({ name, status }) => name === 'statement sensor/data' && status.code === 2);
    expect(statement.attributes['error.type']).toBe('42P01');
    await collector.find(({ name, status, attributes }) => name === 'GET /data' && status.code === 2 && attributes['error.type'] === String(response.status));
  });
});

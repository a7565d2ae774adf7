import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runs, steps, type RunEvent, type StepRecord } from '@ingot/models';
import Fastify, { type FastifyInstance } from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';
import { flushes, submissions, type FlushEvent, type MeasuredBatch } from '../measuring-points.js';
import { createTracing, type TracingOptions } from './open-telemetry.js';
import { startCollector, type Collector } from './test/collector.js';
import type { Tracing } from './tracing.js';

type RunResult = NonNullable<RunEvent['run']>;

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';

describe('spans', () => {
  let collector: Collector;
  let tracing: Tracing;
  let server: FastifyInstance;
  let troubles: unknown[];
  let handler: () => unknown;
  const start = (options: Partial<TracingOptions> = {}): void => {
    tracing = createTracing({
      endpoint: collector.url, headers: 'x-key=a%20b, x-other=c', serviceName: 'press', sampler: 'parentbased_always_on', share: 1, version: '1.2.3', delayMs: 20, onTrouble: (error) => troubles.push(error), ...options,
    });
    tracing.watch(server);
    server.post('/lines', () => handler());
    server.get('/things/:id', () => handler());
  };
  beforeEach(async () => {
    collector = await startCollector();
    server = Fastify();
    troubles = [];
    handler = () => 'ok';
  });
  afterEach(async () => {
    await tracing.close();
    await server.close();
    await collector.close();
  });

  const batch = (): MeasuredBatch => ({ lines: 1, bytes: 10 });
  const flush = (batches: MeasuredBatch[], work = () => Promise.resolve()): Promise<void> => {
    const event: FlushEvent = { relation: 'bronze.raw', flush: 'f1', batches, lines: batches.length, bytes: 10 * batches.length, startedAt: performance.now() };
    return flushes.tracePromise(work, event);
  };
  const run = (result: Partial<RunResult>): Promise<unknown> => {
    const event = { dataset: 'sensor', sources: ['bronze.raw'], startedAt: performance.now(), run: result as RunResult };
    return runs.tracePromise(() => steps.tracePromise(() => Promise.resolve({ rowsWritten: 3, rowsDeleted: 0 } as StepRecord), { dataset: 'sensor', model: 'silver.a', strategy: 'append' }), event);
  };
  const SUCCEEDED = { outcome: 'succeeded', runId: 7n, rowsIn: 3, cut: false } as const;

  it('continues the trace of the caller, and says who it is', async () => {
    start();
    await server.inject({ url: '/things/17?secret=1', headers: { traceparent: `00-${TRACE}-${CALLER}-01` } });
    const span = await collector.find(({ name }) => name === 'GET /things/:id');
    expect(span).toMatchObject({ traceId: TRACE, parentSpanId: CALLER, kind: 2 });
    expect(span.attributes).toMatchObject({ 'http.request.method': 'GET', 'http.route': '/things/:id', 'url.path': '/things/17', 'http.response.status_code': 200 });
    expect(JSON.stringify(span)).not.toContain('secret');
    expect(collector.resource).toMatchObject({ 'service.name': 'press', 'service.version': '1.2.3' });
    expect(collector.headers).toMatchObject({ 'x-key': 'a b', 'x-other': 'c' });
  });

  it.each(['nonsense', `00-${TRACE}-0000000000000000-01`, `ff-${TRACE}-${CALLER}-01`])('begins a trace of its own where the caller sends %s', async (traceparent) => {
    start();
    await server.inject({ url: '/things/17', headers: { traceparent } });
    const span = await collector.find(({ name }) => name === 'GET /things/:id');
    expect([span.traceId === TRACE, span.parentSpanId ?? '']).toEqual([false, '']);
  });

  it('leaves out what the caller has not sampled', async () => {
    start();
    await server.inject({ url: '/things/1', headers: { traceparent: `00-${TRACE}-${CALLER}-00` } });
    await server.inject({ url: '/things/2' });
    await collector.find(({ attributes }) => attributes['url.path'] === '/things/2');
    expect(collector.spans.map(({ attributes }) => attributes['url.path'])).toEqual(['/things/2']);
  });

  it('shows a flush below the first of its requests, linked with the others; then the run with its steps, linked with the flush', async () => {
    start();
    const batches: MeasuredBatch[] = [];
    let flushed: Promise<void> | undefined;
    handler = async () => {
      const own = batch();
      batches.push(own);
      submissions.publish(own);
      await sleep(5);
      flushed ??= flush(batches);
      await flushed;
    };
    await Promise.all([server.inject({ method: 'POST', url: '/lines' }), server.inject({ method: 'POST', url: '/lines' })]);
    await run(SUCCEEDED);
    await run(SUCCEEDED);
    await collector.find(({ name }) => name === 'run');
    await collector.find((span) => span.name === 'run' && span.links.length === 0);
    const posts = collector.spans.filter(({ name }) => name === 'POST /lines');
    const [shared, ...more] = collector.spans.filter(({ name }) => name === 'flush');
    const [first, second] = posts.sort((a) => (a.spanId === shared!.parentSpanId ? -1 : 1));
    expect([posts.length, more.length]).toEqual([2, 0]);
    expect(shared).toMatchObject({ traceId: first!.traceId, parentSpanId: first!.spanId, attributes: { 'ingot.requests': 2, 'ingot.lines': 2, 'db.collection.name': 'bronze.raw' } });
    expect(shared!.links).toEqual([expect.objectContaining({ traceId: second!.traceId, spanId: second!.spanId })]);
    expect(second!.links).toEqual([expect.objectContaining({ traceId: shared!.traceId, spanId: shared!.spanId })]);
    const [linked, later] = collector.spans.filter(({ name }) => name === 'run');
    expect(linked).toMatchObject({ attributes: { 'ingot.dataset': 'sensor', 'ingot.run.id': '7', 'ingot.rows': 3 }, links: [{ traceId: shared!.traceId, spanId: shared!.spanId }] });
    expect([linked!.parentSpanId ?? '', linked!.traceId === shared!.traceId]).toEqual(['', false]);
    expect(later!.links).toEqual([]); // its lines are taken
    const step = collector.spans.find(({ name, parentSpanId }) => name === 'step silver.a' && parentSpanId === linked!.spanId);
    expect(step).toMatchObject({ traceId: linked!.traceId, attributes: { 'ingot.rows.written': 3 } });
  });

  it('keeps the link for the next run when one fails, and says nothing of a run that was none', async () => {
    start();
    await flush([batch()]);
    await run({ outcome: 'busy' });
    const failed = { dataset: 'sensor', sources: ['bronze.raw'], startedAt: performance.now(), failure: Object.assign(new Error('a: b'), { cause: Object.assign(new Error('x'), { code: '22P02' }) }) };
    await runs.tracePromise(() => Promise.resolve(), failed);
    await run(SUCCEEDED);
    await collector.find((span) => span.name === 'run' && span.status.code !== 2);
    const found = collector.spans.filter(({ name }) => name === 'run');
    expect(found.map(({ links, status, attributes }) => [links.length, status.code, attributes['error.type']])).toEqual([[1, 2, '22P02'], [1, 0, undefined]]);
  });

  it('links a run to a flush that it began before this process heard of its COMMIT, and the next one as well', async () => {
    start();
    let heard = (): void => undefined;
    const flushing = flush([batch()], () => new Promise<void>((resolve) => (heard = resolve)));
    await sleep(5);
    const event = { dataset: 'sensor', sources: ['bronze.raw'], startedAt: performance.now(), run: SUCCEEDED as unknown as RunResult };
    const hear = async (): Promise<void> => {
      heard();
      await flushing;
      await flush([batch()]); // begun after the run: none of its lines are in it
    };
    await runs.tracePromise(hear, event);
    await run(SUCCEEDED);
    await collector.find((span) => span.name === 'run' && span.links.length === 2);
    const [early, late] = collector.spans.filter(({ name }) => name === 'flush').map(({ spanId }) => spanId);
    expect(collector.spans.filter(({ name }) => name === 'run').map(({ links }) => links.map(({ spanId }) => spanId))).toEqual([[early], [early, late]]);
  });

  it('gives log lines the trace they belong to, and none outside of one', async () => {
    start();
    const logged: object[] = [];
    handler = async () => {
      await sleep(1);
      logged.push(tracing.logFields());
      return 'ok';
    };
    await server.inject({ url: '/things/1', headers: { traceparent: `00-${TRACE}-${CALLER}-01` } });
    const told = (): Promise<unknown> => Promise.resolve(logged.push(tracing.logFields()));
    await runs.tracePromise(told, { dataset: 'sensor', sources: [], startedAt: 0, run: SUCCEEDED as unknown as RunResult });
    const span = await collector.find(({ name }) => name === 'GET /things/:id');
    const ran = await collector.find(({ name }) => name === 'run');
    expect(logged).toEqual([{ trace_id: TRACE, span_id: span.spanId }, { trace_id: ran.traceId, span_id: ran.spanId }]);
    expect(tracing.logFields()).toEqual({});
  });

  it.each([['always_off', 0, 0], ['traceidratio', 0, 0], ['traceidratio', 1, 20], ['parentbased_always_off', 1, 0], ['traceidratio', 0.5, undefined]])('samples by %s %d', async (sampler, share, expected) => {
    start({ sampler, share });
    for (let i = 0; i < 20; i++) await server.inject({ url: '/things/1' });
    await tracing.close();
    if (expected === undefined) expect([collector.spans.length > 0, collector.spans.length < 20]).toEqual([true, true]);
    else expect(collector.spans).toHaveLength(expected);
  });

  it('drops spans rather than wait for a collector that does not answer, and gives up at the end', async () => {
    start({ exportMs: 2_000 });
    collector.silent = true;
    const all = Array.from({ length: 3_000 }, () => flush([batch()]));
    await Promise.all(all);
    const started = performance.now();
    await tracing.close();
    expect(performance.now() - started).toBeLessThan(1_500);
    expect(collector.requests).toBeLessThan(10); // at most 2,048 spans by 512
  });

  it('tells once of a collector that is down', async () => {
    const gone = collector.url;
    await collector.close();
    start({ endpoint: gone, exportMs: 200 });
    for (let i = 0; i < 8; i++) {
      await server.inject({ url: '/things/1' });
      await sleep(100);
    }
    const started = performance.now();
    await tracing.close();
    expect(performance.now() - started).toBeLessThan(1_500);
    expect(troubles).toHaveLength(1); // two or three batches failed
    collector = await startCollector();
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '@ingot/config';
import { createTestDatabase, openProxy, type Proxy, type TestDatabase } from '@ingot/testing';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { boot } from '../../boot.js';
import { ClosingList } from '../../shutdown.js';
import { parseMetrics, valueOf, type Family } from '../test/prometheus-text.js';

const LIMIT_BYTES = '65536';
const TEXT = { 'content-type': 'text/plain' };

/** Everything that can be told of one service, whole and in process; what is left to it is real traffic. */
describe('GET /metrics', () => {
  let database: TestDatabase;
  let proxy: Proxy;
  let url: string;
  const open = new ClosingList();
  beforeAll(async () => {
    database = await createTestDatabase();
    proxy = await openProxy(database.url);
    const settings = { DATABASE_URL: proxy.url, INGOT_APPLY: 'auto', PORT: '0', INGOT_LOG_LEVEL: 'silent', INGOT_BODY_LIMIT_BYTES: LIMIT_BYTES, INGOT_QUEUE_LIMIT_BYTES: LIMIT_BYTES };
    const { welcome } = await boot(loadConfig(settings), open, () => undefined);
    url = /http:\S+/.exec(welcome[0] ?? '')![0];
  });
  afterAll(async () => {
    await open.close(10_000, () => undefined);
    await proxy.close();
    await database.drop();
  });

  const scrape = async (): Promise<Map<string, Family>> => parseMetrics(await (await fetch(`${url}/metrics`)).text());
  const post = (body: string, headers: Record<string, string> = {}): Promise<number> => fetch(`${url}/data`, { method: 'POST', body, headers: { ...TEXT, ...headers } }).then(({ status }) => status);
  const get = (path: string): Promise<number> => fetch(`${url}${path}`).then(async (response) => (await response.arrayBuffer(), response.status));
  const seriesOf = (families: ReadonlyMap<string, Family>): string[] =>
    [...families.values()].flatMap(({ samples }) => samples.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`)).filter((series) => series.startsWith('ingot_')).sort();
  async function until(condition: (families: Map<string, Family>) => boolean): Promise<Map<string, Family>> {
    for (;;) {
      const families = await scrape();
      if (condition(families)) return families;
      await sleep(50);
    }
  }

  it('answers text 0.0.4, or OpenMetrics where it is preferred, and is not cached', async () => {
    const plain = await fetch(`${url}/metrics`);
    expect([plain.status, plain.headers.get('content-type'), plain.headers.get('cache-control')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8', 'no-store']);
    const open = await fetch(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' } });
    expect(open.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect((await open.text()).endsWith('# EOF\n')).toBe(true);
  });

  it('counts lines in, lines refused by fault, flushes, runs and steps', async () => {
    const before = await scrape();
    expect(await post('1649941817 Voltage 1.34\n1649941817 Current 12\n')).toBe(200);
    expect(await post('1649941818 Voltage 1,34\n1649941818 Vol#tage 1\n')).toBe(400);
    expect(await post('x Voltage 1\n'.repeat(103))).toBe(400);
    const after = await until((now) => valueOf(now, 'ingot_run_duration_seconds_count', { outcome: 'succeeded' }) > valueOf(before, 'ingot_run_duration_seconds_count', { outcome: 'succeeded' }));
    const grown = (name: string, labels: Record<string, string> = {}): number => valueOf(after, name, labels) - valueOf(before, name, labels);
    const source = 'bronze.raw_readings';
    expect(grown('ingot_ingest_lines_total', { source })).toBe(2);
    expect(grown('ingot_ingest_bytes_total', { source })).toBe(44);
    expect(grown('ingot_ingest_batches_total', { source })).toBe(1);
    expect(grown('ingot_ingest_rejected_lines_total', { source, reason: 'decimal-comma' })).toBe(1);
    expect(grown('ingot_ingest_rejected_lines_total', { source, reason: 'invalid-name' })).toBe(1);
    expect(grown('ingot_ingest_rejected_lines_total', { source, reason: 'invalid-timestamp' })).toBe(100);
    expect(grown('ingot_ingest_rejected_lines_total', { source, reason: 'not-examined' })).toBe(3);
    expect(grown('ingot_ingest_flush_duration_seconds_count', { source, outcome: 'committed' })).toBe(1);
    expect([grown('ingot_ingest_flush_lines_sum'), grown('ingot_ingest_flush_bytes_sum'), grown('ingot_ingest_flush_batches_sum')]).toEqual([2, 44, 1]);
    expect(grown('ingot_run_rows_total', { dataset: 'sensor' })).toBe(2);
    expect(grown('ingot_step_rows_total', { dataset: 'sensor', model: 'silver.stg_readings', change: 'written' })).toBe(2);
    expect(grown('ingot_step_duration_seconds_count', { dataset: 'sensor', model: 'gold.mart_daily_power' })).toBeGreaterThan(0);
    expect(valueOf(after, 'ingot_run_last_end_timestamp_seconds', { outcome: 'succeeded' })).toBeGreaterThan(Date.now() / 1_000 - 60);
    expect(grown('ingot_http_request_duration_seconds_count', { method: 'POST', route: '/data', status: '2xx' })).toBe(1);
    expect(grown('ingot_http_request_duration_seconds_count', { method: 'POST', route: '/data', status: '4xx' })).toBe(2);
    expect(grown('ingot_http_problems_total', { code: 'invalid-lines' })).toBe(2);
    expect(valueOf(after, 'ingot_http_requests_in_flight')).toBe(1); // the scrape itself
  });

  it('counts statements by endpoint', async () => {
    const before = await scrape();
    expect(await get('/data?from=2022-04-14&to=2022-04-14')).toBe(200);
    expect(await get('/data?from=2022-04-14&to=2022-04-14')).toBe(200); // kept
    expect(await get('/data?from=tomorrow')).toBe(400);
    const after = await until((now) => valueOf(now, 'ingot_statement_duration_seconds_count') > valueOf(before, 'ingot_statement_duration_seconds_count'));
    const grown = (name: string, labels: Record<string, string> = {}): number => valueOf(after, name, labels) - valueOf(before, name, labels);
    const statement = 'sensor/data';
    expect(grown('ingot_statement_duration_seconds_count', { statement, outcome: 'complete' })).toBe(1);
    expect([grown('ingot_statement_wait_seconds_count'), grown('ingot_statement_first_byte_seconds_count')]).toEqual([1, 1]);
    expect(grown('ingot_statement_rows_total', { statement })).toBe(3); // two readings and their power
    expect(grown('ingot_statement_bytes_total', { statement })).toBeGreaterThan(100);
    expect(grown('ingot_http_problems_total', { code: 'invalid-parameter' })).toBe(1);
    expect([grown('ingot_result_cache_requests_total', { how: 'read' }), grown('ingot_result_cache_requests_total', { how: 'kept' })]).toEqual([1, 1]);
    expect([grown('ingot_result_cache_results'), grown('ingot_result_cache_bytes') > 150]).toEqual([1, true]);
    expect(valueOf(after, 'ingot_breaker_state', { state: 'closed' })).toBe(1);
    expect(valueOf(after, 'ingot_pool_connections', { pool: 'ingot read' })).toBeGreaterThan(0);
    expect(valueOf(after, 'ingot_pool_max_connections', { pool: 'ingot read' })).toBe(10);
  });

  it('says which run failed, and what stands still since', async () => {
    await database.query('alter table silver.int_daily_metric rename to moved');
    expect(await post('1649941819 Voltage 1.34')).toBe(200);
    const failing = await until((now) => valueOf(now, 'ingot_dataset_stands_still', { dataset: 'sensor', reason: 'failing' }) === 1);
    expect(valueOf(failing, 'ingot_run_duration_seconds_count', { dataset: 'sensor', outcome: 'failed' })).toBeGreaterThan(0);
    await sleep(1_100); // what the database said is kept for a second
    const behind = await scrape();
    expect(valueOf(behind, 'ingot_source_backlog_lines', { source: 'bronze.raw_readings' })).toBe(1);
    expect(valueOf(behind, 'ingot_source_lag_seconds', { source: 'bronze.raw_readings' })).toBeGreaterThan(1);
    await database.query('alter table silver.moved rename to int_daily_metric');
    const well = await until((now) => valueOf(now, 'ingot_dataset_stands_still') === 0 && valueOf(now, 'ingot_source_backlog_lines') === 0);
    expect(valueOf(well, 'ingot_source_lag_seconds')).toBe(0);
    expect(valueOf(well, 'ingot_dataset_watermark_timestamp_seconds', { dataset: 'sensor' })).toBeGreaterThan(Date.now() / 1_000 - 60);
  });

  it('tells who holds an old snapshot, by name only when the name is ours', async () => {
    const holder = await database.session('ingot made up');
    await holder.query('begin isolation level repeatable read; select 1');
    const ours = await database.session('ingot apply');
    await ours.query('begin isolation level repeatable read; select 1');
    for (let i = 0; i < 5; i++) await database.query('select txid_current()');
    await sleep(1_100);
    const now = await scrape();
    for (const name of ['other', 'ingot apply']) {
      expect(valueOf(now, 'ingot_database_oldest_xmin_age_transactions', { holder: name })).toBeGreaterThanOrEqual(5);
      expect(valueOf(now, 'ingot_database_oldest_xmin_age_seconds', { holder: name })).toBeGreaterThan(1);
    }
    expect(JSON.stringify([...now.values()])).not.toContain('made up');
    await holder.query('rollback');
    await ours.query('rollback');
  });

  it('shows what a full queue sheds', async () => {
    const before = await scrape();
    const large = '1649941817 Voltage 1.34\n'.repeat(1_500); // 34 kB: two do not fit
    const answers = await Promise.all(Array.from({ length: 6 }, () => post(large)));
    const shed = answers.filter((status) => status === 503).length;
    expect(shed).toBeGreaterThan(0);
    const after = await scrape();
    expect(valueOf(after, 'ingot_http_requests_shed_total', { route: '/data', reason: 'overloaded' }) - valueOf(before, 'ingot_http_requests_shed_total', { route: '/data', reason: 'overloaded' })).toBe(shed);
    expect(valueOf(after, 'ingot_ingest_lines_total') - valueOf(before, 'ingot_ingest_lines_total')).toBe((6 - shed) * 1_500);
  });

  it('shows a large answer whose client does not take it, and one that a client cuts off', async () => {
    await database.query(`insert into silver.stg_readings (raw_id, device, reading_time, reading_date, metric_name, metric_value, _run_id)
      select -i, 'large', '2001-01-01', '2001-01-01', 'Voltage', i, 0 from generate_series(1, 200000) as i`);
    const before = await scrape();
    const response = await new Promise<http.IncomingMessage>((resolve) => http.get(`${url}/data?from=2001-01-01&to=2001-01-01`, resolve));
    response.pause();
    const during = await until((now) => valueOf(now, 'ingot_spool_bytes', { place: 'file' }) > 0);
    expect(valueOf(during, 'ingot_large_reads', { state: 'streams' })).toBe(1);
    response.destroy();
    const after = await until((now) => valueOf(now, 'ingot_large_reads', { state: 'streams' }) === 0 && valueOf(now, 'ingot_spool_bytes') === 0);
    expect(valueOf(after, 'ingot_statement_spooled_bytes_total') - valueOf(before, 'ingot_statement_spooled_bytes_total')).toBeGreaterThan(0);
    expect(valueOf(after, 'ingot_http_request_duration_seconds_count', { method: 'GET', route: '/data', status: 'aborted' })).toBe(1);
  });

  it('has no more series after a thousand unknown paths, methods, devices and names', async () => {
    const words = (count: number): string[] => Array.from({ length: count }, () => Math.random().toString(36).slice(2));
    const askAll = async (count: number): Promise<void> => {
      await Promise.all(words(count).map((word) => get(`/${word}/x?q=${word}`)));
      await Promise.all(words(count).map((word) => fetch(`${url}/${word}`, { method: 'PROPFIND', headers: { 'x-request-id': word } })));
      await Promise.all(words(count).map((word) => get(`/data?from=2022-04-14&to=2022-04-14&${word}=1`)));
      await Promise.all(words(count).map((word) => post(words(5).map((name) => `1649941817 n${name} 1`).join('\n'), { 'x-device-id': word })));
    };
    const settle = (): Promise<unknown> => until((now) => valueOf(now, 'ingot_source_backlog_lines') === 0);
    // Who holds back the oldest transaction changes by itself (autovacuum, a run): a bounded set, counted by its own test.
    const ofRequests = (series: string): boolean => !series.startsWith('ingot_database_oldest_xmin');
    await askAll(2);
    await settle();
    const before = seriesOf(await scrape());
    for (let i = 0; i < 1_000; i += 100) await askAll(25);
    await settle();
    expect(seriesOf(await scrape()).filter((series) => ofRequests(series) && !before.includes(series))).toEqual([]);
    expect(before.length).toBeLessThan(2_000);
  });

  it('has a value for every metric it names, and all by the rules of naming', async () => {
    const families = [...(await scrape()).values()].filter(({ name }) => name.startsWith('ingot_'));
    expect(families.filter(({ samples }) => samples.length === 0).map(({ name }) => name)).toEqual([]);
    for (const { name, type, help } of families) {
      expect([name, type === 'counter']).toEqual([name, name.endsWith('_total')]);
      expect([name, help]).toEqual([name, expect.stringMatching(/^.{10,}\.$/)]);
      expect([name, /_(ms|milliseconds|kb|mb|minutes|count|sum|bucket)(_|$)/.test(name)]).toEqual([name, false]);
    }
  });

  it('answers within its time when the database is gone, without what only that knows', async () => {
    expect(valueOf(await scrape(), 'ingot_database_up')).toBe(1);
    proxy.silent = true;
    proxy.swallow();
    await sleep(1_100);
    const started = performance.now();
    const scrapes = await Promise.all(Array.from({ length: 20 }, scrape));
    expect(performance.now() - started).toBeLessThan(2_000);
    for (const now of scrapes) {
      expect(valueOf(now, 'ingot_database_up')).toBe(0);
      expect([...now.get('ingot_source_lag_seconds')!.samples, ...now.get('ingot_database_oldest_xmin_age_transactions')!.samples]).toEqual([]);
      expect(valueOf(now, 'process_resident_memory_bytes')).toBeGreaterThan(0);
    }
    await proxy.close();
    await Promise.all(Array.from({ length: 12 }, () => get('/data?from=2022-04-14&to=2022-04-14')));
    const without = await until((now) => valueOf(now, 'ingot_breaker_state', { state: 'open' }) === 1);
    expect(valueOf(without, 'ingot_breaker_state')).toBe(1);
    expect(await post('1649941817 Voltage 1.34')).toBe(503);
    expect(valueOf(await scrape(), 'ingot_http_requests_shed_total', { route: '/data', reason: 'database-unavailable' })).toBeGreaterThan(0);
  });
});

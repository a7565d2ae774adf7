import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Freshness } from '@ingot/models';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { problems } from '../measuring-points.js';
import { startQueryApp, type QueryApp } from './test/query-app.js';

const READ = `select reading_time as time, metric_value as value from silver.stg_readings`;
const file = (path: string, header: string, sql: string): string => `/* ---\npath: ${path}\ndescription: For tests.\n${header}--- */\n${sql}\n`;
const FILES = {
  'kept.sql': file('/kept', 'cache: 1m\n', `${READ} order by raw_id`),
  'clock.sql': file('/clock', '', 'select now() as now, count(*) as n from silver.stg_readings'),
  'slow.sql': file('/slow', '', `select raw_id, (select count(*) from generate_series(1, 400000) as s (i) where s.i > r.raw_id) as n from silver.stg_readings as r order by raw_id`),
  'names.sql': file('/by-name', 'limit: { maximum: 10 }\n', 'select metric_name as name from silver.stg_readings order by metric_name, raw_id'),
  'large.sql': file('/large', '', `select raw_id, repeat(metric_name, 100) as name from silver.stg_readings order by raw_id`),
};
const RANGE = 'from=2022-04-14&to=2022-04-14';
const STATE: Freshness = { fresh: true, runId: 1n, publication: 0n, watermarkAt: new Date('2022-04-14T13:10:18.500Z') };

describe('answers over HTTP', () => {
  let database: TestDatabase;
  let app: QueryApp;
  let url: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    app = await startQueryApp(database, FILES);
    url = app.url;
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
  });
  /** No two tests share a state, so none meets what another has left in memory. */
  let run = 100n;
  const nextRun = (): void => {
    run++;
    app.freshness = () => Promise.resolve({ ...STATE, runId: run });
  };
  beforeEach(async () => {
    await database.query(`truncate silver.stg_readings, gold.mart_daily_power; update ingot.datasets set run_id = 1, publication = 0`);
    nextRun();
    app.reads();
  });
  const fill = (rows: number, from = 1): Promise<unknown> =>
    database.query(
      `insert into silver.stg_readings (raw_id, device, reading_time, reading_date, metric_name, metric_value, _run_id)
       select i, 'default', '2022-04-14T00:00:00Z'::timestamptz + i * interval '1 ms', '2022-04-14', 'Voltage', i, 1 from generate_series($1::int, $2::int) i`,
      [from, from + rows - 1],
    );
  const get = (target: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> => fetch(`${url}${target}`, { headers, method });
  const nextOf = (response: Response): string | undefined => /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];

  describe('with an entity tag', () => {
    it('are 304 for whoever has them, without a statement, until the next run', async () => {
      await fill(2);
      const first = await get(`/data?${RANGE}`);
      const tag = first.headers.get('etag') ?? '';
      expect([tag.slice(0, 3), first.headers.get('cache-control'), first.headers.get('vary')]).toEqual(['W/"', 'no-cache', 'accept, accept-encoding']);
      const body = await first.text();
      for (const condition of [tag, tag.slice(2), `"other", ${tag}`, '*']) {
        app.reads();
        const again = await get(`/data?${RANGE}`, { 'if-none-match': condition });
        expect([again.status, await again.text(), again.headers.get('etag'), again.headers.get('cache-control'), again.headers.get('vary'), again.headers.get('ingot-watermark')]).toEqual([
          304, '', tag, 'no-cache', 'accept, accept-encoding', '2022-04-14T13:10:18.500Z',
        ]);
        expect([again.headers.get('content-type'), again.headers.get('content-length'), app.reads()]).toEqual([null, null, 0]);
      }
      expect(await (await get(`/data?${RANGE}`, { 'if-none-match': '"other"' })).text()).toBe(body);
      await fill(1, 3);
      nextRun();
      const changed = await get(`/data?${RANGE}`, { 'if-none-match': tag });
      expect([changed.status, changed.headers.get('etag') === tag, (await changed.json() as unknown[]).length]).toEqual([200, false, 3]);
    });

    it('differ by format and parameters, not by compression', async () => {
      await fill(2);
      const tags = await Promise.all(['', '&format=csv', '&format=ndjson', '&name=Voltage', '&limit=5'].map(async (more) => (await get(`/data?${RANGE}${more}`)).headers.get('etag')));
      expect(new Set(tags).size).toBe(5);
      expect((await get(`/data?to=2022-04-14&from=2022-04-14T00:00:00Z`, { 'accept-encoding': 'gzip' })).headers.get('etag')).toBe(tags[0]);
      expect((await get(`/data?${RANGE}`, { accept: 'text/csv' })).headers.get('etag')).toBe(tags[1]);
    });

    it('have none where the answer depends on the clock, or the state is not known', async () => {
      const clock = await get('/clock');
      expect([clock.status, clock.headers.get('etag'), clock.headers.get('cache-control')]).toEqual([200, null, 'no-cache']);
      await Promise.all([get('/clock'), get('/clock')]);
      expect(app.reads()).toBe(3);
      app.freshness = () => Promise.resolve({ fresh: false, reason: 'unavailable' });
      expect((await get(`/data?${RANGE}`)).headers.get('etag')).toBeNull();
    });

    it('may be kept for as long as the file says, but nothing stale is', async () => {
      expect((await get('/kept')).headers.get('cache-control')).toBe('max-age=60');
      app.freshness = () => Promise.resolve({ ...STATE, fresh: false, reason: 'timeout', runId: run });
      const stale = await get('/kept');
      expect([stale.headers.get('cache-control'), stale.headers.get('ingot-stale'), stale.headers.get('etag')?.slice(0, 3)]).toEqual(['no-store', 'timeout', 'W/"']);
    });

    it('are the same for HEAD, which has no body', async () => {
      await fill(3);
      const all = (response: Response): Record<string, string> => Object.fromEntries([...response.headers].filter(([name]) => !['date', 'x-request-id', 'content-length', 'transfer-encoding', 'connection', 'keep-alive'].includes(name)));
      for (const target of [`/data?${RANGE}`, `/data?${RANGE}&limit=2`, `/data?${RANGE}&limit=2&format=csv`, '/clock']) {
        const [head, whole] = [await get(target, {}, 'HEAD'), await get(target)];
        await whole.text();
        expect([head.status, await head.text(), all(head)]).toEqual([200, '', all(whole)]);
      }
      const tag = (await get('/kept')).headers.get('etag') ?? '';
      expect((await get('/kept', { 'if-none-match': tag }, 'HEAD')).status).toBe(304);
    });
  });

  describe('to equal requests', () => {
    it('come from one statement, also when the first client leaves; and from memory until the next run', async () => {
      await fill(3);
      const first = http.get(`${url}/slow`);
      first.on('error', () => undefined);
      while (app.reads() === 0) await sleep(5);
      const others = Array.from({ length: 10 }, () => get('/slow').then((response) => response.json()));
      await sleep(50);
      first.destroy();
      const answers = await Promise.all(others);
      expect(answers.every((answer) => JSON.stringify(answer) === JSON.stringify(answers[0]))).toBe(true);
      expect(answers[0]).toHaveLength(3);
      expect(app.reads()).toBe(0);
      await fill(1, 4);
      expect(await (await get('/slow')).json()).toHaveLength(3);
      nextRun();
      expect(await (await get('/slow')).json()).toHaveLength(4);
      expect(app.reads()).toBe(1);
    });

    it('end their statement when all of them have left', async () => {
      await database.query(`insert into silver.stg_readings select i, 'default', now(), current_date, 'x', 1, 1 from generate_series(1, 500) i`);
      const busy = async (): Promise<number> => (await database.query<{ n: number }>(`select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'ingot read' and state <> 'idle'`))[0]?.n ?? -1;
      const requests = [1, 2].map(() => http.get(`${url}/slow`).on('error', () => undefined));
      while ((await busy()) === 0) await sleep(10);
      expect(app.reads()).toBe(1);
      requests.forEach((request) => request.destroy());
      const started = performance.now();
      while ((await busy()) > 0) await sleep(10);
      expect(performance.now() - started).toBeLessThan(1_000);
    });

    it('whose clients leave are no failure of ours', async () => {
      await fill(3);
      const told: unknown[] = [];
      const listen = (problem: unknown): void => void told.push(problem);
      problems.subscribe(listen);
      const request = http.get(`${url}/slow`).on('error', () => undefined);
      while (app.reads() === 0) await sleep(5);
      request.destroy();
      while (told.length === 0) await sleep(5);
      problems.unsubscribe(listen);
      expect(told).toEqual([{ code: 'request-timeout', status: 408, route: '/slow' }]);
    });

    it('that break when they are large, before anything is out, are told what it was', async () => {
      await fill(1_202); // 0.8 MiB, then a row that takes for ever
      const late = `select raw_id, repeat(metric_name, 100) as name, case when raw_id > 1200 then (select count(*) from generate_series(1, 100000000) as s (i) where s.i > r.raw_id) end as n from (select * from silver.stg_readings order by raw_id offset 0) as r`;
      const hasty = await startQueryApp(database, { 'late.sql': file('/late', '', late) }, { transactionSeconds: 1 });
      hasty.freshness = app.freshness;
      const response = await fetch(`${hasty.url}/late`);
      expect([response.status, response.headers.get('etag')]).toEqual([503, null]);
      expect(await response.json()).toMatchObject({ type: '/docs/errors#overloaded', detail: expect.stringContaining('smaller range') });
      while (hasty.status().spool.reads > 0) await sleep(5);
      expect(hasty.status().large).toMatchObject({ streams: 0, copying: 0 });
      await hasty.close();
    });

    it('are each their own where they are too large to be kept, and whole', async () => {
      await fill(3_000);
      const texts = await Promise.all([1, 2, 3].map(async () => (await get('/large')).text()));
      expect(texts[0]!.length).toBeGreaterThan(2_000_000);
      expect(new Set(texts).size).toBe(1);
      expect((JSON.parse(texts[0]!) as unknown[]).length).toBe(3_000);
      expect(app.reads()).toBe(3);
    });

    it('come from memory compressed too, and as pages with their links', async () => {
      await fill(500);
      const plain = await get(`/data?${RANGE}&limit=400`);
      const text = await plain.text();
      const packed = await get(`/data?${RANGE}&limit=400`, { 'accept-encoding': 'gzip' });
      expect([packed.headers.get('content-encoding'), packed.headers.get('link'), await packed.text()]).toEqual(['gzip', plain.headers.get('link'), text]);
      expect(app.reads()).toBe(1);
    });
  });

  describe('in pages', () => {
    it('lead from one to the next by Link, in each format; together they are the whole', async () => {
      await fill(25);
      await database.query(`insert into gold.mart_daily_power select '2022-04-14', 'd' || i, 'Power', i, 1 from generate_series(1, 5) i`);
      const whole = (await (await get(`/data?${RANGE}`)).json()) as unknown[];
      const rows: unknown[] = [];
      let pages = 0;
      for (let target: string | undefined = `/data?${RANGE}&limit=7`; target !== undefined; pages++) {
        const page = await get(target);
        rows.push(...((await page.json()) as unknown[]));
        target = nextOf(page);
        // Only page one can tell how fresh it is.
        expect(page.headers.has('ingot-watermark')).toBe(pages === 0);
      }
      expect([rows, pages]).toEqual([whole, 5]);

      let lines = '';
      for (let target: string | undefined = `/data?${RANGE}&limit=7&format=ndjson`; target !== undefined; ) {
        const page = await get(target);
        lines += await page.text();
        target = nextOf(page);
      }
      expect(lines.trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual(whole);
      for (const format of ['csv', 'parquet', 'arrow']) {
        const page = await get(`/data?${RANGE}&limit=28&format=${format}`);
        const [first, second] = [await page.arrayBuffer(), await (await get(nextOf(page) ?? '/')).arrayBuffer()];
        expect([first.byteLength > 0, second.byteLength > 0]).toEqual([true, true]);
      }
      expect((await get(`/data?${RANGE}&limit=30`)).headers.get('link')).toBeNull();
      expect((await get(`/data?${RANGE}&limit=29`)).headers.get('link')).not.toBeNull();
    });

    it('lead on by the URL that was asked, also where the rows were read for another one', async () => {
      await fill(5);
      const accepted = nextOf(await get(`/data?${RANGE}&limit=2`, { accept: 'text/csv' }));
      const asked = nextOf(await get(`/data?limit=2&format=csv&download=false&${RANGE}`));
      expect(app.reads()).toBe(1);
      const cursor = /cursor=[\w-]+$/.exec(accepted ?? '')?.[0];
      expect([accepted, asked]).toEqual([`/data?${RANGE}&limit=2&${cursor}`, `/data?limit=2&format=csv&download=false&${RANGE}&${cursor}`]);
    });

    it('hold nothing when their keys are too long for a cursor', async () => {
      await database.query(`insert into silver.stg_readings select i, 'default', now(), current_date, repeat('x', 9000), 1, 1 from generate_series(1, 3) i`);
      expect([(await get('/by-name?limit=2')).status, (await get('/by-name?limit=3')).status]).toEqual([500, 200]);
      for (let tries = 0; app.status().spool.reads > 0 && tries < 100; tries++) await sleep(10);
      expect(app.status().spool).toMatchObject({ reads: 0, memoryBytes: 0 });
    });

    it('refuse a cursor that was tampered with, is of another request, or where there are no pages', async () => {
      await fill(5);
      const next = nextOf(await get(`/data?${RANGE}&limit=2`)) ?? '';
      const bad = [
        next.replace(/cursor=(.)/, (_, c: string) => `cursor=${c === 'A' ? 'B' : 'A'}`),
        next.replace('from=2022-04-14', 'from=2022-04-13'),
        next.replace('/data', '/power'),
        `/data?${RANGE}&limit=2&cursor=x%0d%0aSet-Cookie:%20a=b`,
      ];
      for (const target of bad) {
        const response = await get(target);
        expect([response.status, response.headers.get('set-cookie')]).toEqual([400, null]);
        expect(await response.json()).toMatchObject({ type: '/docs/errors#invalid-parameter', errors: [{ parameter: 'cursor', code: 'invalid' }] });
      }
      expect(await (await get('/clock?cursor=x&limit=1')).json()).toMatchObject({ errors: [{ parameter: 'cursor', code: 'unknown' }, { parameter: 'limit', code: 'unknown' }] });
      for (const limit of ['0', '-1', '10001', '1.5', 'x']) expect(await (await get(`/data?${RANGE}&limit=${limit}`)).json()).toMatchObject({ status: 400, errors: [{ parameter: 'limit', code: 'invalid' }] });
    });

    it('end with 410 and the way to page one when models were published since', async () => {
      await fill(5);
      const next = nextOf(await get(`/data?${RANGE}&limit=2&name=Voltage`)) ?? '';
      await database.query('update ingot.datasets set publication = publication + 1, run_id = run_id + 1');
      nextRun();
      const gone = await get(next);
      const first = `/data?${RANGE}&limit=2&name=Voltage`;
      expect([gone.status, gone.headers.get('link'), gone.headers.get('etag')]).toEqual([410, `<${first}>; rel="first"`, null]);
      expect(await gone.json()).toMatchObject({ success: false, type: '/docs/errors#cursor-expired', first, detail: expect.stringContaining('without a cursor') });
      expect((await get(first)).status).toBe(200);
    });

    it('wait for no run behind the first', async () => {
      await fill(5);
      const waits: number[] = [];
      app.freshness = (_, waitMs) => {
        waits.push(waitMs);
        return Promise.resolve({ ...STATE, fresh: false, reason: 'timeout', runId: run });
      };
      const first = await get(`/data?${RANGE}&limit=2`);
      const second = await get(nextOf(first) ?? '', { prefer: 'wait=1' });
      expect([waits, second.headers.get('ingot-stale'), second.headers.get('cache-control')]).toEqual([[300, 0], null, 'no-cache']);
    });
  });
});

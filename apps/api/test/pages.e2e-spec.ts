import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { startService, type RunningService } from './service.js';

const CLI = path.resolve('dist/apps/cli/src/main.js');

interface Item {
  time: string;
  name: string;
  value: number;
}

describe('pages and entity tags', () => {
  let database: TestDatabase;
  let service: RunningService;
  let second: RunningService;
  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startService(database.url);
    second = await startService(database.url);
  });
  afterAll(async () => {
    await Promise.all([service.stop(), second.stop()]);
    await database.drop();
  });
  const post = async (lines: readonly string[], url = service.url): Promise<void> => {
    expect((await fetch(`${url}/data`, { method: 'POST', body: lines.join('\n') })).status).toBe(200);
  };
  const nextOf = (response: Response): string | undefined => /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
  const lines = (day: number, from: number, count: number, step = 1): string[] =>
    Array.from({ length: count }, (_, i) => `${Date.UTC(2022, 0, day) / 1000 + (from + i * step)} ${i % 2 === 0 ? 'Voltage' : 'Current'} ${i + 1}`);

  it('walks through the rows of page one\'s moment while new and late lines arrive, over two processes', async () => {
    await post(lines(1, 0, 200, 100));
    const range = 'from=2022-01-01&to=2022-01-01';
    const whole = (await (await fetch(`${service.url}/data?${range}`)).json()) as Item[];
    expect(whole).toHaveLength(201);
    const items: Item[] = [];
    const tags = new Set<string | null>();
    let pages = 0;
    for (let target: string | undefined = `/data?${range}&limit=30`; target !== undefined; pages++) {
      const page: Response = await fetch(`${[service, second][pages % 2]!.url}${target}`);
      expect(page.status).toBe(200);
      tags.add(page.headers.get('etag'));
      items.push(...((await page.json()) as Item[]));
      target = nextOf(page);
      // Late lines among those that pages have shown and will show; the GET waits until they are transformed.
      await post(lines(1, 37 + pages, 40, 500));
      const now = (await (await fetch(`${service.url}/data?${range}&name=Voltage`)).json()) as Item[];
      expect(now).toHaveLength(100 + 20 * (pages + 1));
    }
    expect([pages, tags.size]).toEqual([7, 7]);
    expect(items.slice(0, 200)).toEqual(whole.slice(0, 200)); // readings only grow
    expect(items[200]).toMatchObject({ time: '2022-01-01T00:00:00.000Z', name: 'Power' }); // power changes: it is that of now
    expect(items).toHaveLength(201);
    expect(items[200]?.value).not.toBe(whole[200]?.value);
  });

  it('answers 304 until a line arrives, at both processes', async () => {
    await post(lines(3, 0, 2));
    const target = '/data?from=2022-01-03&to=2022-01-03';
    const first = await fetch(`${service.url}${target}`, { headers: { prefer: 'wait=10' } });
    const tag = first.headers.get('etag') ?? '';
    expect(tag).toMatch(/^W\/"/);
    for (const { url } of [service, second]) {
      const again = await fetch(`${url}${target}`, { headers: { 'if-none-match': tag } });
      expect([again.status, await again.text()]).toEqual([304, '']);
    }
    await post(lines(3, 5, 2), second.url);
    for (const { url } of [service, second]) {
      const changed = await fetch(`${url}${target}`, { headers: { 'if-none-match': tag } });
      expect([changed.status, ((await changed.json()) as Item[]).length]).toEqual([200, 5]);
    }
  });

  it('cursors outlive a restart; they end with 410 when a model is computed anew, and are 400 with one letter changed', async () => {
    await post(lines(5, 0, 10));
    const target = '/data?from=2022-01-05&to=2022-01-05&limit=4';
    const next = nextOf(await fetch(`${service.url}${target}`)) ?? '';
    await service.stop();
    service = await startService(database.url);
    expect(((await (await fetch(`${service.url}${next}`)).json()) as Item[]).map(({ value }) => value)).toEqual([5, 6, 7, 8]);

    const tampered = next.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'));
    const refused = await fetch(`${service.url}${tampered}`);
    expect([refused.status, await refused.json()]).toEqual([400, expect.objectContaining({ success: false, type: '/docs/errors#invalid-parameter', errors: [expect.objectContaining({ parameter: 'cursor', code: 'invalid' })] })]);

    await promisify(execFile)(process.execPath, [CLI, 'rebuild', 'int_daily_metric'], { env: { ...process.env, DATABASE_URL: database.url } });
    const gone = await fetch(`${service.url}${next}`);
    expect([gone.status, gone.headers.get('link')]).toEqual([410, `<${target}>; rel="first"`]);
    expect(await gone.json()).toMatchObject({ success: false, type: '/docs/errors#cursor-expired', first: target });
    expect(((await (await fetch(`${service.url}${target}`)).json()) as Item[]).map(({ value }) => value)).toEqual([1, 2, 3, 4]);
  });
});

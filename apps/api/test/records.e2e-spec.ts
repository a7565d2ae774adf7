import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import pg from 'pg';
import { startService, type RunningService } from './service.js';

const STG = `/* ---
description: One row a line.
materialized: incremental
incremental_strategy: append
increment_on: bronze.raw
columns:
  - name: raw_id
    data_type: bigint
    description: The line's number
    data_tests: [not_null, unique]
  - name: n
    data_tests:
      - in_range: {max: 100, name: plausible, on_fail: quarantine}
--- */
select id as raw_id, device, split_part(line, ' ', 3)::int as n from bronze.raw
`;
const FILES: Readonly<Record<string, string>> = {
  't/dataset.yml': 'description: A test.\nprobe_every: 200ms\n',
  't/sources/raw.yml': 'kind: lines\npath: /raw\nfreshness: {warn_after: 1h}\n',
  't/silver/stg.sql': STG,
  't/gold/devices.sql': '/* ---\ndescription: Rows per device.\nmaterialized: view\n--- */\nselect device, count(*) as rows from silver.stg group by device\n',
  't/tests/small_enough.sql': '-- No value may be 13.\nselect * from silver.stg where n = 13\n',
  't/endpoints/devices.sql': '/* ---\npath: /devices\ndescription: Rows of each device.\nformats: [json]\n--- */\nselect device, rows from gold.devices\n',
};

type Json = Record<string, unknown>;
interface Run extends Json {
  id: number;
  run_id: number | null;
  status: string;
  rows_in: number;
}

const root = mkdtempSync(path.join(tmpdir(), 'ingot records-'));
const sqlDir = writeProject('sql', {});
let database: TestDatabase;
let service: RunningService;

beforeAll(async () => {
  database = await createTestDatabase();
  service = await startService(database.url, { INGOT_SQL_DIR: sqlDir });
});
afterAll(async () => {
  await service.stop();
  await database.drop();
  rmSync(root, { recursive: true });
});

function writeProject(name: string, changes: Readonly<Record<string, string>>): string {
  for (const [file, text] of Object.entries({ ...FILES, ...changes })) {
    const target = path.join(root, name, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  return path.join(root, name);
}

async function ask(target: string, init?: RequestInit): Promise<{ status: number; headers: Headers; body: Json }> {
  const answer = await fetch(new URL(target, service.url), init);
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Json };
}
const get = async <T>(target: string): Promise<T> => {
  const { status, body } = await ask(target);
  expect([target, status]).toEqual([target, 200]);
  return body as T;
};
const post = (lines: readonly string[], headers: Record<string, string> = {}) => ask('/raw', { method: 'POST', body: lines.join('\n'), headers });
const replay = (body: unknown) => ask('/quarantine/replay', { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
const runs = async () => (await get<{ runs: Run[] }>('/runs?limit=500')).runs;
const source = async () => (await get<{ datasets: { sources: Json[] }[] }>('/stats')).datasets[0]!.sources[0]!;

/** Looks until it is so, at most 10 s. */
async function until<T>(look: () => Promise<T>, isSo: (found: T) => boolean): Promise<T> {
  for (let i = 0; ; i++) {
    const found = await look();
    if (isSo(found) || i === 100) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
const untilTaken = () => until(source, ({ lag_seconds, backlog }) => lag_seconds === 0 && (backlog as Json).lines === 0);

describe('before anything came in', () => {
  it('there is nothing to tell, and that is an answer', async () => {
    expect(await get('/runs')).toEqual({ runs: [] });
    expect(await get('/quarantine')).toEqual({ groups: [] });
    expect(await get('/quarantine/entries')).toEqual({ entries: [] });
    expect(await get('/stats')).toMatchObject({
      datasets: [
        {
          dataset: 't', applied: true, run_id: null, watermark_at: null, last_success: null, last_failure: null,
          sources: [
            {
              source: 'bronze.raw', route: 'POST /raw', lag_seconds: 0,
              stored: { lines: 0, bytes: 0, since: null }, rejected: { requests: 0, lines: 0, last_at: null }, quarantined: { rows: 0, exact: true },
              backlog: { lines: 0, exact: true }, freshness: { newest_at: null, age_seconds: null, outcome: 'warned', message: 'no line yet' },
            },
          ],
        },
      ],
    });
    expect(await get('/models/devices')).toMatchObject({ name: 'gold.devices', kind: 'view', strategy: null, last_step: null, bytes: null, code: { state: 'applied' } });
  });

  it.each([
    ['/runs/1', 'There is no run 1; GET /runs lists those that are remembered.'],
    ['/runs/compare?a=1&b=2', 'There is no run 1; GET /runs lists those that are remembered.'],
    ['/quarantine/entries/1', 'No entry 1 lies in quarantine.'],
    ['/models/stg_', 'There is no model "stg_"; did you mean stg?'],
    ['/models/gold.device', 'There is no model "gold.device"; did you mean gold.devices?'],
    ['/models/nothing%20like%20it', 'There is no model "nothing like it"; GET /models lists them.'],
  ])('%s: 404', async (target, detail) => {
    expect(await ask(target)).toMatchObject({ status: 404, body: { success: false, type: '/docs/errors#no-such-resource', detail } });
  });
});

describe('what came in, what ran, what was put aside', () => {
  beforeAll(async () => {
    expect((await post(['1 a 1', '2 a 2', '3 a 3'])).status).toBe(200);
    await untilTaken();
    expect((await post(['4 a 4', '5 a 500', '6 a 1.5'], { 'x-device-id': 'pump-7' })).status).toBe(200);
    await untilTaken();
    expect((await post(['7 a x', '8 b', '9 a 1'])).status).toBe(400);
  });

  it('GET /stats counts lines, bytes and refusals exactly, each once', async () => {
    const key = { 'idempotency-key': 'k1' };
    expect((await post(['10 a 10'], key)).status).toBe(200);
    expect((await post(['10 a 10'], key)).status).toBe(200); // a repeat, not a line more
    await untilTaken();
    const { at, datasets } = await get<{ at: string; datasets: Json[] }>('/stats');
    expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000);
    expect(datasets[0]).toMatchObject({ stands_still: null, last_failure: null, last_success: { rows_in: 1, cut: false } });
    const found = await source();
    expect(found).toMatchObject({ stored: { lines: 7, bytes: 4 * 5 + 3 * 7 }, rejected: { requests: 1, lines: 2 }, quarantined: { rows: 2, exact: true }, freshness: { outcome: 'passed', message: null } });
    expect((found.rejected as Json).last_at).toMatch(/^\d{4}-/);
  });

  it('GET /runs lists the newest first and pages by Link', async () => {
    const all = await runs();
    expect(all.map(({ id }) => id)).toEqual([...all.map(({ id }) => id)].sort((a, b) => b - a));
    expect(all.at(-1)).toMatchObject({ dataset: 't', kind: 'run', status: 'succeeded', run_id: 1, rows_in: 3, error: null });
    const seen: number[] = [];
    for (let target: string | undefined = '/runs?limit=1&dataset=t&status=succeeded'; target !== undefined; ) {
      const { body, headers } = await ask(target);
      seen.push(...(body as { runs: Run[] }).runs.map(({ id }) => id));
      target = /^<(.*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
    }
    expect(seen).toEqual(all.map(({ id }) => id));
    expect(await get('/runs?status=failed')).toEqual({ runs: [] });
  });

  it('GET /runs/:id and /runs/compare tell steps, tests and what is odd', async () => {
    const all = await runs();
    const [a, b] = [all.at(-1)!, all.find(({ rows_in }, i) => rows_in === 3 && i < all.length - 1)!];
    const shown = await get<Json>(`/runs/${b.id}`);
    expect(shown).toMatchObject({ id: b.id, rows_in: 3, steps: [{ position: 1, model: 'silver.stg', strategy: 'append', rows_written: 1, rows_in: 3, rows_out: 1, quarantined: 2, filtered: 0 }] });
    expect(shown.tests).toContainEqual({ test: 'small_enough', relation: null, scope: expect.any(String) as unknown, outcome: 'passed', failures: 0, samples: [], duration_ms: expect.any(Number) as unknown });
    expect(await get(`/runs/compare?a=${a.id}&b=${b.id}`)).toMatchObject({
      a: a.id, b: b.id, same_code: true, rows_in: { a: 3, b: 3, change: 0 },
      steps: [{ model: 'silver.stg', rows: { a: 3, b: 1 } }], anomalies: expect.arrayContaining([{ kind: 'rows_changed', model: 'silver.stg', detail: '3 rows became 1' }, { kind: 'quarantined', model: 'silver.stg', detail: '2 rows were put aside' }]) as unknown,
    });
  });

  it('GET /models tells what the files say and what the database knows', async () => {
    const { models } = await get<{ models: Json[] }>('/models?dataset=t');
    expect(models.map(({ name, kind, reads, read_by }) => [name, kind, reads, read_by])).toEqual([
      ['silver.stg', 'incremental', ['bronze.raw'], ['gold.devices', 'tests/small_enough']],
      ['gold.devices', 'view', ['silver.stg'], ['GET /devices']],
    ]);
    expect(models[0]).toMatchObject({
      strategy: 'append', increment_on: ['bronze.raw'], code: { state: 'applied' }, last_step: { rows_deleted: 0 },
      columns: [{ name: 'raw_id', data_type: 'bigint', description: "The line's number" }, { name: 'device', data_type: 'text', description: null }, { name: 'n', data_type: 'integer', description: null }],
    });
    expect(models[0]).not.toHaveProperty('sql');
    const stg = await get<Json & { bytes: number }>('/models/stg');
    expect(stg).toMatchObject({ name: 'silver.stg', sql: expect.stringContaining('select id as raw_id') as unknown });
    expect((stg.columns as Json[])[0]).toMatchObject({ name: 'raw_id', from: [{ relation: 'bronze.raw', column: 'id', kind: 'same' }] });
    expect(stg.bytes).toBeGreaterThan(0);
  });

  it('GET /quarantine groups, lists and shows; POST replays, once', async () => {
    const { groups } = await get<{ groups: Json[] }>('/quarantine?model=silver.stg');
    expect(groups.map(({ model, reasons, entries, to_replay }) => [model, reasons, entries, to_replay])).toEqual([['silver.stg', ['22P02'], 1, 0], ['silver.stg', ['plausible'], 1, 0]]);
    expect((await get<{ groups: Json[] }>('/quarantine?reason=plausible')).groups).toHaveLength(1);
    const { body, headers } = await ask('/quarantine/entries?limit=1');
    const { entries: newest } = body as { entries: Json[] };
    const next = /^<(.*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? '';
    const { entries: older } = await get<{ entries: Json[] }>(next);
    expect([...older, ...newest].map(({ input, input_row, attempts, replay: again }) => [input, (input_row as Json).line, attempts, again])).toEqual([['bronze.raw', '5 a 500', 1, false], ['bronze.raw', '6 a 1.5', 1, false]]);
    const [{ id }] = (await get<{ entries: { id: number }[] }>('/quarantine/entries?reason=plausible')).entries as [{ id: number }];
    expect(await get(`/quarantine/entries/${id}`)).toMatchObject({ id, reasons: [{ name: 'plausible', place: { file: 'sql/t/silver/stg.sql', line: 13 } }] });

    expect(await replay({ ids: [id] })).toMatchObject({ status: 202, body: { requested: 1, refused: [] } });
    const again = await until(() => get<{ attempts: number; replay: boolean }>(`/quarantine/entries/${id}`), ({ attempts }) => attempts === 2);
    expect(again).toMatchObject({ attempts: 2, replay: false });
    expect((await runs())[0]).toMatchObject({ rows_in: 0, status: 'succeeded' });
  });

  it.each([
    [{}, 400, 'ids is missing: a replay takes just one of ids, model and all'],
    [{ ids: [1], all: true }, 400, 'ids is not alone: a replay takes just one of ids, model and all'],
    [{ ids: [] }, 400, 'ids must be a list of 1 to 10000 ids, each a whole number from 1'],
    [{ ids: ['1'] }, 400, 'ids must be a list of 1 to 10000 ids, each a whole number from 1'],
    [{ ids: [1e23] }, 400, 'ids must be a list of 1 to 10000 ids, each a whole number from 1'],
    [{ ids: 1, dataset: 'u', modell: 'x' }, 400, 'modell is not a parameter; did you mean model?; dataset is one of t; ids must be a list of 1 to 10000 ids, each a whole number from 1'],
    [{ model: 'silver.stgs' }, 400, 'model names no model there is; did you mean silver.stg?'],
    [{ all: false }, 400, 'all must be true or left out'],
    [[1], 400, 'ids is missing: a replay takes just one of ids, model and all'],
    [{ ids: [999_999] }, 404, 'No such entry lies in quarantine.'],
  ])('POST /quarantine/replay refuses %j', async (body, status, detail) => {
    expect(await replay(body)).toMatchObject({ status, body: { detail } });
  });

  it('POST /quarantine/replay takes JSON only, so that a form of another site cannot send it', async () => {
    const send = (body: string, type: string) => ask('/quarantine/replay', { method: 'POST', body, headers: { 'content-type': type } });
    expect(await send('{"all":true}', 'text/plain')).toMatchObject({ status: 415, body: { type: '/docs/errors#unsupported-media-type' } });
    expect(await send('{"all":', 'application/json')).toMatchObject({ status: 400, body: { type: '/docs/errors#invalid-body' } });
    expect((await get<{ groups: Json[] }>('/quarantine')).groups).toMatchObject([{ to_replay: 0 }, { to_replay: 0 }]);
  });

  it('says what `ingot` says', async () => {
    const ingot = async (...args: string[]): Promise<unknown> => {
      const { stdout } = await promisify(execFile)(process.execPath, [path.resolve('dist/apps/cli/src/main.js'), ...args, '--json'], { env: { PATH: process.env.PATH, DATABASE_URL: database.url, INGOT_SQL_DIR: sqlDir } });
      return JSON.parse(stdout) as unknown;
    };
    const [a, b] = (await runs()).map(({ id }) => String(id)) as [string, string];
    const [shown, compared, lineage, groups] = await Promise.all([ingot('runs', 'show', b), ingot('runs', 'compare', b, a), ingot('lineage'), ingot('quarantine', 'ls')]);
    expect(shown).toEqual(await get(`/runs/${b}`));
    expect(compared).toEqual(await get(`/runs/compare?a=${b}&b=${a}`));
    expect(lineage).toEqual(await get('/lineage'));
    expect(groups).toEqual(await get('/quarantine'));
  });

  it('GET /lineage follows a column in both directions', async () => {
    expect(await get('/lineage?name=stg.device')).toMatchObject({ node: 'silver.stg', column: 'device', upstream: [{ node: 'bronze.raw', column: 'device', kind: 'same', distance: 1 }], downstream: expect.arrayContaining([{ node: 'GET /devices', column: 'device', kind: 'same', distance: 2 }]) as unknown });
  });
});

describe('wrong parameters', () => {
  it.each([
    ['/runs?limit=0&before=x&status=done&dataset=u&limitt=1', { limitt: 'unknown', dataset: 'invalid', status: 'invalid', before: 'invalid', limit: 'invalid' }],
    ['/runs?limit=1&limit=2', { limit: 'repeated' }],
    ['/runs?limit=1e2', { limit: 'invalid' }],
    ['/runs?before=99999999999999999999', { before: 'invalid' }],
    ['/runs/0', { id: 'invalid' }],
    ['/runs/12x', { id: 'invalid' }],
    ['/runs/compare?b=-1', { a: 'missing', b: 'invalid' }],
    ['/stats?dataset=t', { dataset: 'unknown' }],
    ['/models?dataset=', { dataset: 'invalid' }],
    ['/models/stg?x', { x: 'unknown' }],
    ['/lineage?direction=upstream', { direction: 'invalid' }],
    ['/lineage?name=nothing', { name: 'invalid' }],
    ['/quarantine?model=stg&reason=%00', { model: 'invalid', reason: 'invalid' }],
    ["/quarantine/entries?limit=501&model=silver.x'--", { model: 'invalid', limit: 'invalid' }],
  ])('%s is refused with all of them', async (target, codes) => {
    const { status, body } = await ask(target);
    const errors = (body.errors ?? []) as { parameter: string; code: string }[];
    expect([status, body.type]).toEqual([400, '/docs/errors#invalid-parameter']);
    expect(Object.fromEntries(errors.map(({ parameter, code }) => [parameter, code]))).toEqual(codes);
  });
});

describe('when things go wrong', () => {
  it('a ledger that cannot be read in time is a 503, and the lines come in all the same', async () => {
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    await holder.query('begin; lock table ingot.runs, ingot.quarantine in access exclusive mode');
    try {
      for (const target of ['/runs', '/runs/1', '/stats', '/quarantine']) {
        const { status, headers, body } = await ask(target);
        expect([target, status, body.type, Number(headers.get('retry-after')) >= 1]).toEqual([target, 503, '/docs/errors#overloaded', true]);
      }
      expect((await post(['20 a 20'])).status).toBe(200);
    } finally {
      await holder.end();
    }
    expect((await ask('/runs')).status).toBe(200);
  });

  it('files that are not applied are told as such', async () => {
    const changed = writeProject('changed/sql', { 't/silver/stg.sql': STG.replace('::int', '::bigint'), 't/gold/more.sql': '/* ---\nmaterialized: view\n--- */\nselect n from silver.stg\n' });
    const other = await startService(database.url, { INGOT_SQL_DIR: changed, INGOT_APPLY: 'manual' });
    try {
      const look = async () => (await (await fetch(`${other.url}/stats`)).json()) as { datasets: Json[] };
      const stats = await until(look, ({ datasets }) => datasets[0]!.stands_still !== null);
      expect(stats.datasets[0]).toMatchObject({ applied: false, stands_still: 'not-applied' });
      const { models } = (await (await fetch(`${other.url}/models`)).json()) as { models: Json[] };
      expect(models.map(({ name, code }) => [name, (code as Json).state]).sort()).toEqual([['gold.devices', 'applied'], ['gold.more', 'not applied'], ['silver.stg', 'changed']]);
    } finally {
      await other.stop();
    }
  });

  it('a failing run is told with its place, and what waits is counted', async () => {
    await post(['30 a 13']);
    const [failed] = await until(async () => (await get<{ runs: Run[] }>('/runs?status=failed')).runs, (found) => found.length > 0);
    const shown = await get<Json>(`/runs/${failed!.id}`);
    expect(shown).toMatchObject({ status: 'failed', run_id: null, steps: [], error: { file: 'sql/t/tests/small_enough.sql', line: 1, column: 1 }, tests: [{ test: 'small_enough', outcome: 'failed', failures: 1, samples: [{ n: 13 }] }] });
    const { datasets } = await get<{ datasets: { sources: Json[] }[] }>('/stats');
    expect(datasets[0]).toMatchObject({ stands_still: 'failing', last_failure: { id: failed!.id, is_open: true }, sources: [{ backlog: { lines: 1, exact: true } }] });
    expect(datasets[0]!.sources[0]!.lag_seconds).toBeGreaterThan(0);
  });
});

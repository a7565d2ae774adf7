import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { openRunHistory } from '@ingot/db';
import { apply, rebuild } from '../../src/apply.js';
import { readCatalogFacts } from '../../src/catalog-facts.js';
import { SAMPLE, sampleDataset } from '../sample-project.js';
import { liveProject, replaced, someLines, type LiveProject } from './live-project.js';

let project: LiveProject;
let before: Dataset;
beforeEach(async () => {
  const { dataset, ...rest } = await liveProject();
  project = rest;
  before = dataset;
  await project.flush([...someLines(20), '2030-01-01 V x']);
  await project.runAll(before);
});
afterEach(() => project.db.drop());

const query = <Row extends Record<string, unknown>>(text: string) => project.db.query<Row>(text);
const records = () => query(`select kind, run_id::int, status, attempts, rows_in::int, error ->> 'model' as model from ingot.runs order by id`);
const TABLE = replaced('silver/stg.sql', "' ', 2) as metric", "' ', 2) || '' as metric");

describe('a publication', () => {
  it('is a record of the run ledger with a step for each model: its number is that of no run', async () => {
    const files = await sampleDataset({ ...TABLE, 'gold/extra.sql': '/* ---\nmaterialized: table\n--- */\nselect device, count(*) as n from silver.stg group by device\n', 'gold/shown.sql': '/* ---\nmaterialized: view\n--- */\nselect device from silver.daily\n' });
    await apply(project.client, files, undefined, { chunkRows: 6 });
    await project.flush(someLines(3));
    await project.runAll(files);
    expect(await records()).toEqual([
      { kind: 'run', run_id: 1, status: 'succeeded', attempts: 1, rows_in: 21, model: null },
      { kind: 'publication', run_id: 2, status: 'succeeded', attempts: 1, rows_in: 0, model: null },
      { kind: 'run', run_id: 3, status: 'succeeded', attempts: 1, rows_in: 3, model: null },
    ]);
    const history = await openRunHistory({ url: project.db.url, name: 'test' });
    try {
      const [publication, run] = [(await history.findWriter('sample', 2))!, (await history.findWriter('sample', 3))!];
      expect(publication.steps.map(({ model, strategy, rowsWritten, rowsIn, rowsOut, quarantined }) => [model, strategy, rowsWritten, rowsIn, rowsOut, quarantined])).toEqual([
        ['silver.stg', 'rebuild', 20, 21, 20, 1],
        ['gold.extra', 'create', 1, null, null, null],
        ['silver.daily', 'rebuild', expect.any(Number), null, null, null],
        ['gold.power', 'rebuild', expect.any(Number), null, null, null],
        ['gold.shown', 'create', 0, null, null, null],
        ['gold.summary', 'rebuild', expect.any(Number), null, null, null],
      ]);
      expect(publication.codeHash).toBe(files.codeHash);
      expect(publication.durationMs).toBeGreaterThan(publication.steps[0]!.durationMs);
      expect(publication.startedAt.getTime()).toBeLessThan(publication.finishedAt.getTime());
      // The next run is compared with runs only.
      expect(await history.durationsBefore(run, 20)).toHaveLength(1);
      expect(await history.durationsBefore(publication, 20)).toEqual([]);
    } finally {
      await history.close();
    }
  });

  it('is no run for those who ask for the last one', async () => {
    await rebuild(project.client, before, ['silver.daily']);
    expect((await readCatalogFacts(project.client, [before])).lastRuns.get('sample')).toMatchObject({ runId: '1', rowsIn: 21 });
  });

  it('counts all chunks of a rebuild that was cut off, and begins when that began', async () => {
    const stop = (): never => {
      throw new Error('enough');
    };
    const files = await sampleDataset(TABLE);
    await expect(apply(project.client, files, undefined, { chunkRows: 6, onProgress: stop })).rejects.toThrow('enough');
    await query(`update ingot.plans set started_at = now() - interval '1 hour'; update ingot.shadows set duration_ms = 5000 where relation = 'silver.stg'`);
    await apply(project.client, files, undefined, { chunkRows: 6 });
    const [record] = await query<{ ms: number }>(`select duration_ms as ms, finished_at - started_at > interval '59 minutes' as long, (select rows_in::int from ingot.run_steps where run = id and model = 'silver.stg') as rows from ingot.runs where kind = 'publication'`);
    expect(record).toMatchObject({ long: true, rows: 21 });
    expect(record?.ms).toBeGreaterThan(5000);
    expect(record?.ms).toBeLessThan(60_000);
  });

  it('that fails on a model or a data test is recorded as failed, once while it is the same', async () => {
    const files = await sampleDataset({ ...TABLE, 'tests/none.sql': '/* ---\ndescription: none\n--- */\nselect * from silver.daily where n > 0\n' });
    for (let i = 0; i < 2; i++) await expect(apply(project.client, files)).rejects.toThrow(/none.* failed/);
    expect(await records()).toEqual([
      expect.objectContaining({ kind: 'run', status: 'succeeded' }),
      { kind: 'publication', run_id: null, status: 'failed', attempts: 2, rows_in: 0, model: expect.any(String) },
    ]);
    expect(await query(`select error -> 'tests' -> 0 ->> 'test' as test from ingot.runs where status = 'failed'`)).toEqual([{ test: 'none' }]);
    const broken = await sampleDataset({ 'silver/stg.sql': SAMPLE['silver/stg.sql']!.replace('description: rows', 'on_data_error: fail').replace("' ', 2) as metric", "' ', 2) || '' as metric") });
    await expect(apply(project.client, broken)).rejects.toThrow(/invalid input syntax/);
    expect((await records()).at(-1)).toMatchObject({ kind: 'publication', status: 'failed', model: 'silver.stg' });
    expect(await query('select run_id::int from ingot.datasets')).toEqual([{ run_id: 1 }]);
  });
});

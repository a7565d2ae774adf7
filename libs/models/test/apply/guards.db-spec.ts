import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apply } from '../../src/apply.js';
import { sampleDataset } from '../sample-project.js';
import { liveProject, replaced, until, type LiveProject } from './live-project.js';

describe('a data test unique for a table that has rows', () => {
  let project: LiveProject;
  beforeAll(async () => {
    const { dataset, ...rest } = await liveProject();
    project = rest;
    await project.flush(['2030-01-01 V 1', '2030-01-01 V 2']);
    await project.runAll(dataset);
  });
  afterAll(() => project.db.drop());

  it('lets readers in while its index waits or is built, and is kept by a constraint that can be put off', async () => {
    const writer = await project.db.session('writer');
    await writer.query('begin; lock table silver.stg in row exclusive mode');
    const applying = apply(project.client, await sampleDataset(replaced('silver/stg.sql', '  - name: raw_id\n', '  - name: raw_id\n    data_tests: [unique]\n')));
    await until(project.db, `select from pg_locks where relation = 'silver.stg'::regclass and not granted`);
    const reader = await project.db.session('reader');
    const read = reader.query(`set statement_timeout = '2s'; select from silver.stg`).then(() => 'read', (error: unknown) => String(error));
    expect(await read).toBe('read');
    await writer.query('rollback');
    await applying;
    expect(await project.db.query(`select condeferrable and not condeferred as deferrable from pg_constraint where conrelid = 'silver.stg'::regclass and contype = 'u'`)).toEqual([{ deferrable: true }]);
  });
});

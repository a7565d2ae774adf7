import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Dataset } from '@ingot/datasets';
import { apply, rebuild } from '../../src/apply.js';
import { sampleDataset } from '../sample-project.js';
import { liveProject, replaced, someLines, type LiveProject } from './live-project.js';

let project: LiveProject;
let before: Dataset;
beforeEach(async () => {
  const { dataset, ...rest } = await liveProject();
  project = rest;
  before = dataset;
});
afterEach(() => project.db.drop());

const state = async (): Promise<{ publication: number; run: number }> =>
  (await project.db.query<{ publication: number; run: number }>('select publication::int, run_id::int as run from ingot.datasets'))[0]!;

describe('the number of publications', () => {
  it('grows with whatever may change rows outside of a run, and with nothing else', async () => {
    expect(await state()).toEqual({ publication: 1, run: 0 }); // the tables were made
    await project.flush(someLines(20));
    await project.runAll(before);
    await apply(project.client, before);
    expect(await state()).toEqual({ publication: 1, run: 1 });

    const view = { 'gold/shown.sql': '/* ---\nmaterialized: view\n--- */\nselect device from silver.daily\n' };
    await apply(project.client, await sampleDataset(view));
    expect(await state()).toEqual({ publication: 2, run: 1 }); // no run tells of a view that was made or changed
    await apply(project.client, await sampleDataset({ 'gold/shown.sql': view['gold/shown.sql'].replace('device', "device || '!' as device") }));
    expect(await state()).toEqual({ publication: 3, run: 1 });
    await apply(project.client, await sampleDataset({ ...view, 'seeds/kinds.csv': 'id,name\n1,a\n' }));
    await apply(project.client, await sampleDataset({ ...view, 'seeds/kinds.csv': 'id,name\n1,b\n' }));
    expect(await state()).toEqual({ publication: 5, run: 1 });

    const changed = await sampleDataset({ ...view, 'seeds/kinds.csv': 'id,name\n1,b\n', ...replaced('silver/stg.sql', "' ', 2) as metric", "' ', 2) || '' as metric") });
    await apply(project.client, changed, undefined, { chunkRows: 6 });
    expect(await state()).toEqual({ publication: 6, run: 2 });
    await rebuild(project.client, changed, ['silver.daily']);
    expect(await state()).toEqual({ publication: 7, run: 3 });
    await project.flush(someLines(3));
    await project.runAll(changed);
    expect(await state()).toEqual({ publication: 7, run: 4 });
  });
});

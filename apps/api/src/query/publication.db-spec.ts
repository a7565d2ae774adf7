import { expect, it } from '@jest/globals';
import { loadDataset } from '@ingot/datasets';
import { apply } from '@ingot/models';
import { createTestDatabase } from '@ingot/testing';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startQueryApp } from './test/query-app.js';

const ENDPOINT = '/* ---\npath: /all\ndescription: Whatever columns the table has.\n--- */\nselect * from gold.mart_daily_power\n';

it('an endpoint answers with the columns and types that the last publication has left', async () => {
  const database = await createTestDatabase();
  const app = await startQueryApp(database, { 'all.sql': ENDPOINT });
  const folder = await mkdtemp(path.join(tmpdir(), 'ingot-publication-'));
  try {
    await database.query("insert into gold.mart_daily_power values ('2022-04-14', 'pump', 'Power', 9, 1)");
    const answer = async (): Promise<unknown[]> => (await (await fetch(`${app.url}/all`)).json()) as unknown[];
    expect(await answer()).toEqual([{ reading_date: '2022-04-14', device: 'pump', metric_name: 'Power', metric_value: 9, _run_id: 1 }]);

    await cp('sql/sensor', path.join(folder, 'sensor'), { recursive: true });
    const model = path.join(folder, 'sensor', 'gold', 'mart_daily_power.sql');
    const text = await readFile(model, 'utf8');
    const changed = text.replace(/trim_scale\((.*)\) as metric_value/, "array[trim_scale($1)] as metric_value, 'W' as unit").replace('data_type: numeric', 'data_type: numeric[]');
    await writeFile(model, changed.replace('description: Mean voltage times mean current of the day', "description: In an array\n    data_tests: [not_null]\n  - name: unit\n    data_type: text\n    description: Watts"));
    await database.query('delete from gold.mart_daily_power'); // nothing has run: rows of nobody would stop the publication
    const session = await database.session();
    await apply(session, await loadDataset(path.join(folder, 'sensor')));
    await database.query("insert into gold.mart_daily_power (reading_date, device, metric_name, metric_value, unit, _run_id) values ('2022-04-14', 'pump', 'Power', '{9}', 'W', 2)");
    expect(await answer()).toEqual([{ reading_date: '2022-04-14', device: 'pump', metric_name: 'Power', metric_value: [9], unit: 'W', _run_id: 2 }]);
  } finally {
    await rm(folder, { recursive: true });
    await app.close();
    await database.drop();
  }
});

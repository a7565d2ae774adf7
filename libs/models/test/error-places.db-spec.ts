import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import { apply } from '../src/apply.js';
import { readPlan } from '../src/plan.js';
import { run } from '../src/run.js';
import { RunFailure } from '../src/run-failure.js';
import { sampleDataset } from './sample-project.js';

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.drop());

const HEADER = `/* ---
description: rows, with 🙂 and e\u0301 in the header
materialized: incremental
incremental_strategy: append
increment_on: bronze.raw
--- */
`;
const LINES = HEADER.split('\n').length;

/** The place of `"precision"` in a model whose column went after it was applied: only so does a position reach a run. */
async function placeOfGone(body: string, file = HEADER + body): Promise<object> {
  const dataset = await sampleDataset({ 'silver/stg.sql': file, 'silver/daily.sql': undefined, 'gold/power.sql': undefined, 'gold/summary.sql': undefined });
  const client = await db.session();
  await apply(client, dataset);
  await db.query('alter table bronze.raw drop column "precision"');
  await db.query(`insert into bronze.raw (line) values ('x')`);
  const failure: unknown = await run(client, await readPlan(client, dataset), { maxRows: 10 }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(RunFailure);
  const { place, reason } = failure as RunFailure;
  expect(reason).toMatch(/column .*precision.* does not exist/);
  return place;
}

const at = (line: number, column: number) => ({ file: 'sql/sample/silver/stg.sql', line: LINES + line - 1, column });

describe('the place of a database error in a model', () => {
  it.each<[string, string, object]>([
    ['before the relation', `select id, "precision" from bronze.raw`, at(1, 12)],
    ['after the relation, which the run replaces by a longer text', `select id from bronze.raw as r where "precision" is null`, at(1, 38)],
    ['behind surrogate pairs', `select id, '🙂👩‍🔬' as smile, "precision" from bronze.raw`, at(1, 29)],
    ['behind combining marks', `select id, 'e\u0301o\u0308' as e, "precision" from bronze.raw`, at(1, 25)],
    ['behind both, after the relation', `select id, '🙂e\u0301' as x\nfrom bronze.raw -- 温度 🙂\nwhere /* 🙂 */ "precision" is null`, at(3, 15)],
    ['behind a tab, which is one column', `select id\n\t, "precision" from bronze.raw`, at(2, 4)],
  ])('%s', async (_where, body, place) => {
    expect(await placeOfGone(body)).toEqual(place);
  });

  it('in a file with CRLF line ends and a byte order mark', async () => {
    const file = `\uFEFF${HEADER}select id, '🙂' as x\nfrom bronze.raw as r\nwhere r."precision" is null\n`.replaceAll('\n', '\r\n');
    expect(await placeOfGone('', file)).toEqual(at(3, 7));
  });
});

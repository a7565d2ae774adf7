import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { appendedRows, endOfRows } from '../src/appended-rows.js';
import { readPlan } from '../src/plan.js';
import { liveProject, replaced, someLines } from './apply/live-project.js';

type Project = Awaited<ReturnType<typeof liveProject>>;

let project: Project;
beforeEach(async () => {
  project = await liveProject();
});
afterEach(() => project.db.drop());

async function stepOf({ client, dataset }: Project) {
  return (await readPlan(client, dataset)).steps.find(({ model }) => model.relation === 'silver.stg')!;
}
const asker = ({ db }: Project) => (text: string) => db.query<Record<string, unknown>>(text);
const newestRun = async ({ db }: Project) => BigInt((await db.query<{ run: string }>('select max(_run_id) as run from silver.stg'))[0]!.run);

/** Flushes and runs; what the last run has appended is found by the condition that is returned. */
async function conditionOf(each: Project, lines: number): Promise<string> {
  const step = await stepOf(each);
  const end = await endOfRows(asker(each), step);
  await each.flush(someLines(lines));
  await each.runAll(each.dataset);
  const runId = await newestRun(each);
  const condition = await appendedRows(asker(each), step, runId, end, lines);
  expect(await each.db.query(`select count(*)::int as n, min(_run_id)::text as first, max(_run_id)::text as last from silver.stg where ${condition}`)).toEqual([{ n: lines, first: String(runId), last: String(runId) }]);
  return condition;
}

describe('what a run has appended', () => {
  it('is found by its place, from the last page on that the table had', async () => {
    expect(await conditionOf(project, 100)).toContain(`ctid >= '(0,0)'::tid and `);
    expect(await conditionOf(project, 2_000)).toContain(`ctid >= '(0,0)'::tid and `); // the first page had room
    expect(await conditionOf(project, 10)).toMatch(/ctid >= '\([1-9]\d*,0\)'::tid and /);
    const { rows } = await project.client.query<{ 'QUERY PLAN': string }>(`explain select from silver.stg where ${await conditionOf(project, 10)}`);
    expect(rows[0]!['QUERY PLAN']).toContain('Tid Range Scan');
    expect(await project.differences(project.dataset)).toEqual({});
  });

  it('is found by its number where rows went into room that VACUUM had found', async () => {
    const { db, dataset } = project;
    await conditionOf(project, 100);
    await db.query('begin');
    await db.query(`insert into silver.stg select s.* from silver.stg as s cross join generate_series(1, 100)`);
    await db.query('rollback');
    await conditionOf(project, 3_000); // behind what was rolled back
    await db.query('vacuum silver.stg');
    expect(await conditionOf(project, 500)).not.toContain('ctid');
    expect(await project.differences(dataset)).toEqual({});
  });

  it('is found by its number in a table of months, whose partitions count their pages each for itself', async () => {
    const months = await liveProject(replaced('silver/stg.sql', 'increment_on: bronze.raw\n', 'increment_on: bronze.raw\npartition_by: day\n'));
    try {
      expect(await conditionOf(months, 100)).not.toContain('ctid');
    } finally {
      await months.db.drop();
    }
  });
});

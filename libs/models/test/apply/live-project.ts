import type { Dataset } from '@ingot/datasets';
import { createTestDatabase, type TestDatabase } from '@ingot/testing';
import type { Client } from 'pg';
import { apply } from '../../src/apply.js';
import { readPlan } from '../../src/plan.js';
import { run } from '../../src/run.js';
import { differences } from '../consistency.js';
import { SAMPLE, sampleDataset } from '../sample-project.js';

/** The sample dataset applied to a database of its own, with what a test does to it. */
export interface LiveProject {
  readonly db: TestDatabase;
  readonly client: Client;
  /** One flush in a transaction of its own. */
  flush(lines: readonly string[], device?: string): Promise<void>;
  /** Runs of a dataset's files until nothing is left; each reads at most so many rows. */
  runAll(dataset: Dataset, maxRows?: number): Promise<void>;
  /** By model: how many rows differ from what its SELECT gives over the whole tables. */
  differences(dataset: Dataset): Promise<Record<string, number>>;
}

/** @param server superuser URL of another cluster than the test run's own */
export async function liveProject(changes: Readonly<Record<string, string | undefined>> = {}, server?: string): Promise<LiveProject & { dataset: Dataset }> {
  const db = await createTestDatabase(server);
  const client = await db.session('apply');
  const dataset = await sampleDataset(changes);
  await apply(client, dataset);
  const runner = await db.session('runner', 'run');
  return {
    db,
    client,
    dataset,
    async flush(lines, device = 'a') {
      await db.query('begin');
      await db.query(`insert into bronze.flushes (flush_id, source, lines) values (gen_random_uuid(), 'bronze.raw', $1)`, [lines.length]);
      await db.query('insert into bronze.raw (device, line) select $1, unnest($2::text[])', [device, lines]);
      await db.query('commit');
    },
    async runAll(files, maxRows = 1_000_000) {
      const plan = await readPlan(runner, files);
      for (let more = true; more; ) {
        const result = await run(runner, plan, { maxRows });
        if (result.outcome !== 'succeeded') throw new Error(`the run was ${result.outcome}`);
        more = result.cut;
      }
    },
    differences: (files) => differences(db, files),
  };
}

/** A sample file with some of its text replaced. */
export function replaced(file: string, from: string | RegExp, to: string): Record<string, string> {
  const text = SAMPLE[file]?.replace(from, to);
  if (text === undefined || text === SAMPLE[file]) throw new Error(`${file} holds no ${String(from)}`);
  return { [file]: text };
}

/** Lines of several days and both metrics. */
export function someLines(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `2030-01-0${1 + ((i + from) % 9)} ${(i + from) % 3 === 0 ? 'C' : 'V'} ${i + from}`);
}

/** Waits until a query gives a row. */
export async function until(db: TestDatabase, text: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if ((await db.query(text)).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never came: ${text}`);
}

import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { TestResult } from './test-result.js';

/** Records what the data tests of a run found; inside its transaction, behind the record of the run itself. */
export async function recordTests(client: Client | Connection, dataset: string, runId: bigint, results: readonly TestResult[]): Promise<void> {
  if (results.length === 0) return;
  await client.query(
    `insert into ingot.test_results (run, test, relation, scope, outcome, failures, samples, duration_ms)
     select r.id, t.* from ingot.runs as r, unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::jsonb[], $9::float8[]) as t
     where r.dataset = $1 and r.run_id = $2`,
    [
      dataset,
      runId.toString(),
      results.map(({ test }) => test),
      results.map(({ relation }) => relation ?? null),
      results.map(({ scope }) => scope),
      results.map(({ outcome }) => outcome),
      results.map(({ failures }) => failures),
      results.map(({ samples }) => JSON.stringify(samples)),
      results.map(({ durationMs }) => durationMs),
    ],
  );
}

import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';

// Five runs a second for 30 days would be 13 M records and several times as many steps. After an hour nobody asks for a
// single one of them; merged by ten minutes it is 4,320 records and those in which something happened.
const KEEP_EACH_MINUTES = 60;
const MERGE_MINUTES = 10;
/** At full rate one group is 3,000 runs. */
const GROUPS_PER_CALL = 20;

/** What is worth a record of its own: failures, publications, runs that were cut, slow or large, that put rows aside or warned. */
const EVENTFUL = `(
  r.status = 'failed' or r.kind <> 'run' or r.cut or r.duration_ms is null or r.duration_ms / r.runs > 5000 or r.rows_in / r.runs > 100000
  or exists (select from ingot.run_steps as s where s.run = r.id and s.quarantined > 0)
  or exists (select from ingot.test_results as t where t.run = r.id and t.outcome <> 'passed')
)`;

/**
 * Merges the records of uneventful runs that are older than an hour: those of the same code and the same ten minutes
 * become one, with their counts and durations added up and the test results of the last. Runs on both sides of an eventful one stay apart, so that
 * first_run_id to run_id has no gap.
 * @returns how many records went
 */
export async function mergeRuns(client: Client | Connection, dataset: string): Promise<number> {
  const { rows } = await client.query<{ ids: string[] }>(
    `with old as (
       select r.id, r.code_hash, date_bin('${MERGE_MINUTES} minutes', r.finished_at, 'epoch') as bucket, ${EVENTFUL} as eventful
       from ingot.runs as r
       where r.dataset = $1 and r.finished_at < date_bin('${MERGE_MINUTES} minutes', now() - interval '${KEEP_EACH_MINUTES} minutes', 'epoch')
     ), islands as (
       select *, count(*) filter (where eventful) over (order by id) as island from old
     )
     select array_agg(id order by id) as ids from islands where not eventful
     group by bucket, code_hash, island having count(*) > 1
     order by min(id) limit ${GROUPS_PER_CALL}`,
    [dataset],
  );
  let merged = 0;
  for (const { ids } of rows) merged += await mergeGroup(client, ids);
  return merged;
}

/** The last record takes the others in. One statement, which finds nothing to add when another process was faster. */
async function mergeGroup(client: Client | Connection, ids: readonly string[]): Promise<number> {
  const { rows } = await client.query<{ removed: number }>(
    `with steps as (
       delete from ingot.run_steps where run = any($1) returning *
     ), added as (
       insert into ingot.run_steps (run, position, model, strategy, rows_written, rows_deleted, duration_ms, rows_in, rows_out, quarantined, filtered, replayed)
       select $2, position, max(model), max(strategy), sum(rows_written), sum(rows_deleted), sum(duration_ms), sum(rows_in), sum(rows_out), sum(quarantined), sum(filtered), sum(replayed)
       from steps group by position
     ), removed as (
       delete from ingot.runs where id = any($1) and id <> $2 returning *
     ), total as (
       select count(*)::int as records, sum(runs) as runs, min(coalesce(first_run_id, run_id)) as first_run_id, min(started_at) as started_at, sum(rows_in) as rows_in, sum(duration_ms) as duration_ms
       from removed
     )
     update ingot.runs as kept
     set runs = kept.runs + total.runs, first_run_id = least(kept.first_run_id, kept.run_id, total.first_run_id), started_at = least(kept.started_at, total.started_at),
       rows_in = kept.rows_in + total.rows_in, duration_ms = kept.duration_ms + total.duration_ms
     from total where kept.id = $2 and total.records > 0
     returning total.records as removed`,
    [ids, ids.at(-1)],
  );
  return rows[0]?.removed ?? 0;
}

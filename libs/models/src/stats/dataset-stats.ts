import type { Dataset, Source } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { sourceFreshness, type SourceFreshness } from '../data-tests/source-freshness.js';
import { relationName } from '../sql-names.js';
import { readState } from '../watermark.js';
import { readBacklogs, type Backlog } from './backlog.js';
import { readSourceCounts, type SourceCount } from './source-counts.js';

/** How a dataset is doing. Nothing of it is counted by reading a table: what it costs does not grow with the history. */
export interface DatasetStats {
  readonly dataset: string;
  /** Whether the files given are those that the database was made by. */
  readonly isApplied: boolean;
  /** Of the last run or publication; null before the first. */
  readonly runId: bigint | null;
  /** When the watermark last moved; null before the first run. */
  readonly watermarkAt: Date | null;
  readonly lastSuccess: SuccessfulRun | null;
  readonly lastFailure: FailedRun | null;
  readonly sources: readonly SourceStats[];
}

export interface SuccessfulRun {
  readonly id: number;
  readonly runId: number;
  readonly finishedAt: Date;
  /** Null in records of the first release; of a record of several runs the mean. */
  readonly durationMs: number | null;
  readonly rowsIn: number;
  /** More was waiting than one run takes. */
  readonly cut: boolean;
}

export interface FailedRun {
  readonly id: number;
  readonly finishedAt: Date;
  readonly model: string;
  readonly message: string;
  readonly attempts: number;
  /** False once a run has succeeded since. */
  readonly isOpen: boolean;
}

export interface SourceStats {
  readonly source: Source;
  /** What was stored through its door. */
  readonly stored: SourceCount;
  /** What its table holds: the planner's estimate, null before the first ANALYZE, and the bytes on disk with indexes. */
  readonly held: { readonly estimatedRows: number | null; readonly bytes: number };
  readonly quarantined: Counted;
  readonly backlog: Backlog;
  readonly freshness: SourceFreshness;
}

/** A number that was counted to a bound. */
export interface Counted {
  readonly rows: number;
  /** False = at least so many. */
  readonly isExact: boolean;
}

const MOST_ENTRIES = 10_000;

/**
 * The figures of a dataset: the watermark first, then what it does not cover.
 * @returns undefined when the database does not hold the dataset
 */
export async function readDatasetStats(client: Client | Connection, dataset: Dataset): Promise<DatasetStats | undefined> {
  const state = await readState(client, dataset.name);
  if (state === undefined) return undefined;
  const relations = dataset.sources.map(({ relation }) => relation);
  const backlogs = await readBacklogs(client, dataset, state.seen);
  const counts = await readSourceCounts(client, relations);
  const held = await readHeld(client, relations);
  const entries = await countEntries(client, dataset.name, relations);
  const sources: SourceStats[] = [];
  for (const source of dataset.sources) {
    const { relation } = source;
    sources.push({
      source,
      stored: counts.get(relation)!,
      held: held.get(relation) ?? { estimatedRows: null, bytes: 0 },
      quarantined: entries.get(relation)!,
      backlog: backlogs.get(relation)!,
      freshness: await sourceFreshness(client, source, { isQuick: true }),
    });
  }
  return {
    dataset: dataset.name,
    isApplied: state.codeHash === dataset.codeHash,
    runId: state.runId === 0n ? null : state.runId,
    watermarkAt: state.runId === 0n ? null : state.updatedAt,
    ...(await readLastRuns(client, dataset.name)),
    sources,
  };
}

async function readLastRuns(client: Client | Connection, dataset: string): Promise<Pick<DatasetStats, 'lastSuccess' | 'lastFailure'>> {
  const { rows: successes } = await client.query<SuccessfulRun>(
    `select id::float8 as id, run_id::float8 as "runId", finished_at as "finishedAt", duration_ms / runs as "durationMs", rows_in::float8 as "rowsIn", cut
     from ingot.runs where dataset = $1 and run_id is not null and kind = 'run' order by run_id desc limit 1`,
    [dataset],
  );
  const { rows: failures } = await client.query<FailedRun>(
    `select id::float8 as id, finished_at as "finishedAt", error ->> 'model' as model, error ->> 'message' as message, attempts, $2::float8 is null or id > $2 as "isOpen"
     from ingot.runs where dataset = $1 and status = 'failed' and kind = 'run' order by finished_at desc limit 1`,
    [dataset, successes[0]?.id ?? null],
  );
  return { lastSuccess: successes[0] ?? null, lastFailure: failures[0] ?? null };
}

async function readHeld(client: Client | Connection, relations: readonly string[]): Promise<Map<string, SourceStats['held']>> {
  const { rows } = await client.query<{ relation: string; rows: number | null; bytes: number }>(
    `select relation, sum(c.reltuples) filter (where c.reltuples >= 0)::float8 as rows, sum(pg_total_relation_size(c.oid))::float8 as bytes
     from unnest($1::text[], $2::text[]) as named (relation, quoted)
     cross join pg_partition_tree(to_regclass(quoted)) as leaf join pg_class as c on c.oid = leaf.relid
     where leaf.isleaf group by relation`,
    [relations, relations.map(relationName)],
  );
  return new Map(rows.map(({ relation, rows: estimatedRows, bytes }) => [relation, { estimatedRows, bytes }]));
}

/** What lies in quarantine of the lines of each source. */
async function countEntries(client: Client | Connection, dataset: string, relations: readonly string[]): Promise<Map<string, Counted>> {
  const { rows } = await client.query<{ relation: string; entries: number }>(
    `select relation, (select count(*) from (select from ingot.quarantine where dataset = $1 and input = relation limit ${MOST_ENTRIES + 1}) as counted)::int as entries
     from unnest($2::text[]) as named (relation)`,
    [dataset, relations],
  );
  return new Map(rows.map(({ relation, entries }) => [relation, { rows: Math.min(entries, MOST_ENTRIES), isExact: entries <= MOST_ENTRIES }]));
}

import type { Dataset } from '@ingot/datasets';
import { readBacklogs, readState } from '@ingot/models';
import type { Connection } from '@ingot/postgres';

/** What only the database knows, as of one moment. */
export interface DatabaseFacts {
  /** By bronze table. */
  readonly sources: ReadonlyMap<string, { readonly backlogLines: number; readonly lagSeconds: number }>;
  /** By dataset: when its watermark last moved, in seconds since 1970. */
  readonly watermarks: ReadonlyMap<string, number>;
  /** Who holds an old snapshot: dead rows that it might see cannot be removed. */
  readonly holders: readonly XminHolder[];
}

export interface XminHolder {
  /** An application_name of ours, `other`, `replication slot` or `prepared transaction`. */
  readonly holder: string;
  /** Transactions begun since the oldest it may still see. */
  readonly transactions: number;
  /** Since its transaction began; null where the role may not see that (no pg_read_all_stats). */
  readonly seconds: number | null;
}

/** The kinds of holders that are no session. */
export const OTHER_HOLDERS = ['other', 'prepared transaction', 'replication slot'];

// Sessions of other databases do not hold up this one's vacuum; those without a database (walsenders) do.
const HOLDERS = `
  select holder, max(transactions)::float8 as transactions, max(seconds)::float8 as seconds
  from (
    select case when application_name = any($1) then application_name else 'other' end as holder,
      age(backend_xmin) as transactions, extract(epoch from clock_timestamp() - xact_start) as seconds
    from pg_stat_activity
    where backend_xmin is not null and pid <> pg_backend_pid() and (datname is null or datname = current_database())
    union all
    select 'prepared transaction', age(transaction), extract(epoch from clock_timestamp() - prepared) from pg_prepared_xacts where database = current_database()
    union all
    select 'replication slot', age(xmin), null from pg_replication_slots where xmin is not null
  ) as held
  group by holder`;

/**
 * Some four messages for a dataset, each of bounded cost: a table is never counted.
 * @param ours the application names that are told apart; all others are `other`
 */
export async function readDatabaseFacts(client: Connection, datasets: readonly Dataset[], ours: readonly string[]): Promise<DatabaseFacts> {
  const { rows: holders } = await client.query<XminHolder>(HOLDERS, [ours]);
  const sources = new Map<string, { backlogLines: number; lagSeconds: number }>();
  const watermarks = new Map<string, number>();
  for (const dataset of datasets) {
    const state = await readState(client, dataset.name);
    if (state === undefined) continue; // not applied yet
    watermarks.set(dataset.name, state.updatedAt.getTime() / 1_000);
    for (const [relation, { lines, ageMs }] of await readBacklogs(client, dataset, state.seen)) sources.set(relation, { backlogLines: lines, lagSeconds: ageMs / 1_000 });
  }
  return { sources, watermarks, holders };
}

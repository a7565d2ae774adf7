import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';

/** One row kept aside. */
export interface QuarantineEntry {
  readonly id: number;
  readonly dataset: string;
  readonly model: string;
  /** The relation the row was read from. */
  readonly input: string;
  readonly inputRow: unknown;
  /** Names of the data tests it failed; empty when the SQL itself failed. */
  readonly reasons: readonly string[];
  readonly sqlstate: string | null;
  readonly message: string | null;
  /** The run that put it here, or the last that tried it again. */
  readonly runId: number;
  readonly codeHash: string;
  readonly firstAt: Date;
  readonly at: Date;
  readonly attempts: number;
  /** The next run takes it in. */
  readonly replay: boolean;
}

/** Entries of one model with the same reasons; where the SQL itself failed, it said the same about them but for values. */
export interface QuarantineGroup {
  readonly dataset: string;
  readonly model: string;
  /** Names of data tests, or the SQLSTATE of what the SQL said. */
  readonly reasons: readonly string[];
  /** What the SQL said about all of them, with … for values in which they differ; null for data tests. */
  readonly message: string | null;
  readonly entries: number;
  readonly toReplay: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** Of the latest entry, to look at one. */
  readonly lastId: number;
}

/**
 * A message without the row's values, as SQL. Messages of class 22 quote values; those of class 23 quote names of columns
 * and constraints, which tell one fault from another. A message that was cut off may miss its last quote.
 */
const SHAPE = `case when sqlstate like '22%' then regexp_replace(message, '".*"|"[^"]*$|[0-9]+', '"…"', 'g') when sqlstate is not null then message end`;

export interface GroupFilter {
  readonly model?: string;
  /** The name of a data test, or an SQLSTATE. */
  readonly reason?: string;
}

/** $3 = the reason. */
const HAS_REASON = '($3 = any(reasons) or sqlstate = $3)';

/** What lies in quarantine, grouped by model, reasons and the kind of message, the most frequent first. */
export async function listQuarantine(client: Client | Connection, datasets: readonly string[], { model, reason }: GroupFilter = {}): Promise<QuarantineGroup[]> {
  const { rows } = await client.query<QuarantineGroup>(
    `select dataset, model, case when sqlstate is null then reasons else array[sqlstate] end as reasons,
       case when ${SHAPE} is null or count(distinct message) = 1 then (array_agg(message order by id desc))[1] else ${SHAPE} end as message, count(*)::int as entries, count(*) filter (where replay)::int as "toReplay",
       min(first_at) as "firstAt", max(at) as "lastAt", max(id)::float8 as "lastId"
     from ingot.quarantine where dataset = any($1) and ($2::text is null or model = $2) and ($3::text is null or ${HAS_REASON})
     group by 1, 2, 3, ${SHAPE} order by entries desc, model, reasons, ${SHAPE}`,
    [datasets, model ?? null, reason ?? null],
  );
  return rows;
}

const ENTRY = `select id::float8 as id, dataset, model, input, input_row as "inputRow", reasons, sqlstate, message, run_id::float8 as "runId", code_hash as "codeHash",
  first_at as "firstAt", at, attempts, replay from ingot.quarantine`;

/** One entry; undefined when it is not there (any more). */
export async function readEntry(client: Client | Connection, id: number): Promise<QuarantineEntry | undefined> {
  return (await client.query<QuarantineEntry>(`${ENTRY} where id = $1`, [id])).rows[0];
}

/** Which entries are to be listed. */
export interface EntryFilter extends GroupFilter {
  /** Entries older than this one: the next page. */
  readonly before?: number;
  readonly limit: number;
}

/** Entries one by one, newest first. */
export async function listEntries(client: Client | Connection, datasets: readonly string[], { model, reason, before, limit }: EntryFilter): Promise<QuarantineEntry[]> {
  const { rows } = await client.query<QuarantineEntry>(
    `${ENTRY} where dataset = any($1) and ($2::text is null or model = $2) and ($3::text is null or ${HAS_REASON}) and ($4::bigint is null or id < $4) order by id desc limit $5`,
    [datasets, model ?? null, reason ?? null, before ?? null, limit],
  );
  return rows;
}

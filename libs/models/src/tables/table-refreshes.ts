import { parseSelect, type Dataset } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { Increment } from '../increment.js';
import type { Step, TableInputs } from '../step.js';

interface Refresh {
  readonly runId: bigint;
  readonly codeHash: string;
  readonly ageMs: number;
}

/**
 * Which `table` models of one run are computed. One with `refresh` is when that long has passed since it was last
 * computed, however little has changed. Any other is in every run, unless the run before left it right, by the same code
 * and seeds, and nothing that it reads has changed in this one. Bronze is never known to be unchanged: retention drops
 * rows of it in silence.
 */
export class TableRefreshes {
  private readonly computed: string[] = [];
  private readonly unchanged: string[] = [];

  private constructor(
    private readonly client: Client | Connection,
    private readonly dataset: Dataset,
    private readonly runId: bigint,
    private readonly stored: ReadonlyMap<string, Refresh>,
  ) {}

  /** @param runId of the run that begins */
  static async read(client: Client | Connection, dataset: Dataset, runId: bigint): Promise<TableRefreshes> {
    const stored = new Map<string, Refresh>();
    if (dataset.models.some(({ materialized }) => materialized === 'table')) {
      const { rows } = await client.query<{ relation: string; run_id: string; code_hash: string; age: number }>(
        `select relation, run_id, code_hash, (extract(epoch from now() - computed_at) * 1000)::float8 as age from ingot.table_refreshes where dataset = $1`,
        [dataset.name],
      );
      for (const row of rows) stored.set(row.relation, { runId: BigInt(row.run_id), codeHash: row.code_hash, ageMs: row.age });
    }
    return new TableRefreshes(client, dataset, runId, stored);
  }

  /** Whether the step has to be executed; asked once, in graph order. */
  isDue({ model, inputs }: Pick<Step, 'model' | 'inputs'>, increments: ReadonlyMap<string, Increment>): boolean {
    const last = this.stored.get(model.relation);
    const isCurrent = last?.codeHash === this.dataset.codeHash;
    if (isCurrent && model.refreshEveryMs !== undefined && last.ageMs < model.refreshEveryMs) return false;
    const isSame = isCurrent && model.refreshEveryMs === undefined && last.runId === this.runId - 1n && inputs !== undefined && inputs.isSteady;
    if (isSame && inputs.tables.every((relation) => increments.get(relation)?.rows === 0 || this.isSeed(relation))) {
      this.unchanged.push(model.relation);
      return false;
    }
    this.computed.push(model.relation);
    return true;
  }

  /** Inside the run's transaction, when all steps are done. */
  async record(): Promise<void> {
    if (this.computed.length + this.unchanged.length === 0) return;
    await this.client.query(
      `with computed as (
         insert into ingot.table_refreshes (dataset, relation, computed_at, run_id, code_hash)
         select $1, relation, now(), $3, $4 from unnest($2::text[]) as relation
         on conflict (dataset, relation) do update set computed_at = excluded.computed_at, run_id = excluded.run_id, code_hash = excluded.code_hash
       )
       update ingot.table_refreshes set run_id = $3 where dataset = $1 and relation = any($5::text[])`,
      [this.dataset.name, this.computed, this.runId.toString(), this.dataset.codeHash, this.unchanged],
    );
  }

  private isSeed(relation: string): boolean {
    return this.dataset.seeds.some((seed) => seed.relation === relation); // another seed is another code hash
  }
}

/** What stands behind every `table` model of a dataset. */
export async function readTableInputs(client: Client | Connection, dataset: Dataset): Promise<ReadonlyMap<string, TableInputs>> {
  const found = new Map<string, TableInputs>();
  const models = new Map(dataset.models.map((model) => [model.relation, model]));
  const sources = new Set(dataset.sources.map(({ relation }) => relation));
  const ofTables = dataset.models.filter(({ materialized }) => materialized === 'table');
  for (const table of ofTables) {
    const seen = new Set<string>();
    const functions = new Set<string>();
    let isSteady = true;
    const visit = (relation: string): void => {
      const model = models.get(relation);
      if (seen.has(relation)) return;
      seen.add(relation);
      if (sources.has(relation)) isSteady = false;
      if (relation !== table.relation && model?.materialized !== 'view') return;
      for (const name of parseSelect(model!.query.text).functions) functions.add(name);
      if (SAYS_WHEN.test(model!.query.text)) isSteady = false;
      for (const mention of model!.query.mentions) visit(mention.relation);
    };
    visit(table.relation);
    if (isSteady) isSteady = await areImmutable(client, [...functions]);
    const isTable = (relation: string): boolean => relation !== table.relation && models.get(relation)?.materialized !== 'view';
    found.set(table.relation, { tables: [...seen].filter(isTable), isSteady });
  }
  return found;
}

/** 'today'::date is a literal that means another day tomorrow. */
const SAYS_WHEN = /'\s*(now|today|tomorrow|yesterday)\b/i;

/** A function that is immutable for one type and not for another counts as changing; a keyword such as current_date is no function. */
async function areImmutable(client: Client | Connection, names: readonly string[]): Promise<boolean> {
  const { rows } = await client.query<{ changing: boolean }>(
    `select exists (select from unnest($1::text[]) as name where not exists (select from pg_proc where proname = name)
       or exists (select from pg_proc where proname = name and provolatile <> 'i' and pronamespace = 'pg_catalog'::regnamespace)) as changing`,
    [names],
  );
  return rows[0]?.changing === false;
}

/**
 * Whether a table with `refresh` waits to be computed. One read-only statement of its own: no lock, no transaction id.
 */
export async function isRefreshDue(client: Client | Connection, dataset: Dataset): Promise<boolean> {
  const timed = dataset.models.filter(({ refreshEveryMs }) => refreshEveryMs !== undefined);
  if (timed.length === 0) return false;
  const { rows } = await client.query<{ due: boolean }>(
    `select exists (
       select from unnest($2::text[], $3::float8[]) as t (relation, every)
       left join ingot.table_refreshes as r on r.dataset = $1 and r.relation = t.relation
       where r.relation is null or r.code_hash <> $4 or r.computed_at + every * interval '1 millisecond' <= now()
     ) as due`,
    [dataset.name, timed.map(({ relation }) => relation), timed.map(({ refreshEveryMs }) => refreshEveryMs), dataset.codeHash],
  );
  return rows[0]?.due === true;
}

import type { Dataset, Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { AppliedCode } from '../applied-code.js';
import { ApplyError } from '../apply-error.js';
import { listPartitions } from '../bronze-partitions.js';
import { kindOf } from '../catalog.js';
import { relationName } from '../sql-names.js';

/** By source: the lowest `ingest_xid` still there, null when none has been dropped. */
export async function historyOf(client: Client | Connection, dataset: Dataset): Promise<Map<string, bigint | null>> {
  const history = new Map<string, bigint | null>();
  for (const { relation } of dataset.sources) {
    if ((await kindOf(client, relation)) === undefined) continue;
    const { ranges } = await listPartitions(client, relation);
    history.set(relation, ranges[0]?.lower ?? null);
  }
  return history;
}

/** The lowest `ingest_xid` a model counts when it is built now: of all the sources it reads itself; undefined = all there ever were. */
export function since(model: Model, history: ReadonlyMap<string, bigint | null>): string | undefined {
  const lowers = model.query.mentions.flatMap(({ relation }) => history.get(relation) ?? []);
  return lowers.length === 0 ? undefined : lowers.reduce((a, b) => (a > b ? a : b)).toString();
}

/**
 * A rebuild loses what a live table still counts of lines that are gone.
 * @throws ApplyError that names every such table not asked for by name
 */
export function refuseLostHistory(models: readonly Model[], applied: AppliedCode, history: ReadonlyMap<string, bigint | null>, allowed: readonly string[]): void {
  const problems = models.flatMap((model) => {
    const before = applied[model.relation];
    const lowest = since(model, history);
    if (lowest === undefined || before === undefined || before.materialized === 'view' || allowed.includes(model.relation)) return [];
    if (before.since !== undefined && BigInt(before.since) >= BigInt(lowest)) return [];
    return [{ file: model.file, line: 1, column: 1, message: `${model.relation} counts lines that retention has dropped since; a rebuild would lose their rows. To do it all the same: --drop-history ${model.relation}` }];
  });
  if (problems.length > 0) throw new ApplyError(problems);
}

const COUNTED_BYTES = 64 * 1024 * 1024;

/** About how many rows a relation holds: counted when it is small, else by the planner's statistics. */
export async function estimateRows(client: Client | Connection, relation: string): Promise<number> {
  const name = relationName(relation);
  const { rows } = await client.query<{ bytes: string; rows: number | null }>(
    `select sum(pg_relation_size(leaf)) as bytes, sum(case when c.reltuples < 0 then pg_relation_size(leaf) / 100 else c.reltuples * greatest(1, pg_relation_size(leaf) / greatest(c.relpages * 8192.0, 8192)) end)::float8 as rows
     from (select relid as leaf from pg_partition_tree(to_regclass($1)) where isleaf union select to_regclass($1) where not exists (select from pg_partition_tree(to_regclass($1)))) as leaves
     join pg_class as c on c.oid = leaf and c.relkind = 'r'`,
    [name],
  );
  const [found] = rows;
  if (found === undefined || found.rows === null) return 0;
  if (Number(found.bytes) > COUNTED_BYTES) return Math.round(found.rows);
  const counted = await client.query<{ count: string }>(`select count(*) from ${name}`);
  return Number(counted.rows[0]?.count ?? 0);
}

import type { Dataset, Model, Query } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import type { AppliedCode, Lacking } from '../applied-code.js';
import { ApplyError } from '../apply-error.js';
import { listPartitions } from '../bronze-partitions.js';
import { kindOf } from '../catalog.js';
import { readFloors } from '../retention/floors.js';
import { relationName } from '../sql-names.js';

/** What retention has left of what the models of a plan are built from. */
export interface History {
  /** The lowest `ingest_xid` a model counts when it is built now; undefined = all there ever were. `allowed` = models whose loss is no matter. */
  readonly since: (model: Model, allowed?: readonly string[]) => bigint | undefined;
  /** As keptLines gives it. */
  readonly lines: ReadonlyMap<string, bigint | null>;
  /** By model, by input with months that is not built anew by the same plan: the first day that is kept. */
  readonly months: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

export async function historyOf(client: Client | Connection, dataset: Dataset, models: readonly Model[], applied: AppliedCode): Promise<History> {
  const floors = await readFloors(client, dataset);
  const anew = new Set(models.map(({ relation }) => relation));
  const months = models.map(({ relation, query }): [string, Record<string, string>] => {
    const inputs = [...tablesBehind(query, dataset)].filter((input) => !anew.has(input) && floors.has(input));
    return [relation, Object.fromEntries(inputs.map((input) => [input, floors.get(input)!]))];
  });
  const lines = await keptLines(client, dataset);
  return { since: (model, allowed = []) => since(model, { dataset, lines, anew, applied, allowed }), lines, months: new Map(months.filter(([, inputs]) => Object.keys(inputs).length > 0)) };
}

/** What a model counts when it is built now. */
export function lackingOf(model: Model, { since: sinceOf, months }: History): Lacking | undefined {
  const from = sinceOf(model)?.toString();
  const below = months.get(model.relation);
  if (from === undefined && below === undefined) return undefined;
  return { ...(from === undefined ? {} : { since: from }), ...(below === undefined ? {} : { below }) };
}

function tablesBehind(query: Query, dataset: Dataset): Set<string> {
  const found = new Set<string>();
  for (const { relation } of query.mentions) {
    const view = dataset.models.find((model) => model.relation === relation && model.materialized === 'view');
    if (view === undefined) found.add(relation);
    else for (const behind of tablesBehind(view.query, dataset)) found.add(behind);
  }
  return found;
}

/** By source: the lowest `ingest_xid` still there, null when none has been dropped. */
async function keptLines(client: Client | Connection, dataset: Dataset): Promise<Map<string, bigint | null>> {
  const history = new Map<string, bigint | null>();
  for (const { relation } of dataset.sources) {
    if ((await kindOf(client, relation)) === undefined) continue;
    const { ranges } = await listPartitions(client, relation);
    history.set(relation, ranges[0]?.lower ?? null);
  }
  return history;
}

interface Terms {
  readonly dataset: Dataset;
  /** As keptLines gives it. */
  readonly lines: ReadonlyMap<string, bigint | null>;
  /** Built by the same plan. */
  readonly anew: ReadonlySet<string>;
  readonly applied: AppliedCode;
  readonly allowed: readonly string[];
}

/** Of all that it reads, and of what that was made of: a table made anew over what is left, under another name too, holds no more than that. */
function since(model: Model, terms: Terms): bigint | undefined {
  const { dataset, lines, anew, applied, allowed } = terms;
  const inputs = model.strategy === undefined ? model.query.mentions.map(({ relation }) => relation) : [...tablesBehind(model.query, dataset)];
  const lowers = inputs.flatMap((relation): bigint[] => {
    const own = lines.get(relation);
    if (own !== undefined) return own === null ? [] : [own];
    const input = dataset.models.find((one) => one.relation === relation);
    if (model.strategy === undefined || input?.strategy === undefined || allowed.includes(relation)) return [];
    const before = anew.has(relation) ? since(input, terms)?.toString() : applied[relation]?.since;
    return before === undefined ? [] : [BigInt(before)];
  });
  return lowers.length === 0 ? undefined : lowers.reduce((x, y) => (x > y ? x : y));
}

/**
 * A rebuild loses what a live table still counts of lines that are gone.
 * @throws ApplyError that names every such table not asked for by name
 */
export function refuseLostHistory(models: readonly Model[], applied: AppliedCode, { since: sinceOf, months }: History, allowed: readonly string[]): void {
  const problems = models.flatMap((model) => {
    const before = applied[model.relation];
    if (before === undefined || before.materialized === 'view' || allowed.includes(model.relation)) return [];
    const lowest = sinceOf(model, allowed);
    const losesLines = lowest !== undefined && (before.since === undefined || BigInt(before.since) < lowest);
    const lost = Object.entries(model.strategy === undefined ? {} : (months.get(model.relation) ?? {})).flatMap(([input, below]) => ((before.below?.[input] ?? '') < below ? [input] : []));
    const refusal = (what: string, wayOut: string) => ({ file: model.file, line: 1, column: 1, message: `${model.relation} counts ${what} that retention has dropped since; a rebuild would lose their rows. ${wayOut}, or to do it all the same: --drop-history ${model.relation}` });
    if (losesLines) return [refusal('lines', 'Bring them back from their archives (`ingot restore`)')];
    return lost.length === 0 ? [] : [refusal(`rows of ${lost.join(', ')}`, `Compute ${lost.join(', ')} anew with it from the lines (\`ingot rebuild ${lost.join(' ')}\`)`)];
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

import type { Dataset, Model } from '@ingot/datasets';
import type { Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { isSame, readAppliedCode, type AppliedCode } from '../applied-code.js';
import { FIRST_WIDTH, listPartitions, makeAhead } from '../bronze-partitions.js';
import { relationName } from '../sql-names.js';
import { guardNames, type GuardNames } from '../table-guards.js';
import { readState } from '../watermark.js';

interface Standing extends GuardNames {
  readonly kind: string;
}

/**
 * Whether the database agrees with the files already, told in three queries and one for each source, without a lock: a
 * service that starts asks it each time. True only when every file is the applied one to the letter and every table,
 * view, index and constraint stands; what is on them (grants, comments) is as apply left it or as somebody wanted it.
 */
export async function agrees(client: Client | Connection, dataset: Dataset): Promise<boolean> {
  const state = await readState(client, dataset.name);
  if (state?.codeHash !== dataset.codeHash) return false;
  const applied = await readAppliedCode(client, dataset.name);
  if (!isWholly(dataset, applied)) return false;
  const standing = await standingOf(client, [...dataset.sources, ...dataset.seeds, ...dataset.models].map(({ relation }) => relation));
  if (![...dataset.sources, ...dataset.seeds].every(({ relation }) => standing.has(relation))) return false;
  if (!dataset.models.every((model) => stands(model, applied, standing.get(model.relation)))) return false;
  for (const { relation } of dataset.sources) {
    if (makeAhead(relation, await listPartitions(client, relation), state.now.xmax, FIRST_WIDTH).length > 0) return false;
  }
  return true;
}

/** To the letter: the dataset's hash knows of no descriptions. */
function isWholly({ models }: Dataset, applied: AppliedCode): boolean {
  return models.every((model) => isSame(model, applied[model.relation]) && applied[model.relation]?.text === model.query.fileText);
}

function stands(model: Model, applied: AppliedCode, found: Standing | undefined): boolean {
  if (found === undefined || (found.kind === 'v') !== (model.materialized === 'view')) return false;
  const { checks, indexes } = guardNames(model);
  return isEqual(applied[model.relation]!.indexes, indexes) && indexes.every((name) => found.indexes.includes(name)) && isEqual(found.checks, checks);
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

async function standingOf(client: Client | Connection, relations: readonly string[]): Promise<Map<string, Standing>> {
  const { rows } = await client.query<Standing & { relation: string }>(
    `select relation, relkind as kind,
       array(select i.relname::text from pg_index join pg_class as i on i.oid = indexrelid where indrelid = c.oid) as indexes,
       array(select conname::text from pg_constraint where conrelid = c.oid and contype = 'c' and starts_with(conname, 'ingot_')) as checks
     from unnest($1::text[], $2::text[]) as named (relation, name) join pg_class as c on c.oid = to_regclass(name)`,
    [relations, relations.map(relationName)],
  );
  return new Map(rows.map((row) => [row.relation, row]));
}

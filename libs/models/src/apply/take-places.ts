import type { Dataset, Model } from '@ingot/datasets';
import { sqlState, SQLSTATE, type Connection } from '@ingot/postgres';
import type { Client } from 'pg';
import { ApplyError } from '../apply-error.js';
import { kindOf } from '../catalog.js';
import { serverError } from '../sql-error.js';
import { bareName, columnName, relationName, schemaOf } from '../sql-names.js';
import { COLUMNS_CHANGED, makeView } from '../views.js';
import { dependentViews, otherDependents, type DependentView } from './dependents.js';
import { giveComments, giveOptions, giveProperties, readProperties, type RelationProperties } from './relation-properties.js';
import { relationIn, replacedArea, schemaIn, shadowArea } from './shadow-dataset.js';

/** How long the last attempt waits beyond the longest read. */
const GRACE_SECONDS = 1;
const FIRST_WAITS_SECONDS = [1, 2, 4];

export interface Takeover {
  readonly dataset: Dataset;
  /** Tables whose shadow takes their place, new ones among them. */
  readonly tables: readonly Model[];
  /** Views that are new or changed, in graph order. */
  readonly views: readonly Model[];
  /** Tables that are changed where they stand, while no reader holds them. */
  readonly altered: readonly string[];
  readonly alter: () => Promise<void>;
  /** The longest a read may hold its locks. */
  readonly readSeconds: number;
}

/**
 * Puts shadows in the place of live tables and makes the views over them, at the end of the publishing transaction.
 * Readers wait from the moment the locks are taken until the commit, some milliseconds.
 * @throws ApplyError when something depends on a table or view that cannot be made again, by name
 */
export async function takePlaces(client: Client | Connection, takeover: Takeover): Promise<void> {
  const { dataset, tables, views, altered } = takeover;
  if (tables.length + views.length + altered.length === 0) return;
  const leaving = await leavingTables(client, views);
  const replaced = [...tables.map(({ relation }) => relation), ...leaving];
  const dependents = await dependentsOf(client, dataset, replaced, views.map(({ relation }) => relation));
  await lockAll(client, [...new Set([...replaced, ...altered, ...views.map(({ relation }) => relation), ...dependents.map(({ relation }) => relation)])], takeover.readSeconds);
  await takeover.alter();

  const own = new Map(dataset.models.map((model) => [model.relation, model]));
  const shown = new Set([...views.map(({ relation }) => relation), ...dependents.map(({ relation }) => relation)]);
  const ownViews = dataset.models.filter(({ relation, materialized }) => materialized === 'view' && shown.has(relation));
  const foreign = dependents.filter(({ relation }) => own.get(relation)?.materialized !== 'view' && !replaced.includes(relation));
  const takePlace = async (): Promise<void> => {
    await swap(client, dataset, replaced, tables);
    for (const view of ownViews) await makeView(client, view);
    for (const view of foreign) await makeForeignView(client, view);
  };
  const kept = new Map<string, RelationProperties>();
  for (const { relation } of [...ownViews, ...foreign]) {
    const properties = await readProperties(client, relation);
    if (properties?.kind === 'view') kept.set(relation, properties);
  }
  const formerViews = await viewsAmong(client, replaced);
  if (formerViews.length === 0 && (await withoutDropping(client, takePlace))) {
    for (const [relation, properties] of kept) await giveOptions(client, relation, properties);
    return dropReplaced(client, dataset, replaced);
  }
  await dropViews(client, dataset, [...kept.keys(), ...formerViews]);
  await takePlace();
  for (const [relation, properties] of kept) {
    await giveComments(client, relation, properties);
    await giveProperties(client, relation, properties);
  }
  await dropReplaced(client, dataset, replaced);
}

/** `create or replace view` leaves all but its options on a view, and what depends on it. False when columns change. */
async function withoutDropping(client: Client | Connection, work: () => Promise<void>): Promise<boolean> {
  await client.query('savepoint places');
  try {
    await work();
    await client.query('release savepoint places');
    return true;
  } catch (error) {
    if (sqlState((error as Error).cause ?? error) !== COLUMNS_CHANGED) throw error;
    await client.query('rollback to savepoint places');
    return false;
  }
}

async function makeForeignView(client: Client | Connection, { relation, definition }: DependentView): Promise<void> {
  try {
    await client.query(`create or replace view ${relationName(relation)} as ${definition}`);
  } catch (error) {
    throw new ApplyError([{ file: relation, line: 1, column: 1, message: `the view ${relation}, which Ingot has not made, cannot be made again over the new tables: ${serverError(error).message ?? String(error)}` }], { cause: error });
  }
}

/** Relations of models that are views now and have been tables. */
async function leavingTables(client: Client | Connection, views: readonly Model[]): Promise<string[]> {
  const leaving: string[] = [];
  for (const { relation } of views) if ((await kindOf(client, relation)) === 'table') leaving.push(relation);
  return leaving;
}

async function viewsAmong(client: Client | Connection, relations: readonly string[]): Promise<string[]> {
  const views: string[] = [];
  for (const relation of relations) if ((await kindOf(client, relation)) === 'view') views.push(relation);
  return views;
}

/**
 * The views that have to be made again when tables are replaced and views change.
 * @throws ApplyError that names everything that would be lost: what depends on a table and is no view, views of others
 */
export async function dependentsOf(client: Client | Connection, dataset: Dataset, tables: readonly string[], views: readonly string[]): Promise<DependentView[]> {
  const problems = [];
  for (const relation of tables) {
    const file = dataset.models.find((model) => model.relation === relation)?.file ?? relation;
    for (const other of await otherDependents(client, relation)) {
      problems.push({ file, line: 1, column: 1, message: `${relation} is to be replaced, but ${other} depends on it, which Ingot has not made and cannot make again: drop it first` });
    }
  }
  const dependents = await dependentViews(client, [...tables, ...views]);
  for (const { relation, isOurs } of dependents) {
    if (!isOurs) problems.push({ file: relation, line: 1, column: 1, message: `the view ${relation} reads what is to be replaced and belongs to another role, so Ingot cannot make it again: drop it first, or apply as its owner` });
  }
  if (problems.length > 0) throw new ApplyError(problems);
  return dependents;
}

/**
 * One statement for all of them, in the order in which reads take them: tables by name, those behind views among them,
 * then views; LOCK TABLE of a view locks what is behind it then and there. A reader that holds one of them makes every
 * later reader wait behind this request, so it is given up soon, and at last kept for longer than any read may last:
 * staggered readers starve a fixed wait.
 */
async function lockAll(client: Client | Connection, relations: readonly string[], readSeconds: number): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `with recursive locked as (
       select to_regclass(name)::oid as oid from unnest($1::text[]) as name
       union
       select d.refobjid from locked join pg_rewrite as r on r.ev_class = locked.oid join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
       where exists (select from pg_class as c where c.oid = locked.oid and c.relkind = 'v')
     )
     select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name
     from locked join pg_class as c using (oid) join pg_namespace as n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v') and n.nspname not in ('pg_catalog', 'information_schema')
     order by c.relkind = 'v', (n.nspname || '.' || c.relname) collate "C"`,
    [relations.map(relationName)],
  );
  const names = rows.map(({ name }) => name);
  if (names.length === 0) return;
  const longest = readSeconds + GRACE_SECONDS;
  for (const seconds of [...FIRST_WAITS_SECONDS.filter((wait) => wait < longest), longest]) {
    await client.query('savepoint locks');
    try {
      await client.query(`set local lock_timeout = ${Math.ceil(seconds * 1000)}`);
      await client.query(`lock table ${names.join(', ')} in access exclusive mode`);
      await client.query('set local lock_timeout = 0; release savepoint locks');
      return;
    } catch (error) {
      if (sqlState(error) !== SQLSTATE.lockNotAvailable) throw error;
      await client.query('rollback to savepoint locks');
    }
  }
  throw new Error(`somebody has held one of ${names.join(', ')} for longer than a read may last; nothing was published, what was built stays: apply again`);
}

/** Moves tables by schema, so that their indexes and constraints keep their names. */
async function swap(client: Client | Connection, dataset: Dataset, replaced: readonly string[], tables: readonly Model[]): Promise<void> {
  const aside = replacedArea(dataset.name);
  const shadows = shadowArea(dataset.name);
  for (const schema of new Set(replaced.map(schemaOf))) await client.query(`create schema if not exists ${columnName(schemaIn(aside, schema))}`);
  const kept = new Map<string, RelationProperties>();
  for (const relation of replaced) {
    const kind = await kindOf(client, relation);
    if (kind === 'view') continue; // dropped with the other views
    // A table that is new gets what this schema gives to new tables: an empty one is asked.
    if (kind === undefined) await client.query(`create table ${relationName(relation)} ()`);
    const properties = await readProperties(client, relation);
    if (properties !== undefined) kept.set(relation, properties);
    await moveTable(client, relation, schemaIn(aside, schemaOf(relation)));
  }
  for (const { relation } of tables) {
    await moveTable(client, relationIn(shadows, relation), schemaOf(relation));
    const properties = kept.get(relation);
    if (properties !== undefined) await giveProperties(client, relation, properties);
  }
}

/** A table with its partitions: they do not follow by themselves. */
async function moveTable(client: Client | Connection, relation: string, schema: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(`select c.relname as name from pg_inherits as i join pg_class as c on c.oid = i.inhrelid where i.inhparent = to_regclass($1)`, [relationName(relation)]);
  for (const name of [bareName(relation), ...rows.map((row) => row.name)]) await client.query(`alter table ${relationName(`${schemaOf(relation)}.${name}`)} set schema ${columnName(schema)}`);
}

async function dropReplaced(client: Client | Connection, dataset: Dataset, replaced: readonly string[]): Promise<void> {
  const aside = replacedArea(dataset.name);
  for (const relation of replaced) await client.query(`drop table if exists ${relationName(relationIn(aside, relation))}`);
  for (const schema of new Set(replaced.map(schemaOf))) await client.query(`drop schema ${columnName(schemaIn(aside, schema))}`);
}

/** In one statement, so that they may read each other in whatever order. */
async function dropViews(client: Client | Connection, dataset: Dataset, relations: readonly string[]): Promise<void> {
  const problem = (relation: string, message: string) => ({ file: dataset.models.find((model) => model.relation === relation)?.file ?? relation, line: 1, column: 1, message });
  const problems = [];
  for (const relation of relations) {
    for (const other of await otherDependents(client, relation)) {
      problems.push(problem(relation, `the view ${relation} has to be made again because columns change, but ${other} depends on it, which Ingot has not made and cannot make again: drop it first`));
    }
  }
  if (problems.length > 0) throw new ApplyError(problems);
  if (relations.length > 0) await client.query(`drop view ${relations.map(relationName).join(', ')}`);
}
